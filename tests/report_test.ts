import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

const QUICK = ["--dataset", "set", "--steps", "10", "--noise", "sample", "--device", "cpu"];

async function evaluate(folder: string, ...args: string[]): Promise<SampleResult[]> {
  const { code, stderr } = await runCommand("eval", [...QUICK, ...args, "--out", "run"], folder);
  assertEquals([code, stderr.includes("No report")], [0, false], stderr);
  const text = await Deno.readTextFile(`${folder}/run/results.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

/** Returns the data of a report's samples. */
function rowsOf(page: string): { id: string; status: string; phrase: string }[] {
  return JSON.parse(/<script type="application\/json" id="rows">(.*?)<\/script>/s.exec(page)![1]!);
}

Deno.test("report comes to the bytes of eval's own page, and of a whole run where shards were merged", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 6, images: 4 });
    const results = await evaluate(folder);
    const own = await Deno.readTextFile(`${folder}/run/report.html`);
    assertEquals(
      rowsOf(own).map(({ id, status, phrase }) => [id, status, phrase]),
      results.map(({ id, status, phrase }) => [id, status, phrase]),
    );
    assertMatch(own, /<p class="warning">Research software\. Not for clinical use\.<\/p>/);
    assertMatch(own, /<dt>sigma<\/dt><dd>2\.5<\/dd>/);
    assert(!/(?:src|href)="(?!#|data:)/.test(own));
    const { code, stdout, stderr } = await runCommand(
      "report",
      ["run", "--out", "again.html"],
      folder,
    );
    assertEquals([code, stdout, stderr], [0, "Report: again.html\n", ""]);
    assertEquals(await Deno.readTextFile(`${folder}/again.html`), own);

    for (const i of [1, 2]) {
      const part = [...QUICK, "--shard", `${i}/2`, "--out", `part-${i}`];
      assertEquals((await runCommand("eval", part, folder)).code, 0);
      const names = [...Deno.readDirSync(`${folder}/part-${i}`)].map(({ name }) => name);
      assert(!names.includes("report.html"));
    }
    const merged = await runCommand("merge", ["part-2", "part-1", "--out", "merged"], folder);
    assertMatch(merged.stdout, /\nAs a page: deno task report merged\n/);
    await runCommand("report", ["merged"], folder);
    assertEquals(await Deno.readTextFile(`${folder}/merged/report.html`), own);
  }));

Deno.test("report names missing parts in the page and on stderr, also of an interrupted run", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 6, images: 4 });
    const results = await evaluate(folder, "--no-report");
    assert(![...Deno.readDirSync(`${folder}/run`)].some(({ name }) => name === "report.html"));
    const [first, second] = [...new Set(results.map(({ image }) => image!))];
    await Deno.remove(`${folder}/${first}`);
    await writeGray(`${folder}/${second}`, { data: new Uint8Array(64), width: 8, height: 8 });
    const lines = results.slice(0, -1).map((result) => JSON.stringify(result) + "\n");
    await Deno.writeTextFile(`${folder}/run/results.jsonl`, `${lines.join("")}{"id":"torn`);
    const { code, stderr } = await runCommand("report", ["run"], folder);
    assertEquals(code, 0);
    const notices = stderr.trim().split("\n");
    assertEquals(notices.length, 2);
    assertMatch(notices[0]!, /^No X-ray of ".*": .*there is no such file/);
    assertMatch(notices[1]!, /^No X-ray of ".*": .*has 8x8 pixels, and had \d+x\d+/);
    const page = await Deno.readTextFile(`${folder}/run/report.html`);
    const left = page.slice(page.indexOf('<section id="missing"'));
    assertEquals([...left.matchAll(/<li>No X-ray of/g)].length, 2);
    assertMatch(page, new RegExp(`: ${results.length - 1} of ${results.length} samples`));
    assertMatch(page, /The run was broken off: samples are missing\./);
    assertEquals(rowsOf(page).length, results.length - 1);
    // After a power cut, one sentence names all missing heatmaps.
    await Deno.truncate(`${folder}/run/heatmaps.bin`, 0);
    const gone = await runCommand("report", ["run"], folder);
    assertEquals(gone.code, 0);
    assertMatch(
      gone.stderr,
      /^Cannot read "run\/heatmaps.bin": .* and of \d+ more, found none; if the run was cut short, the same eval .*\n$/,
    );
  }));

Deno.test("eval ends well where its page cannot be written", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 6, images: 2 });
    await Deno.mkdir(`${folder}/run/report.html/full`, { recursive: true });
    const { code, stderr } = await runCommand("eval", [...QUICK, "--out", "run"], folder);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /No report: Cannot write "run\/report\.html"/);
    const left = [...Deno.readDirSync(`${folder}/run`)].map(({ name }) => name);
    assert(!left.some((name) => name.endsWith(".partial")));
  }));

Deno.test("report refuses a folder without a run, and results that it cannot show", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/empty`);
    await writePhantomSet(`${folder}/set`, { seed: 6, images: 1 });
    const [first] = await evaluate(folder, "--no-report");
    const fails = async (args: string[], expected: number, message: RegExp) => {
      const { code, stderr } = await runCommand("report", args, folder);
      assertEquals(code, expected, stderr);
      assertMatch(stderr, message);
    };
    await fails(["empty"], 1, /Cannot read "empty": expected the folder of a run/);
    await fails([], 2, /At least one RESULTS is needed/);
    await fails(
      ["run", "--out", "no/such/folder.html"],
      1,
      /Cannot write "no\/such\/folder\.html"/,
    );
    await Deno.symlink("empty", `${folder}/link`);
    await fails(["run", "--out", "link"], 1, /Cannot write "link": it is a folder/);
    assert((await Deno.lstat(`${folder}/link`)).isSymlink);
    const cases: [object, RegExp][] = [
      [{ boxes: [1] }, /Cannot show ".*" of "run": expected boxes of four numbers each/],
      [{ setting: "other" }, /its setting "other" is none of the run's/],
    ];
    for (const [change, message] of cases) {
      const line = JSON.stringify({ ...first, ...change }) + "\n";
      await Deno.writeTextFile(`${folder}/run/results.jsonl`, line);
      await fails(["run"], 1, message);
    }
  }));
