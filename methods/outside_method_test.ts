import "../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import type { MethodContext } from "./method_row.ts";
import { importMethod } from "./outside_method.ts";

/** Writes a module, and imports its method. */
async function importText(text: string, name = "own.ts") {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    return await importMethod(`${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("importMethod() names the module in every error of its import", async () => {
  const cases: [text: string, message: RegExp][] = [
    ["export default {", /^Cannot import method "[^"]*own\.ts": Unexpected .*<eof>/],
    ['import "./none.ts";', /^Cannot import method "[^"]*own\.ts": Module not found .*none\.ts/],
    ["throw new Error('no license');", /^Cannot import method "[^"]*own\.ts": no license$/],
    ["(undefined as any).x;", /^Cannot import method "[^"]*own\.ts": Cannot read properties/],
    ["export default null;", /^Cannot take a method from "[^"]*own\.ts": expected a default/],
  ];
  for (const [text, message] of cases) {
    const error = await assertRejects(() => importText(text), Error);
    assertEquals([error.constructor, message.test(error.message)], [Error, true], error.message);
  }
});

Deno.test("importMethod() refuses a method without ground() or close() as it opens", async () => {
  const row = (method: string) =>
    `export default {
    label: "Own", gives: "heatmaps",
    choose: () => Promise.resolve({ open: () => Promise.resolve(${method}) }),
  };`;
  const open = async (method: string) => {
    const { choose } = await importText(row(method), "has space.js");
    const chosen = await choose("", {}, {} as MethodContext);
    return await chosen.open(() => Promise.reject(new Error("there is no dataset")));
  };
  assertEquals(typeof (await open("{ ground() {}, close() {} }")).ground, "function");
  for (const method of ["undefined", "{}", "{ ground() {} }"]) {
    await assertRejects(
      () => open(method),
      Error,
      "expected open() to return ground() and close()",
    );
  }
});
