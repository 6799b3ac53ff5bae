import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { Random } from "../base/random.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { killEval } from "./support/kill.ts";
import { copy } from "./support/copy.ts";
import { assertSameFiles, makeSet } from "./support/set.ts";

const SETTINGS = ["--dataset", "set", "--steps", "10", "--noise", "sample"];

const read = (path: string) => Deno.readTextFile(path);

Deno.test("eval goes on where it was killed, to the bytes of a run that was not", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 12);
    const args = [...SETTINGS, "--setting", "mine:3-7:all:none"];
    const whole = await runCommand("eval", [...args, "--out", "whole"], folder);
    assertEquals(whole.code, 3, whole.stderr);
    const random = new Random(1);
    for (let i = 0; i < 3; i++) {
      await killEval(folder, [...args, "--out", "out"], Math.round(300 * random.uniform()));
    }
    // Cut the last line, as a power cut would.
    const killed = await Deno.readFile(`${folder}/out/results.jsonl`);
    await Deno.writeFile(`${folder}/out/results.jsonl`, killed.subarray(0, killed.length - 30));
    const { code, stdout, stderr } = await runCommand("eval", [...args, "--out", "out"], folder);
    assertEquals(code, 3, stderr);
    assertMatch(stderr, /; \d+ done before\./);
    for (const name of ["results.jsonl", "heatmaps.bin"]) {
      assertEquals(
        await Deno.readFile(`${folder}/out/${name}`),
        await Deno.readFile(`${folder}/whole/${name}`),
      );
    }
    const table = (text: string) => text.slice(0, text.indexOf("Results:"));
    assertEquals(table(stdout), table(whole.stdout));
    const again = await runCommand("eval", [...args, "--out", "out"], folder);
    assertEquals(table(again.stdout), table(whole.stdout));
  }));

Deno.test("eval goes back to the last sample whole in both files after a power cut", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 5);
    const args = [...SETTINGS, "--setting", "mine:3-7:all:none", "--no-report"];
    const evaluate = () => runCommand("eval", [...args, "--out", "out"], folder);
    const first = await evaluate();
    assertEquals(first.code, 3, first.stderr);
    const names = ["results.jsonl", "heatmaps.bin"];
    await copy(`${folder}/out`, `${folder}/whole`);
    const [lines, maps] = names.map((name) => `${folder}/out/${name}`) as [string, string];
    const cut = async (path: string, share: number) =>
      await Deno.truncate(path, Math.floor(share * (await Deno.stat(path)).size));
    const zero = async (path: string, from: number, to = 1) => {
      const bytes = await Deno.readFile(path);
      const [start, end] = [from, to].map((share) => Math.floor(share * bytes.length));
      await Deno.writeFile(path, bytes.fill(0, start, end));
    };
    const cases: [() => Promise<unknown>, RegExp][] = [
      // The case of the original bug report.
      [() => cut(maps, 0.5), /ends before the heatmap of ".*computed again \([1-9]/],
      [() => Promise.all([zero(lines, 0.65), cut(maps, 0.4)]), /ends before the heatmap/],
      [
        () => Promise.all([zero(lines, 0.5, 0.7), zero(`${folder}/out/ablation.md`, 0)]),
        /Line \d of "out\/results.jsonl" has zeros/,
      ],
    ];
    for (const [damage, said] of cases) {
      await damage();
      const { code, stdout, stderr } = await evaluate();
      assertEquals(code, 3, stderr);
      assertMatch(stderr, said);
      await assertSameFiles(`${folder}/out`, `${folder}/whole`, [
        ...names,
        "run.json",
        "ablation.md",
      ]);
      assertEquals(stdout, first.stdout);
    }
  }));

