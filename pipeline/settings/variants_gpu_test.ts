import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { groundImage } from "../ground.ts";
import type { ScoredPhrase } from "../metrics.ts";
import { type GroundSettings, resolveSettings } from "./settings.ts";
import { tableTwoVariants, type VariantSettings } from "./variants.ts";
import { openGpu } from "../../shaders/device.ts";
import { furthest } from "../../tests/support/gpu.ts";

const DEMO = new URL("../../models/demo", import.meta.url).pathname;
const XRAY = drawPhantom({ seed: 3, width: 90, height: 110 });
const PHRASES = ["haze", "left effusion"];

const VARIANTS: VariantSettings[] = [
  { name: "all", layers: "all", select: "all", otsu: false },
  { name: "some", layers: [3, 7], select: { kind: "indices", start: 2, end: 5 }, otsu: true },
  // Overlaps the steps of "some"; both share the same passes.
  { name: "late", layers: [7, 9], select: { kind: "indices", start: 4, end: 9 }, otsu: true },
  { name: "plain", layers: [3, 4, 6, 7], otsu: false },
];

/** Variants for a software GPU, which is slow with a model: few steps, of which they share one. */
const FEW: VariantSettings[] = [
  { name: "some", layers: [3, 7], select: { kind: "indices", start: 2, end: 4 }, otsu: true },
  { name: "late", layers: [7, 9], select: { kind: "indices", start: 3, end: 5 }, otsu: true },
];

/** Returns the settings of a run with this variant alone. */
function alone({ layers, select, otsu }: VariantSettings) {
  const window = select === "all" ? { kind: "indices" as const, start: 0, end: 10 } : select;
  return { layers, otsu, ...(window && { select: window }) };
}

function assertSame(actual: ScoredPhrase, expected: ScoredPhrase): void {
  const { name } = actual.variant;
  const off = furthest(actual.normalised, expected.normalised);
  assert(off <= 1e-5, `${name}: ${off}`);
  assertEquals(actual.threshold === undefined, expected.threshold === undefined, name);
  const apart = Math.abs((actual.threshold ?? 0) - (expected.threshold ?? 0));
  assert(apart <= 1.001 / 256, `${name}: ${apart}`);
}

for (
  const [where, runtimeName, hasGpu, phrases, variants] of [
    ["the CPU", "native", false, PHRASES, VARIANTS],
    ["the GPU after a model on the CPU", "native", true, PHRASES, VARIANTS],
    ["the GPU", "webgpu", true, ["haze"], FEW],
  ] as const
) {
  Deno.test(`variants of one run equal runs of their own on ${where}`, async () => {
    const bundle = await loadBundle(DEMO);
    const runtime = await openRuntime(runtimeName);
    const gpu = hasGpu ? runtime.gpu ?? await openGpu() : undefined;
    // A software GPU is slow to open a model, so there all runs share one.
    const model = runtimeName === "webgpu"
      ? await openModel(bundle, runtime, { layers: [3, 7, 9], separate: true })
      : undefined;
    const common = {
      ...(model ? { model } : { bundle, runtime }),
      ...{ steps: 10, noise: "sample" as const, ...(gpu && { gpu }) },
    };
    const results = await groundImage(XRAY, phrases, { ...common, variants });
    assertEquals(
      results.map(({ sample, variant }) => [sample.phrase, variant.name]),
      phrases.flatMap((phrase) => variants.map(({ name }) => [phrase, name])),
    );
    for (const [i, variant] of variants.entries()) {
      const settings = model ? { variants: [variant] } : alone(variant);
      const own = await groundImage(XRAY, phrases, { ...common, ...settings });
      own.forEach((expected, phrase) =>
        assertSame(results[phrase * variants.length + i]!, expected)
      );
    }
    await model?.close();
    gpu?.destroy();
  });
}

Deno.test("tableTwoVariants() are the twelve of the paper's Table II", async () => {
  const bundle = await loadBundle(DEMO);
  const variants = tableTwoVariants(bundle, [3, 4, 6, 7]);
  assertEquals(variants.length, 12);
  const layers = Array.from({ length: 11 }, (_, layer) => layer);
  const select = { kind: "indices", start: 120, end: 180 } as const;
  const settings: GroundSettings = { steps: 300, select, variants };
  const resolved = resolveSettings({ bundle, layers }, settings);
  assertEquals(
    [...new Set(resolved.variants.map(({ layers }) => layers.join()))],
    [layers.join(), "2,3,4,5,6,7", "3,4,6,7"],
  );
  assertEquals(
    [...new Set(resolved.variants.map(({ start, end }) => `${start}..${end}`))],
    ["0..334", "120..180"],
  );
  assertEquals([resolved.start, resolved.end], [0, 334]);
});

Deno.test("resolveSettings() refuses variants with equal names, and unknown layers or steps", async () => {
  const bundle = await loadBundle(DEMO);
  const model = { bundle, layers: [3, 4] };
  const variant = { name: "a", layers: [3], otsu: true };
  const cases: [VariantSettings[], string][] = [
    [[], "without a variant"],
    [[variant, { ...variant, otsu: false }], 'two variants "a"'],
    [[{ ...variant, layers: [5] }], "layer 5: the model reads 3, 4"],
    [[{ ...variant, layers: [11] }], "layer 11"],
    [[{ ...variant, select: { kind: "indices", start: 8, end: 400 } }], "8..400"],
  ];
  for (const [variants, message] of cases) {
    assertThrows(() => resolveSettings(model, { variants }), RangeError, message);
  }
});
