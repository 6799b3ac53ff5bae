import "../../base/host/deno/mod.ts";
import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { Box } from "../../base/geometry.ts";
import type { Question } from "../../datasets/sample.ts";
import type { SampleResult, StoredHeatmap } from "../../pipeline/evaluate.ts";
import { controlFolder, controlRecord } from "../../runs/control_run.ts";
import { RunFolder, type RunRecord } from "../../runs/run_folder.ts";
import { Run } from "../../runs/run.ts";
import type { ResultTable } from "../tables/result_table.ts";
import { scoreHeatmap, type Scores } from "../../scoring/score_heatmap.ts";
import { inFolder } from "../../tests/support/command.ts";
import { type Control, type Controls, readControls } from "./controls.ts";
import { formatControlsCsv, makeControlTables } from "./controls_table.ts";

const IMAGE = { width: 8, height: 8 };

/** A sample on an image of 8x8 pixels, with a map of 2x2 values, or boxes. */
interface Made {
  readonly image: string;
  readonly phrase: string;
  readonly category: string;
  readonly box: Box;
  readonly map?: readonly number[];
  readonly predicted?: readonly Box[];
  readonly isNegative?: boolean;
  /** The map is not in the file. */
  readonly isLost?: boolean;
}

/** An answer to a question about a sample; without a map the question failed. */
interface Answer {
  readonly of: number;
  readonly question: Question;
  readonly map?: readonly number[];
}

/** A map as a method's own grid, or as attention that is finished without smoothing. */
const storedOf = (id: string, map: readonly number[], isGrid = true): StoredHeatmap => ({
  ...{ id, size: 2, image: IMAGE, ...(isGrid && { view: { crop: 8, resized: 8 } }) },
  layers: [{ layer: 0, side: 2, data: Float32Array.from(map) }],
});

const scored = (map: readonly number[], box: Box): Scores =>
  scoreHeatmap(Float32Array.from(map), IMAGE, [box]);

function resultOf(
  { map, isNegative, box, predicted, isLost: _, ...sample }: Made,
  id: string,
  index: number,
): SampleResult {
  const facts = { id, index, ...sample, threshold: null };
  if (isNegative) return { ...facts, boxes: [], negative: true, status: "grounded" };
  const boxes = [box];
  return predicted
    ? {
      ...facts,
      boxes,
      predicted,
      absCnr: NaN,
      cnr: NaN,
      miou: 0.5,
      aucRoc: NaN,
      status: "scored",
    }
    : { ...facts, boxes, ...scored(map!, box), status: "scored" };
}

/** Reads the controls of a run with some samples and answers. */
async function controlsOf(
  made: readonly Made[],
  answers: readonly Answer[],
  test: (controls: Controls) => void,
  isGrid = true,
): Promise<void> {
  await inFolder(async (folder) => {
    const plan = made.map((_, index) => ({ id: `s${index}`, index }));
    const facts = { methods: { mine: {} }, margin: "excluded" };
    const record: RunRecord = { facts, variants: [""], plan };
    const run = await RunFolder.lock(folder, () => {});
    await run.begin(record, "refuse", () => {});
    for (const [index, sample] of made.entries()) {
      const id = `s${index}`;
      if (sample.map && !sample.isLost) await run.writeHeatmaps([storedOf(id, sample.map, isGrid)]);
      await run.write([resultOf(sample, id, index)]);
    }
    await run.close();
    const idOf = ({ of, question }: Answer) => `s${of}#${question}`;
    const asked = await RunFolder.lock(controlFolder(folder), () => {});
    const questions = answers.map((answer, index) => ({ id: idOf(answer), index }));
    await asked.begin(controlRecord(record, ["other-class"], questions), "refuse", () => {});
    for (const [index, answer] of answers.entries()) {
      const { map } = answer;
      const id = idOf(answer);
      if (map) await asked.writeHeatmaps([storedOf(id, map, isGrid)]);
      await asked.write([
        map
          ? { ...resultOf({ ...made[answer.of]!, map }, id, index), control: answer.question }
          : { id, index, status: "failed", stage: "ground", reason: "no answer" },
      ]);
    }
    await asked.close();
    using opened = await Run.open(folder);
    test((await readControls(opened))!);
  });
}

const [LEFT, RIGHT]: [Box, Box] = [[0, 0, 4, 4], [4, 0, 4, 4]];
const [ON_LEFT, ON_RIGHT] = [[1, 0, 0, 0], [0, 1, 0, 0]];

