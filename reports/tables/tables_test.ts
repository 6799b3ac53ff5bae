import { parse } from "@std/csv";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CLASSES } from "../../datasets/sample.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { makeTable, type TableOptions } from "./result_table.ts";
import { type Summary, SummaryByVariant } from "./summary.ts";
import { formatIntervals, formatTable } from "./table.ts";
import { tableFiles, tableOptions } from "./table_files.ts";

/** Tables of summaries without laterality and controls. */
const filesOf = (ablation: Readonly<Record<string, Summary>>, options: TableOptions = {}) =>
  tableFiles({ ablation, options, laterality: { variants: {}, unread: 0 }, controls: undefined });

const PAPER = new URL("../../../shared/paper/", import.meta.url);

const readPaper = (name: string) => Deno.readTextFile(new URL(name, PAPER));

/**
 * Summaries of a run with several settings over all classes and one extra class. Each class has
 * three samples.
 */
function run(names: readonly string[], category = "Scar") {
  const summary = new SummaryByVariant(names);
  for (const [i, name] of names.entries()) {
    for (const [j, known] of [...CLASSES, category].entries()) {
      for (const miou of [0.1, 0.2, 0.3]) {
        const result: SampleResult = {
          ...{ id: `${j}`, boxes: [], threshold: null, status: "scored", category: known },
          ...{ absCnr: 0.5, cnr: -0.125, miou: miou + i / 100, aucRoc: 0.75, setting: name },
        };
        summary.add(result);
      }
    }
  }
  const reason = "truncated";
  summary.add({ id: "f", status: "failed", stage: "decode", reason, category: "Edema" });
  return summary.toJSON();
}

/** Names of the scores in the paper's CSV. */
const KEYS: Readonly<Record<string, string>> = {
  "|CNR|": "abs_cnr",
  "CNR": "cnr",
  "mIoU %": "miou",
  "AUC-ROC %": "auc_roc",
};

/**
 * Returns the paper's rows among table rows: score and values. `plain` removes the markup of a
 * cell.
 */
function theirs(rows: readonly string[][], plain: (cell: string) => string): string[][] {
  let method = "";
  return rows.flatMap((cells) => {
    if (cells[0]) method = cells[0];
    if (!/†|dagger/.test(method)) return [];
    const [, score, ...values] = cells.map(plain);
    // Our table has a class that the paper's table lacks.
    return KEYS[score!]
      ? [[KEYS[score!]!, ...values.filter((value) => !/^(–|--)$/.test(value))]]
      : [];
  });
}

for (
  const [name, file, settings] of [
    ["table", "table1.csv", [""]],
    ["ablation", "table2.csv", ["mine", "another"]],
  ] as const
) {
  Deno.test(`${name} files hold the paper's ${file} digit for digit`, async () => {
    const text = await readPaper(file);
    const source = await Deno.readTextFile(new URL(`published_${file}`, import.meta.url));
    assertEquals(source, text);
    const [header, ...records] = parse(text) as string[][];
    const expected = records.map(([, ...rest]) => rest);
    const files = filesOf(run(settings), { published: true });
    assertEquals(Object.keys(files), ["md", "tex", "csv"].map((end) => `${name}.${end}`));

    const markdown = files[`${name}.md`]!.split("\n")
      .filter((line) => line.startsWith("| "))
      .map((line) => line.slice(2, -2).split(/(?<!\\) \| | \| /));
    const plain = (cell: string) => cell.replaceAll(/\*\*|<\/?ins>|\\/g, "");
    assertEquals(theirs(markdown, plain), expected);

    const latex = files[`${name}.tex`]!.split("\n")
      .filter((line) => line.includes(" & "))
      .map((line) => line.trim().replace(/ \\\\$/, "").split(/ ?& /));
    const bare = (cell: string) =>
      cell.replaceAll(/\\(textbf|underline)\{([^}]*)\}/g, "$2").replaceAll("$-$", "-")
        .replaceAll("\\textbar{}", "|").replaceAll("\\%", "%");
    assertEquals(theirs(latex, bare), expected);

    const csv = parse(files[`${name}.csv`]!, { skipFirstRow: true }) as Record<string, string>[];
    const published = csv.filter(({ source }) => source !== "this run");
    assertEquals(
      published.map(({ method, score, class: column, value }) => [method, score, column, value]),
      records.flatMap(([method, score, ...values]) =>
        values.map((value, i) => [
          method!.replace("(ours)", "(paper)"),
          score,
          header![i + 2],
          value,
        ])
      ),
    );

    const summaries = run(settings, "Edema");
    const [summary] = Object.values(summaries);
    const shown = settings.length > 1
      ? formatTable(makeTable(summaries, { published: true }))
      : formatTable(makeTable({ "": summary! }, { published: true }));
    const rows = shown.split("\n").filter((line) => /^ \S/.test(line)).map((line) =>
      line.trim().split(/ {2,}|(?<=[*+]) /).map((cell) => cell.replace(/(?<=\d)[*+]$/, ""))
    );
    assertEquals(
      rows.slice(0, expected.length).map(([score, ...values]) => [KEYS[score!], ...values]),
      expected,
    );
    assert(Math.max(...shown.split("\n").map((line) => line.length)) <= 110, shown);
  });
}

