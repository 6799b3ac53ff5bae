import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { RUNS } from "./old_runs/commands.ts";
import { inFolder, runCommand } from "./support/command.ts";

const FIXTURE = new URL("old_runs/fixture/", import.meta.url).pathname;

/** Makes a run of diffusion model and BioViL with summary and tables, from a run's heatmaps. */
async function makeRun(folder: string): Promise<void> {
  const { code, stderr } = await runCommand(
    "rescore",
    [`${FIXTURE}both`, "--protocol", "per-box,union,ap", "--out", "run"],
    folder,
  );
  assertEquals(code, 3, stderr);
}

async function edit(path: string, pattern: RegExp, text: string): Promise<void> {
  const before = await Deno.readTextFile(path);
  const after = before.replace(pattern, text);
  assertEquals(after === before, false, `nothing in ${path} matches ${pattern}`);
  await Deno.writeTextFile(path, after);
}

Deno.test("validate finds no difference in a run, nor in a run of an earlier version", () =>
  inFolder(async (folder) => {
    await makeRun(folder);
    const { code, stdout, stderr } = await runCommand("validate", ["run"], folder);
    assertEquals(code, 0, stdout + stderr);
    assertMatch(stdout, /^No difference in \d+ values of 8 samples, the summary and 6 tables\.\n$/);
    for (const name of Object.keys(RUNS)) {
      const old = await runCommand("validate", [`${FIXTURE}${name}`], folder);
      assertEquals(old.code, 0, old.stdout + old.stderr);
      assertMatch(
        old.stdout,
        /^The run has no summary\.json and no tables to compare\.\nNo differ/,
      );
    }
  }));

Deno.test("validate names each changed number, and its file", () =>
  inFolder(async (folder) => {
    await makeRun(folder);
    await edit(`${folder}/run/results.jsonl`, /"miou":0\.\d+/, '"miou":0.75');
    await edit(`${folder}/run/summary.json`, /"aucRoc": ?[\d.]+/, '"aucRoc":2');
    await edit(`${folder}/run/table.md`, /\d+\.\d/, "99.9");
    await Deno.remove(`${folder}/run/protocols.csv`);
    const { code, stdout } = await runCommand("validate", ["run"], folder);
    assertEquals(code, 3, stdout);
    const lines = stdout.trim().split("\n");
    assertMatch(lines[0]!, /^results\.jsonl, .*#\d+, ldm, miou: 0\.75, recomputed 0\.\d+$/);
    assertMatch(lines[1]!, /^summary\.json, .*, aucRoc: 2, recomputed 0\.\d+$/);
    assertMatch(lines[2]!, /^table\.md, line \d+: .*99\.9.*, recomputed /);
    assertMatch(lines[3]!, /^protocols\.csv: missing, recomputed /);
    assertMatch(
      lines[4]!,
      /^4 differences in \d+ values of 8 samples, .* two numbers is 1\.\d+\.$/,
    );
    const tolerant = await runCommand("validate", ["run", "--tolerance", "2"], folder);
    assertEquals(tolerant.code, 0, tolerant.stdout);
    assertMatch(tolerant.stdout, /^0 differences in .* two numbers is 1\.\d+\.\n$/);
  }));

Deno.test("validate names a folder without a run, and a summary that is no JSON", () =>
  inFolder(async (folder) => {
    const none = await runCommand("validate", ["none"], folder);
    assertEquals(none.code, 1);
    assertMatch(none.stderr, /^error: Cannot read "none"/);
    await makeRun(folder);
    await Deno.writeTextFile(`${folder}/run/summary.json`, "{");
    const { code, stderr } = await runCommand("validate", ["run"], folder);
    assertEquals(code, 1);
    assertMatch(stderr, /^error: Cannot read "run\/summary\.json": /);
  }));
