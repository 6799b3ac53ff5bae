import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Random } from "../../base/random.ts";
import { bootstrapMeans } from "./bootstrap.ts";

const draw = (random: Random, count: number, spread: number) =>
  Float64Array.from({ length: count }, () => spread * random.normal());

Deno.test("bootstrapMeans() holds the true mean about as often as its level states", () => {
  const random = new Random(1);
  const trials = 400;
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    const options = { resamples: 500, seed: trial, level: 0.95 };
    const [[low, high]] = bootstrapMeans([draw(random, 60, 1)], 1, options).classes[0] as [
      [number, number],
    ];
    if (low <= 0 && 0 <= high) held++;
  }
  const share = held / trials;
  assert(share > 0.91 && share < 0.98, `${share}`);
});

Deno.test("bootstrapMeans() weighs classes alike in the average, and draws each on its own", () => {
  const random = new Random(2);
  const spreads = [[200, 1], [50, 3], [50, 3]] as const;
  const classes = spreads.map(([count, spread]) => draw(random, count, spread));
  const { classes: each, average } = bootstrapMeans(classes, 1);
  const half = ([low, high]: readonly [number, number]) => (high - low) / 2 / 1.96;
  const deviation = (values: Float64Array) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  };
  const errors = classes.map((values) => deviation(values) / Math.sqrt(values.length));
  for (const [i, error] of errors.entries()) {
    assert(Math.abs(half(each[i]![0]!) / error - 1) < 0.1, `class ${i}`);
  }
  const expected = Math.hypot(...errors) / errors.length;
  assert(Math.abs(half(average[0]!) / expected - 1) < 0.1);
});

Deno.test("bootstrapMeans() depends on its seed and takes columns together", () => {
  const values = draw(new Random(3), 40, 1);
  const twice = Float64Array.from({ length: 80 }, (_, i) => values[i >> 1]! * (i % 2 ? -1 : 1));
  const [[low, high], [negativeLow, negativeHigh]] = bootstrapMeans([twice], 2).average as [
    [number, number],
    [number, number],
  ];
  assert(Math.abs(low + negativeHigh) < 1e-12 && Math.abs(high + negativeLow) < 1e-12);
  const bySeed = (seed: number) =>
    bootstrapMeans([values], 1, { resamples: 200, seed, level: 0.95 });
  assertEquals(bySeed(4), bySeed(4));
  assertNotEquals(bySeed(4), bySeed(5));
});