Deno.test("best and second best are marked as the paper marks them", async () => {
  const lines = (await readPaper("paper.txt")).split("\n");
  const from = lines.findIndex((line) => line.startsWith("BioViL [5]"));
  const rows = lines.slice(from).slice(0, 14).map((line) => line.split("\t").slice(2));
  const nothing = { "": new SummaryByVariant([""]).toJSON()[""]! };
  const { groups } = makeTable(nothing, { published: true });
  const marked = groups.filter(({ isPublished }) => isPublished).flatMap(({ rows }) => rows);
  const differences: string[] = [];
  for (const [i, { cells, label }] of marked.entries()) {
    for (const [column, { text, better }] of cells.entries()) {
      const isUnderlined = rows[i]![column]!.startsWith("<u>");
      assertEquals(rows[i]![column]!.replaceAll(/<\/?u>/g, ""), text);
      if (isUnderlined !== (better === 1)) differences.push(`${label} ${column} ${text}`);
    }
  }
  // These two cells are second best, but the paper does not underline them.
  assertEquals(differences, ["CNR 0 1.49", "CNR 2 1.73"]);
});

Deno.test("tables mark equal values alike, and mark no value without a rival", () => {
  const marks = (names: readonly string[]) => {
    const { groups } = makeTable(run(names));
    return groups.map(({ rows }) => rows.map(({ cells }) => cells[0]!.better));
  };
  assertEquals(marks([""]), [[undefined, undefined, undefined, undefined]]);
  // CNR is the same for all settings. With two settings, the second best is the worst.
  assertEquals(marks(["a", "b"]), [[0, undefined], [0, 0]]);
  assertEquals(marks(["a", "b", "c"]), [[0, undefined], [0, 1], [0, 0]]);
});

Deno.test("tables hold intervals and counts by class, and say how they were made", () => {
  const summaries = run([""]);
  const { intervals } = summaries[""]!.average!;
  const files = filesOf(summaries, { notes: ["Split test only."] });
  const markdown = files["table.md"]!;
  assertMatch(markdown, /95 % bootstrap intervals: percentiles of 2000 .* seed 0/);
  assertMatch(markdown, /Split test only\. 27 scored, 0 skipped, 1 failed\.\n/);
  assert(!markdown.includes("†"));
  assert(!/\*\*|<ins>/.test(markdown));
  const [low, high] = intervals!.miou.map((value) => (100 * value).toFixed(1));
  assertMatch(markdown, new RegExp(`\\| \\\\\\[${low}, ${high}\\\\\\] \\|\n`));
  assertMatch(markdown, /\| samples( \| 3){9} \| 27 \|\n/);
  assertMatch(markdown, /\| failed( \| 0){4} \| 1( \| 0){4} \| 1 \|\n/);
  assertEquals(
    formatIntervals(summaries[""]!),
    `95 % intervals of Avg: |CNR| 0.50 to 0.50, CNR -0.13 to -0.13, mIoU % ${low} to ${high}, ` +
      "AUC-ROC % 75.0 to 75.0",
  );
  const csv = parse(files["table.csv"]!, { skipFirstRow: true }) as Record<string, string>[];
  const row = (name: string) => csv.find((row) => row.class === name && row.score === "miou")!;
  assertEquals(row("Avg").low, String(100 * intervals!.miou[0]));
  const { method, unit, value, count, skipped, failed, source } = row("Edema");
  assertEquals([method, unit, source], ["Groundray", "%", "this run"]);
  assert(Math.abs(Number(value) - 20) < 1e-9);
  assertEquals([count, skipped, failed], ["3", "0", "1"]);
});

Deno.test("tables take nothing in a name for markup", () => {
  const name = "[a] \\input{x} 5 % & #1_b^~ |<i>*\n\nb";
  const files = filesOf(run([name, "other"], name));
  const latex = files["ablation.tex"]!;
  const escaped = "{[}a] \\textbackslash{}input\\{x\\} 5 \\% \\& \\#1\\_b\\textasciicircum{}" +
    "\\textasciitilde{} \\textbar{}\\textless{}i\\textgreater{}{*} b";
  assert(latex.includes(`      ${escaped} & CNR & `), latex);
  assert(latex.includes(`\\shortstack[r]{${escaped.replaceAll(" ", "\\\\")}} & Avg`));
  const markdown = files["ablation.md"]!;
  assert(
    markdown.includes("\n| \\[a\\] \\\\input\\{x\\} 5 % \\& \\#1\\_b^\\~ \\|\\<i\\>\\* b | CNR | "),
    markdown,
  );
  const csv = parse(files["ablation.csv"]!, { skipFirstRow: true }) as Record<string, string>[];
  assertEquals(csv[0]!.method, name);
});

