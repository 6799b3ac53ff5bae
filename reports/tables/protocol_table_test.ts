import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { ProtocolScores } from "../../scoring/protocols.ts";
import { type Summary, SummaryByVariant } from "./summary.ts";
import { formatTable } from "./table.ts";
import { tableFiles } from "./table_files.ts";
import type { TableOptions } from "./result_table.ts";
import { makeProtocolTable } from "./protocol_table.ts";

/** Tables of summaries without laterality and controls. */
const filesOf = (ablation: Readonly<Record<string, Summary>>, options: TableOptions = {}) =>
  tableFiles({ ablation, options, laterality: { variants: {}, unread: 0 }, controls: undefined });

/** Summarises samples given as class and protocol scores. */
function summarize(samples: readonly [string, ProtocolScores][], names = [""]) {
  const summary = new SummaryByVariant(names);
  for (const [i, [category, protocols]] of samples.entries()) {
    for (const setting of names) {
      summary.add({
        ...{ id: `s${i}`, status: "scored", boxes: [], threshold: 0.5, category, protocols },
        ...{ absCnr: 1, cnr: 1, miou: 0.5, aucRoc: 0.9 },
        ...(setting && { setting }),
      });
    }
  }
  return summary.toJSON();
}

const overlap = (iouUnion: number) => ({ iouUnion, iouLargest: iouUnion / 2 });

const SUMMARIES = summarize([
  ["Edema", {
    "largest-component-box": [overlap(0.1), overlap(0.3)],
    "pointing-game": [{ hit: 1 }],
  }],
  ["Edema", { "largest-component-box": [], "pointing-game": [{ hit: 0 }] }],
  ["Edema", { "largest-component-box": [overlap(0.8)], "pointing-game": [{ hit: 0 }] }],
  ["Other", { "largest-component-box": [overlap(0.5)], "pointing-game": [{ hit: 1 }] }],
]);

Deno.test("protocols are averaged over their own samples, then equally over classes", () => {
  const { "largest-component-box": box, "pointing-game": game } = SUMMARIES[""]!.protocols!;
  assertEquals(box!.classes.map(({ category, count }) => [category, count]), [
    ["Edema", 3],
    ["Other", 1],
  ]);
  assertAlmostEquals(box!.classes[0]!.means.iouUnion!, 0.4);
  assertAlmostEquals(box!.average!.means.iouUnion!, 0.45);
  assertAlmostEquals(box!.average!.means.iouLargest!, 0.225);
  assertAlmostEquals(game!.average!.means.hit!, 2 / 3);
  const [low, high] = game!.classes[0]!.intervals!.hit!;
  assertEquals([low, high], [0, 1]);
  // A single sample gives no confidence interval.
  assertEquals([game!.classes[1]!.intervals, game!.average!.intervals], [undefined, undefined]);
  const none = summarize([["Edema", { "pointing-game": [] }]])[""]!.protocols!["pointing-game"];
  assertEquals(none, { classes: [] });
});

Deno.test("protocols have a table of their own; a run without protocols has no such table", () => {
  assertEquals(
    formatTable(makeProtocolTable(SUMMARIES)).replaceAll(/ +/g, " ").split("\n").slice(-7),
    [
      "largest-component-box",
      " IoU %, union – – – – 40.0 – – – 50.0 45.0",
      " IoU %, largest – – – – 20.0 – – – 25.0 22.5",
      " samples 0 0 0 0 3 0 0 0 1 4",
      "pointing-game",
      " hits % – – – – 33.3 – – – 100.0 66.7",
      " samples 0 0 0 0 3 0 0 0 1 4",
    ],
  );
  const files = filesOf(SUMMARIES);
  assertMatch(files["protocols.csv"]!, /^pointing-game,,Other,hit,%,100,,,1\r$/m);
  assertMatch(files["protocols.md"]!, /\| pointing-game \| hits % \| – .*\| 33\.3 \|/);
  assertMatch(files["protocols.tex"]!, /\\label\{tab:protocols\}/);
  const several = filesOf(summarize([["Edema", { "pointing-game": [{ hit: 1 }] }]], ["a", "b"]));
  assertMatch(several["protocols.md"]!, /\| b: pointing-game \| hits % /);
  assertEquals(Object.keys(filesOf(summarize([]))), ["table.md", "table.tex", "table.csv"]);
});

