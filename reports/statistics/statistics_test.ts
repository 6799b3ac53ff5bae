import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Random } from "../../base/random.ts";
import { precisionPool } from "../../scoring/protocols/pools.ts";
import { ClassColumns } from "./class_columns.ts";
import { type CohortSample, estimate } from "./cohort.ts";
import { holm, mcNemar } from "./paired_tests.ts";
import { FLIPS, signFlip, unitIntervals } from "./resample_units.ts";

const CLASSES = ["a", "b", "c"];
const WIDTH = 2;

/** Draws samples of two methods with missing numbers and several entries a sample. */
function drawSamples(seed: number, count: number, unitCount: number): CohortSample[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const entries = random.integer(1, 3);
    const draw = () =>
      Float64Array.from(
        { length: WIDTH * entries },
        () => random.uniform() < 0.1 ? NaN : random.normal(),
      );
    return {
      numbers: [draw(), draw()],
      unit: unitName(i < unitCount ? i : random.integer(0, unitCount - 1)),
      category: CLASSES[random.integer(0, CLASSES.length - 1)]!,
    };
  });
}

/** Name of a unit; the names are in the order of their places. */
const unitName = (place: number) => String(100 + place);

/** Pairs of numbers of a class (the last stands for all), one list entry an entry of a sample. */
function pairsOf(samples: readonly CohortSample[], row: number, field: number) {
  const pairs: { a: number; b: number; unit: number }[] = [];
  samples.forEach(({ category, unit, numbers: [one, other] }) => {
    if (row !== CLASSES.length && category !== CLASSES[row]) return;
    for (let at = field; at < one!.length; at += WIDTH) {
      const [a, b] = [one![at]!, other![at]!];
      if (!Number.isNaN(a + b)) pairs.push({ a, b, unit: Number(unit) - 100 });
    }
  });
  return pairs;
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

Deno.test("unitIntervals() equals a plain bootstrap of the units on the same draws", () => {
  const samples = drawSamples(1, 60, 25);
  const { values } = estimate(samples, CLASSES, WIDTH);
  const bootstrap = { resamples: 300, seed: 7, level: 0.9 };
  const found = unitIntervals(25, (weights) => {
    const [a, b] = values(weights);
    return b!.map((value, at) => value - a![at]!);
  }, bootstrap);
  for (let row = 0; row <= CLASSES.length; row++) {
    for (let field = 0; field < WIDTH; field++) {
      const pairs = pairsOf(samples, row, field);
      const random = new Random(7);
      const draws = Array.from({ length: 300 }, () => {
        const units = Array.from({ length: 25 }, () => random.integer(0, 24));
        const drawn = units.flatMap((unit) => pairs.filter((pair) => pair.unit === unit));
        return mean(drawn.map(({ b }) => b)) - mean(drawn.map(({ a }) => a));
      }).filter((value) => !Number.isNaN(value)).sort((x, y) => x - y);
      const at = (share: number) => {
        const place = share * (draws.length - 1);
        const low = Math.floor(place);
        return draws[low]! + (place - low) * ((draws[low + 1] ?? draws[low]!) - draws[low]!);
      };
      const [low, high] = found[row * WIDTH + field]!;
      assertAlmostEquals(low, at(0.05), 1e-9);
      assertAlmostEquals(high, at(0.95), 1e-9);
    }
  }
  assertEquals(unitIntervals(1, () => new Float64Array(1)), [undefined]);
});

Deno.test("signFlip() tries all flips of few units, as a plain permutation test does", () => {
  const samples = drawSamples(2, 20, 8);
  const { differences } = estimate(samples, CLASSES, WIDTH);
  const found = signFlip(8, differences, FLIPS.means);
  for (let row = 0; row <= CLASSES.length; row++) {
    for (let field = 0; field < WIDTH; field++) {
      const pairs = pairsOf(samples, row, field);
      const statistic = (flip: number) =>
        mean(pairs.map(({ a, b, unit }) => flip >> unit & 1 ? a - b : b - a));
      const observed = Math.abs(statistic(0));
      let extreme = 0;
      for (let flip = 0; flip < 256; flip++) {
        if (Math.abs(statistic(flip)) >= observed - 1e-12) extreme++;
      }
      assertAlmostEquals(found[row * WIDTH + field]!, extreme / 256, 1e-9);
    }
  }
});

Deno.test("signFlip() equals SciPy's permutation_test on seven pairs, and comes near with many", () => {
  // permutation_test((b, a), mean difference, permutation_type="samples") of SciPy gives 0.03125.
  const gaps = [0.3, 0.1, 0.25, -0.05, 0.4, 0.15, 0.2];
  const of = (values: readonly number[]) => (isSwapped: Uint8Array) =>
    Float64Array.of(mean(values.map((gap, i) => isSwapped[i] ? -gap : gap)));
  assertAlmostEquals(signFlip(gaps.length, of(gaps), 10_000)[0]!, 0.03125, 1e-9);
  const random = new Random(3);
  const many = Array.from({ length: 60 }, () => 0.25 + random.normal());
  const z = Math.abs(mean(many)) / Math.sqrt(mean(many.map((gap) => gap ** 2)) / 60);
  // The normal distribution is the limit of the sign flips of many units.
  const t = 1 / (1 + 0.2316419 * z);
  const tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const p = signFlip(60, of(many), 10_000)[0]!;
  assert(Math.abs(p - 2 * tail) < 0.02, `${p} and ${2 * tail}`);
  assertEquals(signFlip(60, of(many), 10_000)[0], p);
});

Deno.test("estimate() swaps the samples of whole units before it scores them together", () => {
  const random = new Random(4);
  const draw = () => Float64Array.of(random.uniform(), random.integer(0, 1) * 31, 1);
  const count = 12;
  const sides = [Array.from({ length: count }, draw), Array.from({ length: count }, draw)];
  const units = Array.from({ length: count }, (_, i) => i % 5);
  const classes = Array.from({ length: count }, (_, i) => i % 2);
  const samples = units.map((unit, i) => ({
    category: CLASSES[classes[i]!]!,
    unit: unitName(unit),
    numbers: sides.map((side) => side[i]!),
  }));
  const { values, differences } = estimate(samples, ["a", "b"], 3, precisionPool);
  const swapped = [0, 1, 1, 0, 1];
  const score = (side: number, row: number) => {
    const own = [...units.keys()].filter((i) => row === 2 || classes[i] === row);
    const chosen = own.map((i) => sides[swapped[units[i]!]! ? 1 - side : side]![i]!);
    return precisionPool(chosen)(chosen.map(() => 1));
  };
  const expected = [0, 1, 2].flatMap((row) => {
    const [a, b] = [score(0, row), score(1, row)];
    return b.map((value, i) => value - a[i]!);
  });
  differences(Uint8Array.from(swapped)).forEach((value, i) =>
    assertAlmostEquals(value, expected[i]!, 1e-9)
  );
  const repeated = [...sides[1]!.keys()].flatMap((i) =>
    Array.from({ length: units[i]! }, () => sides[1]![i]!)
  );
  const weighted = values(Float64Array.of(0, 1, 2, 3, 4))[1]!.subarray(8, 12);
  precisionPool(repeated)(repeated.map(() => 1)).forEach((value, i) =>
    assertAlmostEquals(weighted[i]!, value, 1e-9)
  );
});

Deno.test("ClassColumns averages classes, not samples, and passes over missing values", () => {
  const columns = new ClassColumns(
    ["b", "a", "Edema", "a"],
    new Map([["a", "Group"], ["b", "Group"]]),
  );
  assertEquals(columns.names, ["Edema", "a", "b", "Group mean", "Avg", "All"]);
  assertEquals([...columns.of(Float64Array.of(1, 2, NaN, 9), 1)], [1, 2, NaN, 2, 1.5, 9]);
  assertEquals(columns.isIn("b", "Group mean"), true);
  assertEquals(columns.isIn("Edema", "Group mean"), false);
});

Deno.test("mcNemar() equals the binomial distribution, also of many pairs", () => {
  // scipy.stats.binomtest(k, n, .5).pvalue
  assertAlmostEquals(mcNemar(2, 9), 0.0654296875, 1e-9);
  assertAlmostEquals(mcNemar(5, 5), 1, 1e-9);
  assertAlmostEquals(mcNemar(0, 0), 1, 1e-9);
  assertAlmostEquals(mcNemar(930, 1070), 0.0018755785845971933, 1e-9);
});

Deno.test("holm() corrects in order, never decreases, and passes over missing tests", () => {
  const found = holm([0.01, NaN, 0.04, 0.03, 0.6]);
  [0.04, NaN, 0.09, 0.09, 0.6].forEach((value, i) =>
    Number.isNaN(value)
      ? assert(Number.isNaN(found[i]))
      : assertAlmostEquals(found[i]!, value, 1e-12)
  );
});
