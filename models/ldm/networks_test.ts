import "../../base/host/deno/mod.ts";
import { assert, assertStrictEquals } from "@std/assert";
import { openRuntime } from "../runtime/open_runtime.ts";
import { loadBundle } from "./bundle.ts";
import { openModel } from "./model.ts";

Deno.test("LdmModel.condition() drops the phrase that was unused for longest", async () => {
  const bundle = await loadBundle(new URL("../demo", import.meta.url).pathname);
  const model = await openModel(bundle, await openRuntime("native"), { layers: [3] });
  try {
    const [first, ...others] = Array.from(
      { length: 17 },
      (_, i) => bundle.tokenizer.encode("left ".repeat(i + 1)),
    );
    const [second, ...rest] = others;
    const kept = await model.condition(first!);
    const dropped = await model.condition(second!);
    for (const phrase of rest.slice(0, -1)) await model.condition(phrase);
    assertStrictEquals(await model.condition(first!), kept);
    // The 17th phrase exceeds the cache.
    await model.condition(rest.at(-1)!);
    assertStrictEquals(await model.condition(first!), kept);
    assert(await model.condition(second!) !== dropped);
  } finally {
    await model.close();
  }
});
