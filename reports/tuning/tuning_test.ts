import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Box } from "../../base/geometry.ts";
import { Random } from "../../base/random.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { finishHeatmap } from "../../pipeline/postprocess.ts";
import { RunFolder, type RunRecord } from "../../runs/run_folder.ts";
import { PROTOCOLS } from "../../scoring/protocols.ts";
import { scoreHeatmap } from "../../scoring/score_heatmap.ts";
import { inFolder } from "../../tests/support/command.ts";
import { crossValidate, type ScoredSample } from "./cross_validate.ts";
import { dealFolds, unitsIn } from "./folds.ts";
import { parseMetric } from "./metric.ts";
import { type TuneOptions, tuneRun } from "./tune_run.ts";
import { describeTuning, tuningFiles } from "./tuning_tables.ts";

const SIDE = 8;
const SIZE = 32;
const IMAGE = { width: 64, height: 64 };
const STEPS = [[0, 4], [4, 6], [6, 10]] as const;
const LAYERS = [0, 1, 2];

/** Layer and group of steps that show the box of each class; all others show another place. */
const RIGHT: Readonly<Record<string, readonly [layer: number, group: number]>> = {
  Edema: [2, 0],
  Pneumonia: [0, 2],
};

const RECORD: RunRecord = {
  facts: {
    settings: {
      ...{ steps: 10, start: 4, end: 6, sigma: 1, layers: [0, 1], otsu: true },
      kept: { layers: LAYERS, steps: STEPS },
    },
    margin: "excluded",
  },
  variants: [""],
  plan: [],
};

/** A map with a bright square of 2x2 positions and some noise. */
function blob(x: number, y: number, random: Random): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
    const isInside = Math.abs(i % SIDE - x - 0.5) < 1 &&
      Math.abs(Math.floor(i / SIDE) - y - 0.5) < 1;
    return 0.2 * random.uniform() + Number(isInside);
  });
}

interface HandMade {
  readonly result: SampleResult & { readonly boxes: readonly Box[] };
  readonly maps: readonly Float32Array<ArrayBuffer>[][];
}

/** Samples of two classes; a patient has two samples of each class, on images of its own. */
function makeSamples(patients: number): HandMade[] {
  const random = new Random(3);
  return Array.from({ length: 4 * patients }, (_, i): HandMade => {
    const category = Object.keys(RIGHT)[i % 2]!;
    const [x, y] = [random.integer(0, 2), random.integer(0, 5)];
    const maps = STEPS.map((_, group) =>
      LAYERS.map((layer) => {
        const isRight = layer === RIGHT[category]![0] && group === RIGHT[category]![1];
        return blob(isRight ? x : x + 4, y, random);
      })
    );
    const result = {
      ...{ id: `s${i}`, index: i, image: `image-${i >> 1}.png`, phrase: "", category },
      ...{ patient: `p${i >> 2}`, boxes: [[8 * x, 8 * y, 16, 16]] as Box[] },
      ...{ status: "scored" as const, threshold: 0.5, absCnr: 0, cnr: 0, miou: 0, aucRoc: 0.5 },
    };
    return { result, maps };
  });
}

/** Writes samples as a run that keeps its attention. */
async function writeRun(path: string, samples: readonly HandMade[], record = RECORD) {
  const folder = await RunFolder.lock(path, () => {});
  const plan = samples.map(({ result: { id } }, index) => ({ id, index }));
  await folder.begin({ ...record, plan }, "refuse", () => {});
  for (const { result, maps } of samples) {
    const { id } = result;
    const layer = (layer: number, group: number) => ({
      ...{ layer, side: SIDE },
      data: maps[group]![layer]!,
    });
    const stored = { id, size: SIZE, image: IMAGE };
    await folder.writeHeatmaps([{ ...stored, layers: [layer(0, 1), layer(1, 1)] }]);
    const layers = STEPS.flatMap((_, group) => LAYERS.map((at) => layer(at, group)));
    await folder.writeAttention([{ ...stored, layers }]);
    await folder.write([result]);
  }
  await folder.close();
}

const OPTIONS: TuneOptions = { metric: parseMetric("mIoU"), folds: 3, seed: 1, grid: {} };

