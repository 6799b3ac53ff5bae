import { assert, assertEquals, assertMatch } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { inFolder } from "../../tests/support/command.ts";
import type { Measurement } from "./measure.ts";

const ROOT = decodeURIComponent(new URL("../..", import.meta.url).pathname);

/** Runs the command line of a task in `deno.json`, followed by `args`. */
async function runTask(task: "bench", args: readonly string[]) {
  const [program, ...own] = manifest.tasks[task].command.split(" ");
  assertEquals(program, "deno");
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: [...own, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", INIT_CWD: "" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("bench --quick measures every kernel and shape, and writes JSON and a chart", () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await runTask("bench", [
      ...["--quick", "--no-peers", "--rounds", "1", "--out", folder],
    ]);
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /plain TypeScript +shaders/);
    assertMatch(stdout, /On .* the shaders .* plain TypeScript/);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names.map((name) => name.slice(11)), ["postprocess.json", "postprocess.svg"]);
    const { measurements } = JSON.parse(await Deno.readTextFile(`${folder}/${names[0]}`));
    assertEquals(measurements.length, 15);
    for (const { name, times, refused } of measurements as Measurement[]) {
      assertEquals(refused, [], name);
      assert(times.typescript!.median > 0 && times.shaders!.median > 0, name);
    }
    assertMatch(await Deno.readTextFile(`${folder}/${names[1]}`), /^<svg [^]*<\/svg>\n$/);
  }));

Deno.test("bench refuses an option that it does not have", async () => {
  const { code, stderr } = await runTask("bench", ["--qick"]);
  assertEquals(code, 2);
  assertMatch(stderr, /did you mean "--quick"/);
});
