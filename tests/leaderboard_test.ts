import "../base/host/deno/mod.ts";
import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/csv";
import { inFolder, runCommand } from "./support/command.ts";
import { copyRuns } from "./support/old_runs.ts";

type Row = Record<string, string | undefined>;

async function rank(folder: string, ...args: string[]) {
  const { code, stdout, stderr } = await runCommand("leaderboard", args, folder);
  return { code, stdout, last: stderr.trim().split("\n").at(-1) };
}

async function readRows(folder: string): Promise<Row[]> {
  return parse(await Deno.readTextFile(`${folder}/out/leaderboard/leaderboard.csv`), {
    skipFirstRow: true,
  }) as Row[];
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
}

Deno.test("leaderboard ranks methods of runs on the same samples, with links that work", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    await Deno.writeTextFile(`${folder}/both/report.html`, "a page");
    const { code, stdout } = await rank(folder, "ldm", "both/");
    assertEquals(code, 0);
    assertMatch(stdout, /^csv, 8 samples\n\nProtocol paper, ranked by mIoU % Avg\.\n/);
    const rows = await readRows(folder);
    const paper = rows.filter((row) =>
      row.protocol === "paper" && row.class === "Avg" && row.score === "miou"
    );
    assertEquals(paper.map(({ rank, method, setting }) => [rank, method, setting]), [
      ["1", "Ours (ldm)", ""],
      ["2", "Ours (ldm)", "ldm"],
      ["3", "BioViL", "biovil"],
    ]);
    // An average over classes, from the results themselves.
    const lines = (await Deno.readTextFile(`${folder}/both/results.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ status, setting }) => status === "scored" && setting === "biovil");
    const classes = Map.groupBy(lines, ({ category }) => category);
    const means = [...classes.values()].map((own) =>
      own.reduce((sum, { miou }) => sum + miou, 0) / own.length
    );
    const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
    assertAlmostEquals(Number(paper[2]!.value), 100 * mean, 1e-12);
    const page = await Deno.readTextFile(`${folder}/out/leaderboard/leaderboard.html`);
    const links = [...page.matchAll(/href="([^"#]+)(#[^"]*)?"/g)];
    const targets = new Set(links.map(([, path]) => path!));
    assertEquals(targets, new Set(["../../ldm/results.jsonl", "../../both/report.html"]));
    for (const path of targets) await Deno.stat(`${folder}/out/leaderboard/${path}`);
    assertEquals(
      new Set(links.map(([, , part]) => part).filter(Boolean)),
      new Set(["#setting=ldm", "#setting=biovil"]),
    );
    assertEquals(/(?:src)="/.test(page), false);
    const [division] = JSON.parse(
      await Deno.readTextFile(`${folder}/out/leaderboard/leaderboard.json`),
    );
    const record = JSON.parse(await Deno.readTextFile(`${folder}/ldm/run.json`));
    assertEquals(division.sha256, record.facts.dataset.sha256);
    assertEquals(division.rankings[0].entries[0].model, record.facts.model.sha256);
  }));

Deno.test("leaderboard gives runs on other samples, data or definitions their own ranking", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    const divisions = async () => {
      const { code, stdout } = await rank(folder, "ldm", "both");
      assertEquals(code, 0);
      return stdout.match(/^csv.*samples$/gm)?.length;
    };
    assertEquals(await divisions(), 1);
    const results = await Deno.readTextFile(`${folder}/ldm/results.jsonl`);
    const record = await Deno.readTextFile(`${folder}/ldm/run.json`);
    const change = async (file: string, from: RegExp, to: string) => {
      await Deno.writeTextFile(`${folder}/ldm/results.jsonl`, results);
      await Deno.writeTextFile(`${folder}/ldm/run.json`, record);
      await edit(`${folder}/ldm/${file}`, (text) => {
        assertMatch(text, from);
        return text.replace(from, to);
      });
    };
    for (
      const [file, from, to] of [
        ["results.jsonl", /"phrase":"/, '"phrase":"other '],
        ["results.jsonl", /"boxes":\[\[\d+/, '"boxes":[[1'],
        ["results.jsonl", /"category":"/, '"category":"other '],
        ["results.jsonl", /\n.*\n$/, "\n"],
        ["run.json", /("dataset": \{[^}]*"sha256": ")./, "$1x"],
        ["run.json", /("dataset": \{)/, '$1"split":"test",'],
      ] as const
    ) {
      await change(file, from, to);
      assertEquals(await divisions(), 2, `${from}`);
    }
    await change("run.json", /"margin": "excluded"/, '"margin": "zero"');
    const { stdout } = await rank(folder, "ldm", "both");
    assertEquals(stdout.match(/^Protocol paper/gm)?.length, 2);
    assertMatch(stdout, /^Protocol paper, margin 0, ranked/m);
  }));

Deno.test("leaderboard shows published rows of the dataset, without a rank", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    await edit(
      `${folder}/ldm/run.json`,
      (text) => text.replace(/("dataset": \{\s*"kind": ")csv/, "$1ms-cxr"),
    );
    const { code, stdout } = await rank(folder, "ldm");
    assertEquals(code, 0);
    assertMatch(
      stdout,
      /Table I; samples: 1153 pairs, published\n(?: .*\n)* LDM \(paper\) +– +published +22\.6/,
    );
    const rows = await readRows(folder);
    const published = rows.filter(({ source }) => source?.startsWith("published: "));
    assertEquals(published.filter(({ rank }) => rank !== "").length, 0);
    const find = (method: string, protocol: string, score: string, column: string) =>
      published.find((row) =>
        row.method === method && row.protocol === protocol && row.score === score &&
        row.class === column
      )?.value;
    assertEquals(find("KAF+RQP+DHS", "aep", "miou", "Avg"), "36.7");
    assertEquals(find("CURE", "union", "iou_union", "All"), "55.4");
    assertEquals(find("BioViL", "other protocol", "miou", "Avg"), "27");
    assertEquals(find("BioViL", "paper", "miou", "Edema"), "21.3");
    const page = await Deno.readTextFile(`${folder}/out/leaderboard/leaderboard.html`);
    assertMatch(page, /Published by other protocols/);
  }));

Deno.test("leaderboard names wrong operands in a sentence", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    for (
      const [args, code, message] of [
        [[], 2, /^At least one RUN is needed$/],
        [["ldm", "ldm/"], 2, /^The run "ldm" is named twice$/],
        [["ldm", "--out", "ldm/"], 2, /^Option "--out" must be another folder than the runs/],
        [["nothing"], 1, /^error: Cannot read "nothing": expected the folder of a run/],
      ] as const
    ) {
      const found = await rank(folder, ...args);
      assertEquals(found.code, code);
      assertMatch(found.last!, message);
    }
  }));