/** A number of all samples together. */
function numberOf({ variants }: Controls, control: Control, score: string, column = "All") {
  return variants[""]!.find((number) =>
    number.control === control && number.score === score && number.class === column
  );
}

Deno.test("readControls() scores another phrase's stored map against the sample's truth", () =>
  controlsOf(
    [
      { image: "a", phrase: "left mass", category: "Mass", box: LEFT, map: ON_LEFT },
      { image: "a", phrase: "nodule", category: "Nodule", box: RIGHT, map: [0, 0.25, 0, 0] },
      // An image with one phrase: its answers are in the folder of the controls.
      { image: "b", phrase: "left mass", category: "Mass", box: LEFT, map: ON_LEFT },
      // A sample of which the question failed.
      { image: "c", phrase: "haze", category: "Mass", box: LEFT, map: ON_LEFT },
    ],
    [
      { of: 2, question: "other-class", map: [0.25, 0.75, 0, 0] },
      { of: 2, question: "other-side", map: ON_RIGHT },
      { of: 3, question: "other-class" },
    ],
    (controls) => {
      const miou = numberOf(controls, "other-class", "miou")!;
      assertEquals([miou.samples, miou.units, controls.unanswered], [3, 3 - 1, 1]);
      const own = [scored(ON_LEFT, LEFT), scored([0, 0.25, 0, 0], RIGHT), scored(ON_LEFT, LEFT)];
      const other = [
        scored([0, 0.25, 0, 0], LEFT),
        scored(ON_LEFT, RIGHT),
        scored([0.25, 0.75, 0, 0], LEFT),
      ];
      for (const score of ["absCnr", "cnr", "miou", "aucRoc"] as const) {
        const found = numberOf(controls, "other-class", score)!;
        const mean = (all: readonly Scores[]) => all.reduce((sum, one) => sum + one[score], 0) / 3;
        assertAlmostEquals(found.value, mean(own), 1e-12);
        assertAlmostEquals(found.valueAgainst, mean(other), 1e-12);
        assertAlmostEquals(found.difference, mean(own) - mean(other), 1e-12);
      }
      assertEquals([miou.wins, miou.ties, miou.losses], [3, 0, 0]);
      assertEquals(numberOf(controls, "other-side", "miou")!.samples, 1);
      assertEquals(numberOf(controls, "mirrored", "miou"), undefined);
      const [table, ...others] = makeControlTables(controls);
      assertEquals(others, []);
      assertEquals(table!.groups[0]!.rows[0]!.label, "another class");
      assertStringIncludes(table!.caption.join(" "), "1 question has no answer that counts.");
      assertStringIncludes(formatControlsCsv(controls), ",other-class,All,miou,%,3,2,");
    },
  ));

Deno.test("readControls() leaves a sample's unit out of the means", () =>
  controlsOf(
    [
      { image: "a", phrase: "mass", category: "Mass", box: LEFT, map: ON_LEFT },
      // Both samples of the image share a unit, so that neither knows the other.
      { image: "a", phrase: "nodule", category: "Nodule", box: RIGHT, map: ON_RIGHT },
      { image: "b", phrase: "mass", category: "Mass", box: RIGHT, map: ON_RIGHT },
    ],
    [],
    (controls) => {
      const against = (control: Control) => numberOf(controls, control, "miou")?.valueAgainst;
      const miou = (map: readonly number[], box: Box) => scored(map, box).miou;
      // Samples of a are against the map of b alone; b is against the mean of both maps of a.
      const both = miou([1, 1, 0, 0], RIGHT);
      const expected = (miou(ON_RIGHT, LEFT) + miou(ON_RIGHT, RIGHT) + both) / 3;
      assertAlmostEquals(against("mean-map")!, expected, 1e-12);
      assertAlmostEquals(against("mean-truth")!, expected, 1e-12);
      // The class of the second sample has no other unit.
      const ofClass = numberOf(controls, "mean-map-of-class", "miou")!;
      assertEquals(ofClass.samples, 2);
      const own = [miou(ON_RIGHT, LEFT), miou(ON_LEFT, RIGHT)];
      assertAlmostEquals(ofClass.valueAgainst, (own[0]! + own[1]!) / 2, 1e-12);
      // The Gaussian has values from 1 to exp(-2 * .5 ** 2 / (2 * .25 ** 2)), scaled to 0..1.
      assertEquals(numberOf(controls, "centre", "miou")!.samples, 3);
      const side = 64;
      const gaussian = Float32Array.from({ length: side * side }, (_, i) => {
        const [x, y] = [(i % side + 0.5) / side - 0.5, (Math.floor(i / side) + 0.5) / side - 0.5];
        return Math.exp(-8 * (x * x + y * y));
      });
      const lowest = gaussian[0]!;
      const scaled = gaussian.map((value) =>
        (value - lowest) / (gaussian[31 * side + 31]! - lowest)
      );
      const centre = [LEFT, RIGHT, RIGHT].map((box) => scoreHeatmap(scaled, IMAGE, [box]).miou);
      const mean = centre.reduce((sum, value) => sum + value, 0) / 3;
      assertAlmostEquals(against("centre")!, mean, 1e-6);
    },
  ));