/** Number of a class in a tuning. */
const numberOf = (
  { numbers }: Awaited<ReturnType<typeof tuneRun>>,
  name: string,
  score: string,
  method = "tuned",
) =>
  numbers.find((number) =>
    number.class === name && number.score === score && number.method === method
  )!;

Deno.test("tuneRun() finds each class's own layer and steps, and the scores of a plain computation", () =>
  inFolder(async (folder) => {
    const samples = makeSamples(6);
    await writeRun(folder, samples);
    const tuning = await tuneRun(folder, OPTIONS);
    const { classes, candidates, folds, unit, units } = tuning;
    assertEquals([unit, units, folds], ["patient", 6, 3]);
    for (const [name, [layer, group]] of Object.entries(RIGHT)) {
      const { whole, folds } = classes.get(name)!;
      for (const { candidate, isPooled } of [whole, ...folds]) {
        const { layers, steps } = candidates[candidate]!;
        assertEquals([[...layers], [...steps], isPooled], [[layer], [...STEPS[group]!], false]);
      }
    }
    // The choice of the other folds scores each sample; the fixed setting stands beside it.
    const means = { own: [] as number[], fixed: [] as number[] };
    for (const { result: { patient, category, boxes }, maps } of samples) {
      if (category !== "Edema") continue;
      const fold = tuning.foldOf.get(patient!)!;
      const { sigma, threshold } = candidates[classes.get(category)!.folds[fold]!.candidate]!;
      const [layer, group] = RIGHT[category]!;
      const own = finishHeatmap([{ side: SIDE, data: maps[group]![layer]! }], {
        ...{ size: SIZE, sigma, otsu: threshold === "otsu" },
      });
      const cut = typeof threshold === "number"
        ? own.normalised.map((value) => value > threshold ? value : 0)
        : own.heatmap;
      means.own.push(scoreHeatmap(cut, IMAGE, boxes).miou);
      const fixed = finishHeatmap(
        [0, 1].map((layer) => ({ side: SIDE, data: maps[1]![layer]! })),
        { size: SIZE, sigma: 1 },
      );
      means.fixed.push(scoreHeatmap(fixed.heatmap, IMAGE, boxes).miou);
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / 12;
    const { value, valueAgainst, low, high, units: own } = numberOf(tuning, "Edema", "miou");
    assertAlmostEquals(value, mean(means.own), 1e-12);
    assertAlmostEquals(valueAgainst, mean(means.fixed), 1e-12);
    assertEquals(own, 6);
    assert(low! > 0.2 && high! < 1);
    // The classes need different choices, so that a shared choice scores less.
    assert(numberOf(tuning, "Avg", "miou", "pooled").value < numberOf(tuning, "Avg", "miou").value);
  }));

Deno.test("a fold's own samples do not influence the choice that scores them", () =>
  inFolder(async (folder) => {
    const samples = makeSamples(6);
    await writeRun(`${folder}/first`, samples);
    const first = await tuneRun(`${folder}/first`, OPTIONS);
    for (const fold of [0, 1, 2]) {
      // In the fold's samples another layer and group of steps is right.
      const changed = samples.map((sample) =>
        first.foldOf.get(sample.result.patient!) === fold
          ? { ...sample, maps: sample.maps.toReversed().map((layers) => layers.toReversed()) }
          : sample
      );
      await writeRun(`${folder}/${fold}`, changed);
      const second = await tuneRun(`${folder}/${fold}`, OPTIONS);
      assertEquals(second.foldOf, first.foldOf);
      assertEquals(second.pooled.folds[fold], first.pooled.folds[fold]);
      for (const [name, { folds }] of first.classes) {
        assertEquals(second.classes.get(name)!.folds[fold], folds[fold]);
      }
      // The other folds' choices saw the change, and the fold's own score is worse.
      const others = [0, 1, 2].filter((other) => other !== fold);
      for (const other of others) {
        const [one, two] = [first, second].map(({ classes }) =>
          classes.get("Edema")!.folds[other]!
        );
        assert(two!.value < one!.value);
      }
      assert(numberOf(second, "All", "miou").value < numberOf(first, "All", "miou").value);
    }
  }));

Deno.test("the order of a run's files changes nothing, and patients are never divided", () =>
  inFolder(async (folder) => {
    const samples = makeSamples(7);
    await writeRun(`${folder}/a`, samples);
    const random = new Random(9);
    const shuffled = samples.map((sample) => ({ sample, key: random.uniform() }))
      .sort((a, b) => a.key - b.key).map(({ sample }) => sample);
    await writeRun(`${folder}/b`, shuffled);
    const [a, b] = [
      await tuneRun(`${folder}/a`, OPTIONS),
      await tuneRun(`${folder}/b`, OPTIONS),
    ];
    assertEquals(tuningFiles(b), tuningFiles(a));
    const { samples: listed } = JSON.parse(tuningFiles(a)["tuning.json"]!);
    const folds = new Map<string, Set<number>>();
    for (const { unit, fold } of listed) {
      folds.set(unit, (folds.get(unit) ?? new Set()).add(fold));
    }
    assertEquals([...folds.values()].map(({ size }) => size), new Array(7).fill(1));
    // Another seed deals patients to other folds; the same seed repeats every byte.
    const again = await tuneRun(`${folder}/a`, OPTIONS);
    assertEquals(tuningFiles(again), tuningFiles(a));
    const other = await tuneRun(`${folder}/a`, { ...OPTIONS, seed: 2 });
    assert(JSON.stringify([...other.foldOf]) !== JSON.stringify([...a.foldOf]));
  }));

Deno.test("classes of few patients take the choice for all classes, and the tuning says so", () =>
  inFolder(async (folder) => {
    const samples = makeSamples(5).filter(({ result: { category, patient } }) =>
      category === "Edema" || patient! < "p2"
    );
    await writeRun(folder, samples);
    const tuning = await tuneRun(folder, OPTIONS);
    const { pooled, classes } = tuning;
    const { whole, folds } = classes.get("Pneumonia")!;
    assertEquals([whole.isPooled, whole.units], [true, 2]);
    assertEquals(
      folds.map(({ candidate }) => candidate),
      pooled.folds.map(({ candidate }) => candidate),
    );
    assertEquals(classes.get("Edema")!.whole.isPooled, false);
    assert(
      describeTuning(tuning).includes(
        "Too few patients for a choice of their own, fewer than 3; the choice for all classes is " +
          "theirs: Pneumonia (2).",
      ),
    );
    await assertRejects(
      () => tuneRun(folder, { ...OPTIONS, folds: 6 }),
      RangeError,
      "14 samples with paper scores are of 5 patients; expected at least 6 patients",
    );
    await assertRejects(
      () => tuneRun(folder, { ...OPTIONS, grid: { layers: [[0, 3]] } }),
      RangeError,
      "over layers 0,3: its attention has layers 0,1,2 and steps from 0, 4, 6 up to 10",
    );
    const one = { layers: [[0, 1]], selects: [{ kind: "share", start: 0.4, end: 0.6 }] } as const;
    await assertRejects(
      () => tuneRun(folder, { ...OPTIONS, grid: { ...one, sigmas: [1], thresholds: ["otsu"] } }),
      RangeError,
      "its options leave one setting",
    );
    const facts = { method: "biovil", methods: { biovil: {} }, margin: "excluded" };
    const other = await RunFolder.lock(`${folder}/grid`, () => {});
    await other.begin({ facts, variants: [""], plan: [] }, "refuse", () => {});
    await other.write([samples[0]!.result]);
    await other.close();
    await assertRejects(
      () => tuneRun(`${folder}/grid`, OPTIONS),
      RangeError,
      "it has no attention of the diffusion model, only biovil",
    );
  }));

Deno.test("windows of steps are joined, each step with the same weight", () =>
  inFolder(async (folder) => {
    const [first, ...rest] = makeSamples(4);
    await writeRun(folder, [first!, ...rest]);
    const grid: TuneOptions["grid"] = {
      ...{ layers: [[1]], selects: [{ kind: "indices", start: 0, end: 6 }] },
      ...{ sigmas: [0.5], thresholds: ["none"] },
    };
    const tuning = await tuneRun(folder, { ...OPTIONS, grid });
    assertEquals(tuning.candidates.length, 2);
    const { maps, result: { boxes } } = first!;
    const data = maps[0]![1]!.map((value, i) => (4 * value + 2 * maps[1]![1]![i]!) / 6);
    const { heatmap } = finishHeatmap([{ side: SIDE, data }], {
      ...{ size: SIZE, sigma: 0.5, otsu: false },
    });
    const { cnr, aucRoc } = scoreHeatmap(heatmap, IMAGE, boxes);
    const sample = tuning.samples.find(({ id }) => id === "s0")!;
    assertAlmostEquals(sample.entries(1)[1]!, cnr, 1e-5);
    assertAlmostEquals(sample.entries(1)[3]!, aucRoc, 1e-6);
  }));

/** Samples with random numbers by some candidates. */
function drawSamples(random: Random, count: number, candidates: number, width: number) {
  return Array.from({ length: count }, (_, i): ScoredSample => {
    const values = Array.from(
      { length: candidates },
      () => Float64Array.from({ length: width }, () => random.uniform()),
    );
    return {
      ...{ id: String(i), category: ["a", "b"][i % 2]!, unit: `u${random.integer(0, 19)}` },
      entries: (candidate) => values[candidate]!,
    };
  });
}

Deno.test("crossValidate() chooses the best mean of the other folds, and the lowest if less is better", () => {
  for (const name of ["generate-to-ground:distance", "cnr"]) {
    const metric = parseMetric(name);
    const { place, sign } = metric;
    assertEquals(sign, name === "cnr" ? 1 : -1);
    const width = name === "cnr" ? 4 : PROTOCOLS["generate-to-ground"].length;
    const own = drawSamples(new Random(5), 90, 7, width);
    const { foldOf, classes } = crossValidate(own, 7, metric, { folds: 4, seed: 0 });
    for (const [category, { folds }] of classes) {
      for (const [fold, { candidate, value }] of folds.entries()) {
        const seen = own.filter((sample) =>
          sample.category === category && foldOf.get(sample.unit) !== fold
        );
        const means = Array.from(
          { length: 7 },
          (_, i) => seen.reduce((sum, { entries }) => sum + entries(i)[place]!, 0) / seen.length,
        );
        const best = sign > 0 ? Math.max(...means) : Math.min(...means);
        assertAlmostEquals(value, best, 1e-12);
        assertEquals(candidate, means.indexOf(best));
      }
    }
  }
});

Deno.test("dealFolds() makes folds of equal size and spreads every class", () => {
  const random = new Random(8);
  const samples = Array.from({ length: 200 }, (_, i) => ({
    unit: `u${i % 43}`,
    category: i % 43 < 5 ? "rare" : ["a", "b"][random.integer(0, 1)]!,
  }));
  const foldOf = dealFolds(samples, 5, 3);
  const sizes = [0, 1, 2, 3, 4].map((fold) =>
    [...foldOf.values()].filter((f) => f === fold).length
  );
  assertEquals(sizes.toSorted(), [8, 8, 9, 9, 9]);
  const rare = unitsIn(samples.filter(({ category }) => category === "rare"));
  assertEquals(rare.map((unit) => foldOf.get(unit)).sort(), [0, 1, 2, 3, 4]);
  assertEquals(dealFolds(samples.toReversed(), 5, 3), foldOf);
});

Deno.test("parseMetric() takes scores and protocols, and lists them", () => {
  const named = (text: string) => {
    const { protocol, score } = parseMetric(text);
    return `${protocol} ${score}`;
  };
  assertEquals(["mIoU", "|CNR|", "paper:auc_roc", "aep", "aep:dice", "ap:ap_50"].map(named), [
    ...["paper miou", "paper absCnr", "paper aucRoc", "aep miou", "aep dice", "ap apAt50"],
  ]);
  assertEquals(["abs_cnr", "CNR", "AUC-ROC"].map(named), [
    ...["paper absCnr", "paper cnr", "paper aucRoc"],
  ]);
  assertThrows(() => parseMetric("aep:foo"), Error, "one of aep:miou, aep:dice, aep:cnr, aep:hit");
  assertThrows(() => parseMetric("f2"), Error, "one of absCnr, cnr, miou, aucRoc, per-box");
});
