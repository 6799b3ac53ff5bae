import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { inFolder, runCommand } from "./support/command.ts";
import { copyRuns } from "./support/old_runs.ts";

Deno.test("report prints scores by groups, adds them to the page and writes them as JSON", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    await Deno.mkdir(`${folder}/elsewhere`);
    await Deno.writeTextFile(
      `${folder}/elsewhere/facts.csv`,
      "image,Gender,PatientAge\nwide.dcm,F,045Y\nsquare.png,M,81\n",
    );
    const report = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCommand("report", ["both", ...args], folder);
      return { code, stdout, last: stderr.trim().split("\n").at(-1) };
    };
    const { code, stdout } = await report("--groups", "elsewhere/facts.csv");
    assertEquals(code, 0);
    assertMatch(stdout, /^Scores by group of Ours \(ldm\)|^Scores by group of ldm/);
    assertMatch(stdout, /\nsex\n +F .*\n +M .*\n(?: unknown .*\n)? All /);
    assertMatch(stdout, /\nBands of age: under 18, .* 80 and more \(years\)\.\n/);
    assertMatch(stdout, /\n\d+ of 8 samples are joined by column "image" \(image\)\.\n/);
    assertMatch(stdout, /\n\d+ samples have no row in the table, and are unknown: "/);
    assertMatch(stdout, /\nGroups: both\/groups\.json\nReport: both\/report\.html\n$/);
    const json = JSON.parse(await Deno.readTextFile(`${folder}/both/groups.json`));
    const lines = (await Deno.readTextFile(`${folder}/both/results.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line));
    const lacking = new Set(
      lines.filter(({ image = "" }) => !/wide\.dcm$|square\.png$/.test(image)).map(({ id }) => id),
    );
    assertEquals(new Set(json.unjoined), lacking);
    type Table = { setting: string; by: string; groups: { group: string; samples: number }[] };
    const sexes = json.tables.find(({ setting, by }: Table) => setting === "ldm" && by === "sex");
    const scored = lines.filter(({ status, setting }) => status === "scored" && setting === "ldm");
    const women = scored.filter(({ image }) => image.endsWith("wide.dcm"));
    assertEquals(sexes.groups[0].samples, women.length);
    const page = await Deno.readTextFile(`${folder}/both/report.html`);
    assertMatch(page, /Scores by group of (?:.|\n)*<th scope="row">worst group<\/th>|Bands of age/);
    const other = await report("--by", "boxes", "--out", "elsewhere/page.html");
    assertMatch(
      other.stdout,
      /\nGroups: elsewhere\/groups\.json\nReport: elsewhere\/page\.html\n$/,
    );
    for (
      const [args, code, message] of [
        [["--key", "image"], 2, /^Option "--key" needs "--groups"$/],
        [["--by", "sex"], 2, /^Option "--by sex" needs "--groups FILE"/],
        [["--groups", "none.csv"], 2, /^Cannot read "none\.csv": /],
        [["--groups", "both/run.json"], 2, /^Cannot join "both\/run\.json": no column is named/],
      ] as const
    ) {
      const found = await report(...args);
      assertEquals([args, found.code], [args, code]);
      assertMatch(found.last!, message);
    }
  }));
