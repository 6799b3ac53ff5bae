/**
 * Replays a reference grounding step by step, and reports the error of each intermediate value.
 *
 * @module
 */

import { loadBundle } from "../../models/ldm/bundle.ts";
import { openModel } from "../../models/ldm/model.ts";
import type { WeightType } from "../../models/ldm/weights.ts";
import type { Runtime } from "../../models/runtime/runtime.ts";
import { readSafetensors } from "./safetensors.ts";

/** Largest absolute difference between two arrays of equal length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Reads a reference's tensors, and the settings that produced them. */
export async function openReference(folder: string) {
  const tensors = await readSafetensors(`${folder}/expected.safetensors`);
  const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
  return {
    prompt: config.prompt as string,
    steps: config.scheduler.num_inference_steps as number,
    timesteps: config.inversion_timesteps as number[],
    layers: config.attention_layer_indices as number[],
    recordedStep: config.attention_recorded_at_step as number,
    threshold: config.otsu_threshold as number,
    has: (name: string) => tensors.has(name),
    floats(name: string): Float32Array {
      const tensor = tensors.get(name);
      if (!(tensor?.data instanceof Float32Array)) throw new Error(`no float tensor "${name}"`);
      return tensor.data;
    },
  };
}

/** Largest absolute difference from the reference, for each intermediate value. */
export interface ReplayReport {
  latent: number;
  promptEmbeddings: number;
  /** Output of the U-Net, computed from the reference's own latent. */
  modelOutput: number;
  /** Attention of each layer, computed from the reference's own latent. */
  attention: number[];
  /** Largest over all inversion steps; the steps start from the model's own latent. */
  inversion: number;
}

/**
 * Replays a reference on a runtime. In the reference's batches, row 0 is the empty phrase and row 1
 * the phrase.
 */
export async function replay(
  folder: string,
  runtime: Runtime,
  weights: WeightType = "float32",
): Promise<ReplayReport> {
  const reference = await openReference(folder);
  const bundle = await loadBundle(folder);
  const layers = Array.from({ length: bundle.crossAttentionLayers }, (_, layer) => layer);
  const model = await openModel(bundle, runtime, { layers, weights });
  try {
    const half = (name: string, row: 0 | 1) => {
      const data = reference.floats(name);
      return data.subarray(row * data.length / 2, (row + 1) * data.length / 2);
    };
    const first = await model.encode(reference.floats("image"));
    const latent = await model.read(first, reference.floats("latent").length);
    const contextLength = reference.floats("prompt_embeds").length / 2;
    const embed = async (text: string) => {
      const embeddings = await model.embed(bundle.tokenizer.encode(text));
      const values = await model.read(embeddings.data, contextLength);
      embeddings.release();
      return values;
    };
    const contexts = [await embed(""), await embed(reference.prompt)] as const;
    const report: ReplayReport = {
      latent: largestDifference(latent, reference.floats("latent")),
      promptEmbeddings: Math.max(
        ...contexts.map((context, row) =>
          largestDifference(context, half("prompt_embeds", row as 0 | 1))
        ),
      ),
      modelOutput: 0,
      attention: [],
      inversion: 0,
    };
    const trajectory = reference.floats("inversion_latents");
    const after = (step: number) =>
      trajectory.subarray(step * latent.length, (step + 1) * latent.length);
    const { timesteps, recordedStep, steps } = reference;
    if (model.scheduler.timesteps(steps).join() !== timesteps.join()) {
      throw new Error("the timesteps differ from the reference's");
    }
    const start = reference.floats("latent");
    const recorded = after(recordedStep - 1);
    for (const row of [0, 1] as const) {
      const text = await model.project(half("prompt_embeds", row));
      const early = await model.predict(start, timesteps[0]!, text);
      const later = await model.predict(recorded, timesteps[recordedStep]!, text);
      report.modelOutput = Math.max(
        report.modelOutput,
        largestDifference(early, half("model_output_first", row)),
        largestDifference(later, half("model_output_at_attention", row)),
      );
      const maps = await model.attend([recorded], [timesteps[recordedStep]!], text);
      const single = await Promise.all(maps.map(async ({ layers, data, positions, tokens }) => {
        const length = positions * tokens;
        const all = await model.read(data, layers.length * length);
        return layers.map((layer, i) => ({
          layer,
          data: all.subarray(i * length, (i + 1) * length),
        }));
      }));
      for (const map of maps) map.release();
      text.release();
      for (const { layer, data } of single.flat()) {
        const number = String(layer).padStart(2, "0");
        const mean = `attention_mean_${number}`;
        const name = reference.has(mean) ? mean : `attention_${number}`;
        const difference = largestDifference(data, half(name, row));
        report.attention[layer] = Math.max(report.attention[layer] ?? 0, difference);
      }
    }
    const empty = await model.condition(bundle.tokenizer.encode(""));
    let z = first;
    for (let step = 0; step < trajectory.length / latent.length; step++) {
      const next = await model.step(z, timesteps[step]!, timesteps[step + 1] ?? Infinity, empty);
      model.free(z);
      z = next;
      const values = await model.read(z, latent.length);
      report.inversion = Math.max(report.inversion, largestDifference(values, after(step)));
    }
    model.free(z);
    return report;
  } finally {
    await model.close();
  }
}
