import "../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { inFolder, runCommand } from "./support/command.ts";
import { copyRuns } from "./support/old_runs.ts";

type Line = Record<string, string | number | undefined>;

async function readLines(path: string): Promise<Line[]> {
  return (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
}

async function editLines(path: string, edit: (lines: Line[]) => Line[]): Promise<void> {
  const lines = edit(await readLines(path)).map((line) => JSON.stringify(line) + "\n");
  await Deno.writeTextFile(path, lines.join(""));
}

Deno.test("compare writes differences of two methods of a run, with every file", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    const { code, stdout, stderr } = await runCommand("compare", ["both", "--out", "out"], folder);
    assertEquals([code, stderr.includes("error")], [0, false], stderr);
    assertMatch(stdout, /^both:biovil against both:ldm, protocol paper\./);
    assertMatch(stdout, /\n8 samples of 5 images, compared with both:ldm\.\n/);
    assertMatch(stdout, /since the dataset does not tell the patients; seed 0/);
    assertMatch(stdout, /Of both:biovil these samples .*: 1 skipped, 2 failed, 1 without ground/);
    const lines = (await readLines(`${folder}/both/results.jsonl`))
      .filter(({ status }) => status === "scored");
    const of = (setting: string) => lines.filter((line) => line.setting === setting);
    const gaps = of("ldm").map((line, i) => Number(of("biovil")[i]!.miou) - Number(line.miou));
    const comparison = JSON.parse(await Deno.readTextFile(`${folder}/out/comparison.json`));
    const find = (name: string, score: string) =>
      comparison.numbers.find((number: Line) => number.class === name && number.score === score);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const all = find("All", "miou");
    assertAlmostEquals(all.difference, mean, 1e-12);
    const flips = Array.from(
      { length: 2 ** gaps.length },
      (_, flip) =>
        Math.abs(gaps.reduce((sum, gap, i) => sum + (flip >> i & 1 ? -gap : gap), 0) / gaps.length),
    );
    const extreme = flips.filter((flip) => flip >= Math.abs(mean) - 1e-12).length;
    assertAlmostEquals(all.p, extreme / flips.length, 1e-12);
    assertEquals([all.wins, all.ties, all.losses], [
      gaps.filter((gap) => gap > 0).length,
      gaps.filter((gap) => gap === 0).length,
      gaps.filter((gap) => gap < 0).length,
    ]);
    assertEquals([find("Pneumonia", "miou").units, find("Pneumonia", "miou").low], [1, undefined]);
    assertEquals(comparison.misses.at(-1), {
      ...{ method: "both:biovil", against: "both:ldm", class: "All", samples: 4, both: 1 },
      ...{ onlyMethod: 2, onlyAgainst: 0, p: 0.5, pHolm: 0.5 },
    });
    const [most] = comparison.most;
    assertAlmostEquals(
      Math.abs(most.difference),
      Math.max(...gaps.map((gap) => Math.abs(gap))),
      1e-12,
    );
    const csv = await Deno.readTextFile(`${folder}/out/comparison.csv`);
    assertMatch(
      csv,
      /^method,against,protocol,class,score,unit,samples,units,against_value,value,/,
    );
    assertEquals(csv.trim().split(/\r?\n/).length, 1 + comparison.numbers.length);
    assertMatch(
      await Deno.readTextFile(`${folder}/out/comparison.tex`),
      /\\begin\{table\*\}[\s\S]*both:biovil/,
    );
    const page = await Deno.readTextFile(`${folder}/out/comparison.html`);
    assertEquals([...page.matchAll(/id="heatmap-\d+"/g)].length, 10);
    assert(!/(?:src|href)="(?!#)/.test(page));
  }));

Deno.test("compare refuses runs on different samples, and --common says what it leaves out", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    const compare = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCommand("compare", args, folder);
      return { code, stdout, last: stderr.trim().split("\n").at(-1) };
    };
    const same = await compare("ldm", "both:ldm");
    assertEquals(same.code, 0);
    const results = `${folder}/ldm/results.jsonl`;
    await editLines(results, (lines) => lines.filter(({ id }) => id !== "wide.dcm#1"));
    const less = await compare("ldm", "both:ldm");
    assertEquals([less.code, less.last], [
      1,
      'error: Cannot compare "ldm" with "both:ldm": only "both:ldm" has sample "wide.dcm#1"; ' +
      "--common compares the samples that they share",
    ]);
    await editLines(
      results,
      (lines) =>
        lines.map((line) => line.id === "wide.dcm#2" ? { ...line, phrase: "heart" } : line),
    );
    const other = await compare("ldm", "both:ldm");
    assertMatch(other.last!, /: phrase of sample "wide\.dcm#2" differs; --common/);
    const common = await compare("ldm", "both:ldm", "--common");
    assertEquals(common.code, 0);
    assertMatch(
      common.stdout,
      /\nOnly the 6 samples .* Left out: 1 of both:ldm, 1 with another phrase\.\n/,
    );
    assertMatch(common.stdout, /\nldm has 7 of 8 samples: it was broken off\.\n/);
    await editLines(results, (lines) => lines.map((line) => ({ ...line, id: `other ${line.id}` })));
    const apart = await compare("ldm", "both:ldm", "--common");
    assertEquals(apart.last, 'error: Cannot compare "ldm" with "both:ldm": they share no sample');
  }));

Deno.test("compare names wrong operands in a sentence", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    for (
      const [args, code, message] of [
        [["ldm"], 2, 'Cannot compare "ldm" alone: it has one setting; expected another RUN'],
        [["ldm", "ldm/"], 2, 'Cannot compare "ldm/" with itself: it is named twice'],
        [["ldm", "both", "--out", "both/"], 2, /^Option "--out" must be another folder/],
        [["ldm", "both:none"], 1, /setting "none" of "both": expected one of "ldm", "biovil"$/],
        [["ldm", "nothing"], 1, /^error: Cannot read "nothing": expected the folder of a run/],
      ] as const
    ) {
      const found = await runCommand("compare", args, folder);
      assertEquals(found.code, code, found.stderr);
      const last = found.stderr.trim().split("\n").at(-1)!;
      if (typeof message === "string") assertEquals(last, message);
      else assertMatch(last, message);
    }
  }));