Deno.test("tableOptions() shows the paper's rows beside MS-CXR alone, and notes missing samples", () => {
  const options = (dataset: object | undefined, isWhole = true) =>
    tableOptions({ facts: { dataset } }, isWhole);
  assertEquals(options({ kind: "ms-cxr" }), { published: true, notes: [] });
  assertEquals(options({ kind: "phantoms" }), { published: false, notes: [] });
  assertEquals(options(undefined), { published: false, notes: [] });
  const shard = { number: 2, count: 8 };
  assertEquals(
    tableOptions({ facts: { dataset: { kind: "csv", split: "test", limit: 9 } }, shard }, false)
      .notes,
    [
      "Split test only.",
      "The first 9 samples only.",
      "Shard 2 of 8 only.",
      "The run was broken off: samples are missing.",
    ],
  );
});

Deno.test("Table I has several methods, each with its name, crop and counts", () => {
  const settings = { sigma: 2.5, otsu: true };
  const methods = {
    ldm: { settings },
    biovil: { view: { crop: 480, resized: 512 } },
    boxes: { rule: "max" },
  };
  const options = tableOptions({ facts: { dataset: { kind: "ms-cxr" }, methods } }, true);
  const summary = new SummaryByVariant(Object.keys(methods));
  const scored = { boxes: [], threshold: null, status: "scored", category: "Edema" } as const;
  const scores = { absCnr: 1, cnr: 1, miou: 0.5, aucRoc: 0.9 };
  const one = { id: "1", ...scored, ...scores };
  summary.add({ ...one, setting: "ldm" });
  summary.add({ ...one, miou: 0.4, setting: "biovil" });
  const none = { absCnr: NaN, cnr: NaN, aucRoc: NaN };
  summary.add({ ...one, ...none, miou: 0.25, predicted: [], setting: "boxes" });
  const two = { ...one, id: "2" };
  summary.add({ ...two, setting: "ldm" });
  const skipped = { id: "2", status: "skipped", stage: "decode", category: "Edema" } as const;
  summary.add({ ...skipped, reason: "unseen", setting: "biovil" });
  summary.add({ ...two, ...none, miou: 0.75, predicted: [], setting: "boxes" });
  const summaries = summary.toJSON();

  const { groups, counts, caption } = makeTable(summaries, options);
  assertEquals(groups.slice(-3).map(({ method }) => method), [
    ...["Ours (ldm)", "BioViL", "Predicted boxes"],
  ]);
  assert(groups.slice(0, -3).every(({ isPublished }) => isPublished));
  assertEquals(groups[0]!.method, "BioViL");
  const edema = CLASSES.indexOf("Edema");
  const cells = (group: number) => groups.at(group)!.rows.map(({ cells }) => cells[edema]!.text);
  assertEquals([cells(-3), cells(-2), cells(-1)], [
    ["1.00", "1.00", "50.0", "90.0"],
    ["1.00", "1.00", "40.0", "90.0"],
    ["–", "–", "50.0", "–"],
  ]);
  assertEquals(counts!.map(({ label, cells }) => [label, cells[edema]]), [
    ["samples, Ours (ldm)", "2"],
    ["samples, BioViL", "1"],
    ["skipped, BioViL", "1"],
    ["samples, Predicted boxes", "2"],
  ]);
  const text = caption.join(" ");
  assertMatch(
    text,
    /Ours \(ldm\) sees the centre square of an image, BioViL sees the middle 480 of/,
  );
  assertMatch(text, /each ground-truth box by itself, of which the highest counts\./);
  assertMatch(text, /Ours \(ldm\): 2 scored, 0 skipped, 0 failed\. BioViL: 1 scored, 1 skipped/);
  const files = filesOf(summaries, options);
  assertEquals(Object.keys(files), ["table.md", "table.tex", "table.csv"]);
  const rows = parse(files["table.csv"]!, { skipFirstRow: true }) as Record<string, string>[];
  const own = rows.filter((row) => row.class === "Edema" && row.source === "this run");
  const boxes = own.filter(({ method }) => method === "Predicted boxes");
  assertEquals(boxes.map(({ score, value, low }) => [score, value, low]), [
    ...[["abs_cnr", "", ""], ["cnr", "", ""], ["miou", "50", "25"], ["auc_roc", "", ""]],
  ]);
  assertEquals(formatIntervals(summaries.boxes!), "95 % intervals of Avg: mIoU % 25.0 to 75.0");
});

Deno.test("formatTable() puts columns beyond the width below the first columns", () => {
  for (const published of [false, true]) {
    const summaries = run(["one", "two"]);
    const whole = formatTable(makeTable(summaries, { published }));
    assertEquals(formatTable(makeTable(summaries, { published }), 120), whole);
    for (const width of [20, 40, 80]) {
      const text = formatTable(makeTable(summaries, { published }), width);
      const lines = text.split("\n");
      const table = lines.filter((line) => !/published|best/.test(line));
      assert(Math.max(...table.map((line) => line.length)) <= Math.max(width, 30), text);
      // Each block has every row, and the blocks together have every cell.
      const cells = (text: string) =>
        text.split("\n").filter((line) => /^ *mIoU/.test(line))
          .flatMap((line) => line.match(/(?<= )[\d.–]+[*+]?/g));
      assertEquals(cells(text).toSorted(), cells(whole).toSorted());
      assertEquals(text.endsWith("second best"), whole.endsWith("second best"));
    }
  }
});