Deno.test("shards of eval merge to the bytes of a whole run, in any order", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 7);
    const args = [...SETTINGS, "--limit", "9"];
    const whole = await runCommand("eval", [...args, "--out", "whole"], folder);
    const environments = [
      { SLURM_ARRAY_TASK_ID: "4", SLURM_ARRAY_TASK_MIN: "4", SLURM_ARRAY_TASK_COUNT: "3" },
      { SLURM_ARRAY_TASK_ID: "5", SLURM_ARRAY_TASK_MIN: "4", SLURM_ARRAY_TASK_COUNT: "3" },
      { JOB_COMPLETION_INDEX: "2" },
    ];
    const shards = ["auto", "auto", "auto/3"];
    for (const [i, env] of environments.entries()) {
      const own = [...args, "--shard", shards[i]!, "--out", `shards/${i}`];
      const { code, stderr } = await runCommand("eval", own, folder, { env });
      assert(code === 0 || code === 3, stderr);
      assertMatch(stderr, new RegExp(`shard ${i + 1} of 3`));
    }
    const merge = (...args: string[]) => runCommand("merge", ["--out", "merged", ...args], folder);
    const lacking = await merge("shards/2", "shards/0");
    assertEquals(lacking.code, 1);
    assertMatch(
      lacking.stderr,
      /^error: Cannot merge "shards\/2", "shards\/0": of 3 shards, missing: 2\n$/,
    );
    const { code, stdout, stderr } = await merge("shards/2", "shards/0", "shards/1");
    assertEquals(code, whole.code, stderr);
    for (const name of ["results.jsonl", "heatmaps.bin", "table.md", "table.tex", "table.csv"]) {
      assertEquals(
        await Deno.readFile(`${folder}/merged/${name}`),
        await Deno.readFile(`${folder}/whole/${name}`),
      );
    }
    const numbers = async (name: string) => {
      const { classes, average, counts } = JSON.parse(await read(`${folder}/${name}/summary.json`));
      return { classes, average, counts };
    };
    assertEquals(await numbers("merged"), await numbers("whole"));
    const table = (text: string) => text.slice(0, text.indexOf("Results:"));
    assertEquals(table(stdout), table(whole.stdout));
    // A merged run can be resumed like any other run.
    const on = await runCommand("eval", [...args, "--out", "merged"], folder);
    assertEquals(table(on.stdout), table(whole.stdout));
  }));

Deno.test("eval ends at too many failed samples, and tries them again on request", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 6, images: 4 });
    await Deno.rename(`${folder}/set/files`, `${folder}/set/moved`);
    await Deno.mkdir(`${folder}/set/files`);
    const args = [...SETTINGS, "--out", "out"];
    const ended = await runCommand("eval", [...args, "--max-failures", "2"], folder);
    assertEquals(ended.code, 4, ended.stderr);
    assertMatch(ended.stderr, /\nerror: 3 samples failed, more than --max-failures 2\n$/);
    const lines = (await read(`${folder}/out/results.jsonl`)).trim().split("\n");
    assertEquals(lines.length, 3);
    const { status, stage, error, reason } = JSON.parse(lines[0]!);
    assertEquals([status, stage, error], ["failed", "decode", "NotFound"]);
    assertMatch(reason, /there is no such file/);

    const all = await runCommand("eval", args, folder);
    assertEquals(all.code, 3, all.stderr);
    await Deno.remove(`${folder}/set/files`);
    await Deno.rename(`${folder}/set/moved`, `${folder}/set/files`);
    const good = await runCommand("eval", [...args, "--retry-failed"], folder);
    assertEquals(good.code, 0, good.stderr);
    assertMatch(good.stdout, / 0 failed\./);
  }));

Deno.test("eval names the differences from the run in --out, and another writer there", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    const args = [...SETTINGS, "--out", "out"];
    await runCommand("eval", args, folder);
    const before = await read(`${folder}/out/results.jsonl`);
    const cases: [string[], number, RegExp][] = [
      [["--sigma", "3"], 1, /differs in settings\.sigma \(2\.5, here 3\); choose another --out/],
      [["--limit", "1"], 1, /differs in dataset\.limit \(none, here 1\)/],
      [["--shard", "1/2"], 1, /differs in shard\.number \(none, here 1\), shard\.count/],
      [["--no-resume"], 1, /already holds results; choose another --out/],
      [["--shard", "3/2"], 2, /there is no shard 3 of 2, they are counted from 1/],
      [["--shard", "half"], 2, /must be I\/N such as 3\/8/],
      [["--overwrite", "--retry-failed"], 2, /exclude each other/],
    ];
    for (const [more, expected, message] of cases) {
      const { code, stderr } = await runCommand("eval", [...args, ...more], folder);
      assertEquals(code, expected, stderr);
      assertMatch(stderr.trim().split("\n").at(-1)!, message);
      assertEquals(await read(`${folder}/out/results.jsonl`), before);
    }
    using record = await Deno.open(`${folder}/out/run.json`, { read: true, write: true });
    assert(await record.tryLock(true));
    const { code, stderr } = await runCommand("eval", [...args, "--overwrite"], folder);
    assertEquals(code, 1);
    assertMatch(stderr, /another run is writing there; choose another --out\n$/);
    assertEquals(await read(`${folder}/out/results.jsonl`), before);
  }));
