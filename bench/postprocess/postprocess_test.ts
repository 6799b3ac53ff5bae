import { assertEquals, assertMatch } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { inFolder, readOutput } from "../../tests/support/command.ts";

const ROOT = decodeURIComponent(new URL("../..", import.meta.url).pathname);

/** Runs the command line of the task in `deno.json`, followed by `args`. */
async function runTask(args: readonly string[]) {
  const [program, ...own] = manifest.tasks.bench.command.split(" ");
  assertEquals(program, "deno");
  const env = { NO_COLOR: "1", INIT_CWD: "" };
  return await readOutput("deno", { args: [...own, ...args], cwd: ROOT, env });
}

Deno.test("bench compares and times the contenders, and writes its result", () =>
  inFolder(async (folder) => {
    const args = ["--no-peers", "--rounds", "1", "--phrases", "2", "--out", folder];
    const { code, stdout, stderr } = await runTask(args);
    assertEquals(code, 0, stderr);
    assertEquals(
      stdout.match(/^\| plain TypeScript \| [\d.]+ \| [\d.]+ \| 1\.0 \(1\.0 to 1\.0\) x \|$/gm)
        ?.length,
      3,
    );
    assertEquals(stdout.match(/^\| shaders \| /gm)?.length, 2);
    assertMatch(stdout, /^Reading four bytes back takes [\d.]+ ms/m);
    const [file, ...more] = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assertMatch(file!, /^\d{4}-\d\d-\d\d-bench\.md$/);
    assertEquals(more, []);
    assertEquals(await Deno.readTextFile(`${folder}/${file}`), stdout);
  }));

Deno.test("bench refuses an option that it does not have", async () => {
  const { code, stderr } = await runTask(["--round", "1"]);
  assertEquals(code, 2);
  assertMatch(stderr, /did you mean "--rounds"/);
});
