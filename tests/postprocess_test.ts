import { assert, assertEquals } from "@std/assert";
import type { Box } from "../datasets/sample.ts";
import { postprocess } from "../pipeline/postprocess.ts";
import { scoreHeatmap } from "../pipeline/score_heatmap.ts";
import { floats, readSafetensors } from "./support/safetensors.ts";

// What the released code made of seeded attention stacks; see shared/README.md.
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

const names = [...Deno.readDirSync(REFERENCE)]
  .map((entry) => entry.name)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.slice(0, -".json".length))
  .sort();

Deno.test("reference/postprocess holds cases", () => {
  assert(names.length > 0);
});

for (const name of names) {
  Deno.test(`postprocess() and scoreHeatmap() agree with reference ${name}`, async () => {
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
    const result = postprocess({
      layers,
      tokenStart: expected.token_start,
      tokenEnd: expected.token_end,
      size: expected.output_size,
      sigma: expected.gaussian_sigma,
    });

    const smoothed = largest(result.smoothed, floats(tensors, "smoothed"));
    const normalised = largest(
      result.normalised,
      floats(tensors, "normalised"),
    );
    const step = Math.abs(result.threshold! - expected.otsu_threshold);
    const heatmap = largest(
      result.heatmap,
      floats(tensors, "heatmap"),
      (index) => Math.abs(result.normalised[index]! - expected.otsu_threshold) > 1e-3,
    );
    let score = 0;
    for (const image of expected.metrics) {
      const size = { width: image.image_width, height: image.image_height };
      for (
        const [map, scores] of [
          [result.heatmap, image.masked_heatmap],
          [result.normalised, image.unmasked_heatmap],
        ] as const
      ) {
        const actual = scoreHeatmap(map, size, image.boxes_xywh);
        score = Math.max(
          score,
          Math.abs(actual.absCnr - scores.abs_cnr),
          Math.abs(actual.cnr - scores.cnr),
          Math.abs(actual.miou - scores.miou),
          Math.abs(actual.aucRoc - scores.auc_roc),
        );
      }
    }
    console.log(
      `${name}: largest difference ${smoothed.toExponential(1)} smoothed, ${
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

/** The largest absolute difference of two maps, NaN where either holds NaN. */
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