Deno.test("a protocol of the whole dataset is scored by class, on average and for all together", () => {
  const box = (score: number, matched: number, truths: number) => ({ score, matched, truths });
  // Bit 4 stands for IoU .5.
  const summaries = summarize([
    ["Edema", { ap: [box(0.9, 16, 1), box(0.4, 0, 0)] }],
    ["Edema", { ap: [box(0.8, 0, 1)] }],
    ["Other", { ap: [box(0.7, 16, 1)] }],
    ["Other", { ap: [box(NaN, 0, 1)] }],
    ["Other", { ap: [] }],
  ]);
  const { classes, average, all } = summaries[""]!.protocols!.ap!;
  assertEquals(classes.map(({ category, count }) => [category, count]), [
    ["Edema", 2],
    ["Other", 2],
  ]);
  // Half of the boxes are found without a false box before: 51 of 101 recalls have precision 1.
  for (const { means } of classes) assertAlmostEquals(means.apAt50!, 51 / 101);
  assertAlmostEquals(average!.means.apAt50!, 51 / 101);
  // Two of four boxes are found; the second comes after a false box.
  assertAlmostEquals(all!.means.apAt50!, (26 * 1 + 25 * 2 / 3) / 101);
  const [low, high] = all!.intervals!.apAt50!;
  assertEquals([low >= 0 && low < all!.means.apAt50!, high > all!.means.apAt50! && high <= 1], [
    true,
    true,
  ]);
  const files = filesOf(summaries);
  assertMatch(files["protocols.md"]!, /\| Avg \| All \|/);
  assertMatch(files["protocols.md"]!, /All scores the samples of all classes together\./);
  assertMatch(files["protocols.csv"]!, /^ap,,All,ap_50,%,42\.24\d*,\d.*,4\r$/m);
  assertEquals(summarize([["Edema", { ap: [] }]])[""]!.protocols!.ap, { classes: [] });
});

Deno.test("a table says that no phrase with nothing to find was evaluated, and which numbers fall", () => {
  const phrase = (present: number, peak: number) => ({
    existence: [{ present, low: 0, peak, mean: peak / 2 }],
    "n-acc": present === 1 ? [] : [{ nothing: 0 }],
  });
  const without = filesOf(summarize([["Edema", phrase(1, 0.5)]]))["protocols.md"]!;
  assertMatch(without, /No phrase with nothing to find was evaluated, which existence and n-acc/);
  assertMatch(without, /Of the false positives of existence lower is better\./);
  const both = summarize([["Edema", phrase(1, 0.5)], ["Edema", phrase(0, 0.4)]]);
  assertEquals(both[""]!.protocols!.existence!.all!.means, {
    ...{ peakAuc: 1, peakWrong: 0, meanAuc: 1, meanWrong: 0 },
  });
  assertEquals(filesOf(both)["protocols.md"]!.includes("was evaluated"), false);
});

Deno.test("generate-to-ground has the two means of its code, and leaves out missing distances", () => {
  const scores = (miou: number, distance: number) => ({
    "generate-to-ground": [{
      ...{ iou: 0, bboxiou: 0, bboxmiou: 0, cnr: 0, top1: 0, aucroc: 0 },
      ...{ miou, distance },
    }],
  });
  const summaries = summarize([
    ["Edema", scores(0.2, 10)],
    ["Edema", scores(0.4, NaN)],
    ["Other", scores(0.9, 40)],
    ["Third", scores(0.5, NaN)],
  ]);
  const found = summaries[""]!.protocols!["generate-to-ground"]!;
  assertAlmostEquals(found.average!.means.miou!, (0.3 + 0.9 + 0.5) / 3);
  assertAlmostEquals(found.average!.means.distance!, 25);
  assertAlmostEquals(found.all!.means.miou!, 0.5);
  assertAlmostEquals(found.all!.means.distance!, 25);
  assertAlmostEquals(found.weighted!.means.miou!, (2 * 0.6 + 0.9 + 0.5) / 6);
  // pandas leaves a missing value out of the sum, but not out of the weights.
  assertAlmostEquals(found.weighted!.means.distance!, (2 * 10 + 40) / 6);
  const files = filesOf(summaries);
  assertMatch(files["protocols.md"]!, /\| All \| Weighted \|/);
  assertMatch(files["protocols.csv"]!, /^generate-to-ground,,Third,distance,,,,,1\r$/m);
  assertMatch(files["protocols.csv"]!, /^generate-to-ground,,All,miou,%,50,,,4\r$/m);
});