Deno.test("readControls() of boxes has the phrases of the image alone", () =>
  controlsOf(
    [
      { image: "a", phrase: "mass", category: "Mass", box: LEFT, predicted: [[0, 0, 4, 2]] },
      { image: "a", phrase: "nodule", category: "Nodule", box: RIGHT, predicted: [[2, 0, 4, 4]] },
    ],
    [],
    (controls) => {
      const found = numberOf(controls, "other-class", "miou")!;
      // Half a box against the other's truth gives nothing; 2 of 4 columns give 8 of 24 pixels.
      assertAlmostEquals(found.valueAgainst, (8 / 24 + 0) / 2, 1e-12);
      assertEquals(found.value, 0.5);
      assertEquals([...new Set(controls.variants[""]!.map(({ control }) => control))], [
        "other-class",
      ]);
      assertEquals(numberOf(controls, "other-class", "cnr"), undefined);
    },
  ));

/** Phrases with their maps; that of the phrase with nothing to find is bright everywhere. */
const EXISTENCE: readonly Made[] = [
  { image: "a", phrase: "mass", category: "Mass", box: LEFT, map: [0.6, 0.2, 0.2, 0.2] },
  { image: "b", phrase: "mass", category: "Mass", box: LEFT, map: [0.5, 0, 0, 0] },
  {
    ...{ image: "c", phrase: "no mass", category: "Mass", box: LEFT, map: [0.9, 0.8, 0.8, 0.8] },
    isNegative: true,
  },
];

const emptyAnswers = (...maps: readonly (readonly number[])[]): Answer[] =>
  maps.map((map, of) => ({ of, question: "empty", map }));

function assertContrast(controls: Controls): void {
  const peak = numberOf(controls, "empty", "peakAuc")!;
  assertEquals([peak.value, peak.valueAgainst, peak.difference], [1, 0, 1]);
  // Means by contrast: .2, .125 and .025.
  const mean = numberOf(controls, "empty", "meanAuc")!;
  assertEquals([mean.value, mean.valueAgainst], [1, 0]);
  const [, table] = makeControlTables(controls);
  assertEquals(table!.groups[0]!.rows.map(({ label, cells }) => [label, cells[0]!.text]), [
    ["by contrast", "100.0"],
    ["as it is", "0.0"],
    ["difference", "+100.0"],
  ]);
}

Deno.test("readControls() contrasts existence with the map of the empty phrase", () => {
  const answers = emptyAnswers([0.1, 0.1, 0.1, 0.1], [0, 0, 0, 0], [0.8, 0.8, 0.8, 0.8]);
  return controlsOf(EXISTENCE, answers, assertContrast, false);
});

Deno.test("readControls() takes the contrast of methods that scale their maps themselves", () => {
  const answers = emptyAnswers([0.5, 0.1, 0.1, 0.1], [0.5, 0, 0, 0], [0.1, 0, 0, 0]);
  return controlsOf(EXISTENCE, answers, assertContrast);
});

Deno.test("readControls() counts results without their heatmap, and goes on", () =>
  controlsOf(
    [
      { image: "a", phrase: "mass", category: "Mass", box: LEFT, map: ON_LEFT },
      { image: "b", phrase: "mass", category: "Mass", box: LEFT, map: ON_RIGHT },
      {
        image: "b",
        phrase: "mass again",
        category: "Mass",
        box: LEFT,
        map: ON_RIGHT,
        isLost: true,
      },
    ],
    [],
    (controls) => {
      assertEquals([controls.unread, numberOf(controls, "centre", "miou")!.samples], [1, 2]);
      const [{ caption }] = makeControlTables(controls) as [ResultTable];
      assertStringIncludes(caption.join(" "), "1 results could not be read again");
    },
  ));
