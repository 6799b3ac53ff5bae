import { assert, assertEquals } from "@std/assert";
import type { Box, Size } from "../base/geometry.ts";
import { GpuHeatmaps } from "../pipeline/gpu/heatmaps_gpu.ts";
import { postprocess, type PostprocessInput } from "../pipeline/postprocess.ts";
import { scoreHeatmap, type Scores } from "../scoring/score_heatmap.ts";
import { storage } from "../shaders/device.ts";
import { testGpu } from "./support/gpu.ts";
import { floats, readSafetensors } from "./support/safetensors.ts";

// Output of the released code for seeded attention stacks; see shared/README.md.
const REFERENCE = new URL(
  "../../shared/reference/postprocess/",
  import.meta.url,
);

interface ReferenceScores {
  readonly abs_cnr: number;
  readonly cnr: number;
  readonly miou: number;
  readonly auc_roc: number;
}

interface ReferenceCase {
  readonly layers: number;
  readonly token_start: number;
  readonly token_end: number;
  readonly output_size: number;
  readonly gaussian_sigma: number;
  readonly otsu_threshold: number;
  readonly metrics: readonly {
    readonly image_width: number;
    readonly image_height: number;
    readonly boxes_xywh: readonly Box[];
    readonly masked_heatmap: ReferenceScores;
    readonly unmasked_heatmap: ReferenceScores;
  }[];
}

/** An image and boxes to score against. */
interface Target {
  readonly image: Size;
  readonly boxes: readonly Box[];
}

/** Results of one case on one device. */
interface Outcome {
  readonly smoothed: Float32Array;
  readonly normalised: Float32Array;
  readonly heatmap: Float32Array;
  readonly threshold: number;
  readonly constant: boolean;
  readonly masked: readonly Scores[];
  readonly unmasked: readonly Scores[];
}

const names = [...Deno.readDirSync(REFERENCE)]
  .map((entry) => entry.name)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.slice(0, -".json".length))
  .sort();

Deno.test("reference/postprocess holds cases", () => {
  assert(names.length > 0);
});

/** Computes heatmaps and scores in plain TypeScript. */
function onCpu(input: PostprocessInput, targets: readonly Target[]): Promise<Outcome> {
  const result = postprocess(input);
  const score = (map: Float32Array) =>
    targets.map(({ image, boxes }) => scoreHeatmap(map, image, boxes));
  return Promise.resolve({
    ...result,
    threshold: result.threshold!,
    masked: score(result.heatmap),
    unmasked: score(result.normalised),
  });
}

/**
 * Computes heatmaps and scores by shaders: each target is a phrase of its own with the same
 * attention.
 */
async function onGpu(input: PostprocessInput, targets: readonly Target[]): Promise<Outcome> {
  const { layers, tokenStart, tokenEnd, size, sigma = 2.5 } = input;
  const groups = [...Map.groupBy(layers, ({ shape }) => shape[1]).values()];
  const gpu = await testGpu();
  const run = async (otsu: boolean) => {
    const heatmaps = new GpuHeatmaps(gpu, { size, sigma, otsu });
    heatmaps.begin(
      groups.map((group) => ({
        layers: group.length,
        positions: group[0]!.shape[1],
        tokens: group[0]!.shape[2],
      })),
      targets.map(({ image, boxes }) => ({
        range: [tokenStart, tokenEnd],
        target: { image, truth: boxes },
      })),
    );
    for (let step = 0; step < layers[0]!.shape[0]; step++) {
      const maps = groups.map((group) => {
        const stack = group.flatMap(({ data, shape }) => [
          ...data.subarray(step * shape[1] * shape[2], (step + 1) * shape[1] * shape[2]),
        ]);
        return storage(gpu, "attention maps", Float32Array.from(stack));
      });
      targets.forEach((_, phrase) => heatmaps.add(maps, phrase));
      for (const map of maps) map.destroy();
    }
    const results = await heatmaps.finish();
    heatmaps.destroy();
    return results.map((result) => {
      if ("error" in result) throw result.error;
      return result;
    });
  };
  const [masked, unmasked] = [await run(true), await run(false)];
  return {
    ...masked[0]!,
    threshold: masked[0]!.threshold!,
    masked: masked.map(({ scores }) => scores!),
    unmasked: unmasked.map(({ scores }) => scores!),
  };
}

for (
  const [device, name, run] of names.flatMap((name) => [
    ["the CPU", name, onCpu] as const,
    ["the GPU", name, onGpu] as const,
  ])
) {
  Deno.test(`heatmap and scores on ${device} agree with reference ${name}`, async () => {
    const expected: ReferenceCase = JSON.parse(
      await Deno.readTextFile(new URL(`${name}.json`, REFERENCE)),
    );
    const tensors = await readSafetensors(
      new URL(`${name}.safetensors`, REFERENCE),
    );
    const layers = Array.from({ length: expected.layers }, (_, layer) => {
      const [steps, positions, tokens] = tensors.get(`attention_${layer}`)!
        .shape as [number, number, number];
      const data = floats(tensors, `attention_${layer}`);
      return { data, shape: [steps, positions, tokens] as const };
    });
    const result = await run(
      {
        layers,
        tokenStart: expected.token_start,
        tokenEnd: expected.token_end,
        size: expected.output_size,
        sigma: expected.gaussian_sigma,
      },
      expected.metrics.map(({ image_width, image_height, boxes_xywh }) => ({
        image: { width: image_width, height: image_height },
        boxes: boxes_xywh,
      })),
    );

    const smoothed = largest(result.smoothed, floats(tensors, "smoothed"));
    const normalised = largest(
      result.normalised,
      floats(tensors, "normalised"),
    );
    const step = Math.abs(result.threshold - expected.otsu_threshold);
    const heatmap = largest(
      result.heatmap,
      floats(tensors, "heatmap"),
      (index) => Math.abs(result.normalised[index]! - expected.otsu_threshold) > 1e-3,
    );
    let score = 0;
    expected.metrics.forEach((image, i) => {
      for (
        const [actual, scores] of [
          [result.masked[i]!, image.masked_heatmap],
          [result.unmasked[i]!, image.unmasked_heatmap],
        ] as const
      ) {
        score = Math.max(
          score,
          Math.abs(actual.absCnr - scores.abs_cnr),
          Math.abs(actual.cnr - scores.cnr),
          Math.abs(actual.miou - scores.miou),
          Math.abs(actual.aucRoc - scores.auc_roc),
        );
      }
    });
    console.log(
      `${name} on ${device}: largest difference ${smoothed.toExponential(1)} smoothed, ${
        normalised.toExponential(1)
      } normalised, ${step.toExponential(1)} threshold, ${heatmap.toExponential(1)} heatmap, ${
        score.toExponential(1)
      } scores`,
    );
    assert(smoothed <= 1e-4);
    assert(normalised <= 2e-3);
    assert(step <= 0.5 / 256);
    assert(heatmap <= 2e-3);
    assert(score <= 2e-4);
    assertEquals(result.constant, false);
  });
}

/** Largest absolute difference between two maps; NaN if either map holds NaN. */
function largest(
  actual: Float32Array,
  expected: Float32Array,
  counts: (index: number) => boolean = () => true,
): number {
  assertEquals(actual.length, expected.length);
  return actual.reduce(
    (most, value, index) =>
      counts(index) ? Math.max(most, Math.abs(value - expected[index]!)) : most,
    0,
  );
}
