import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { writeRecord } from "../hub/record.ts";
import { copy } from "./support/copy.ts";
import { inFolder, runCommand } from "./support/command.ts";

const EXCERPT = new URL("../../shared/reference/covid-segmentations", import.meta.url).pathname;

Deno.test("eval finds a fetched dataset by its name, and reports groups, sides and attribution", () =>
  inFolder(async (folder) => {
    const set = `${folder}/data/covid-segmentations`;
    await copy(EXCERPT, set);
    const args = ["--dataset", "covid-segmentations", "--data", "data", "--steps", "3"];
    const run = (more: readonly string[]) => runCommand("eval", [...args, ...more], folder);
    const early = await run([]);
    assertEquals(early.code, 1);
    assertMatch(
      early.stderr,
      /it is not in "data\/covid-segmentations" yet; fetch it by "deno task/,
    );

    await writeRecord(set, { commits: {}, files: {}, isWhole: true });
    await Deno.writeTextFile(`${folder}/p.csv`, "class,phrase\nAirways,the windpipe\n");
    const { code, stdout, stderr } = await run(["--phrases", "p.csv", "--out", "out"]);
    assertEquals(code, 0, stderr);
    assertStringIncludes(
      stdout,
      "14 scored, 1 grounded without boxes or masks, 0 skipped, 0 failed.",
    );
    assertMatch(stdout, /Laterality, maps on their own side:[^]*\nmaps +4 +2 +\d+\n/);
    const table = await Deno.readTextFile(`${folder}/out/table.md`);
    for (const text of ["Anatomy mean", "Devices mean", "Findings mean", "Dr. Mohamed Soliman"]) {
      assertStringIncludes(table, text);
    }
    assertStringIncludes(
      await Deno.readTextFile(`${folder}/out/report.html`),
      "Dr. Mohamed Soliman",
    );
    const lines = (await Deno.readTextFile(`${folder}/out/results.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.filter(({ phrase }) => phrase === "the windpipe").length, 2);
    assert(lines.every(({ group, notes }) => group && /^image: CC BY(-SA)?, from /.test(notes[0])));
    const { dataset } = JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`)).facts;
    assertEquals(dataset.phrases.Airways, ["the windpipe"]);
    assertEquals(dataset.phrases["Left Lung"].length, 3);

    const again = await runCommand("rescore", ["out", "--out", "again"], folder);
    assertEquals(again.code, 0, again.stderr);
    const [before, after] = ["out", "again"].map((name) =>
      Deno.readTextFileSync(`${folder}/${name}/laterality.csv`)
    );
    assertEquals(after, before);
  }));

Deno.test("eval reads masks beside a table whose images lie elsewhere, and nothing else there", () =>
  inFolder(async (folder) => {
    await copy(`${EXCERPT}/images`, `${folder}/images`);
    await copy(`${EXCERPT}/masks`, `${folder}/table/masks`);
    const mask = "masks/a0d4d479c22f61665000e20fb8c05385cc134327_N4v9PnDW6AAAgbexi.png";
    await Deno.writeTextFile(
      `${folder}/table/rows.csv`,
      "image,phrase,mask,left,top\n" +
        `ARDSSevere.png,the right lung,${mask},39,2\nARDSSevere.png,haze,none.png,39,2\n`,
    );
    const args = ["--dataset", "table/rows.csv", "--images", "images", "--steps", "3"];
    const { code, stderr } = await runCommand("eval", [...args, "--out", "out"], folder);
    assertEquals(code, 3, stderr);
    const lines = await Deno.readTextFile(`${folder}/out/results.jsonl`);
    assertStringIncludes(lines, '"status":"scored"');
    assertStringIncludes(lines, 'there is no mask \\"none.png\\", neither below the images');
  }));
