import type { LdmModel } from "../models/ldm/model.ts";
import type { AttentionMaps, Columns } from "../models/ldm/unet_session.ts";
import type { EncodedPhrase } from "../models/tokenizer.ts";

/** Settings of {@linkcode generate}. */
export interface GenerateOptions {
  /** Number of steps. */
  readonly steps: number;
  /** Weight of the phrase's prediction against the empty phrase's. */
  readonly guidance: number;
  /** The noise to begin with, `[channels, side, side]`. */
  readonly start: Float32Array;
  /** Columns of the maps. */
  readonly columns: Columns;
  /** Aborts the run. */
  readonly signal?: AbortSignal;
}

/** A step of {@linkcode generate}. */
export interface GeneratedStep {
  /** The latent before the step. */
  readonly latent: Float32Array;
  /** Cross-attention of the phrase; valid until the next step is pulled. */
  readonly maps: readonly AttentionMaps[];
}

/**
 * Makes an image's latents from noise as StableDiffusionPipeline with DDIM and eta 0, and yields the
 * cross-attention of each step. The last prediction is left out, because nobody looks at the image.
 */
export async function* generate(
  model: LdmModel,
  phrase: EncodedPhrase,
  { steps, guidance, start, columns, signal }: GenerateOptions,
): AsyncIterableIterator<GeneratedStep> {
  const { scheduler, bundle: { tokenizer }, latentLength } = model;
  const timesteps = scheduler.samplingTimesteps(steps);
  const distance = Math.floor(scheduler.config.trainTimesteps / steps);
  const empty = tokenizer.encode("");
  let latent = start;
  for (const [step, timestep] of timesteps.entries()) {
    signal?.throwIfAborted();
    const text = await model.condition(phrase);
    if (step === timesteps.length - 1) {
      const maps = await model.attend([latent], [timestep], text, columns);
      yield* released({ latent, maps });
      return;
    }
    // Phrase and empty phrase share the part of the pass that no text changes.
    const trunk = await model.trunk([latent], [timestep]);
    const { prediction, maps } = await model.predictAndAttend(
      latent,
      timestep,
      text,
      columns,
      trunk,
    );
    const wanted = await model.read(prediction.data, latentLength).finally(() =>
      prediction.release()
    );
    const other = await model.predict(latent, timestep, await model.condition(empty), trunk);
    trunk.release();
    yield* released({ latent, maps });
    const [kept, moved] = scheduler.stepFactors(timestep, timestep - distance);
    latent = latent.map((value, i) =>
      kept * value + moved * (other[i]! + guidance * (wanted[i]! - other[i]!))
    );
  }
}

function* released(step: GeneratedStep): Iterable<GeneratedStep> {
  try {
    yield step;
  } finally {
    for (const map of step.maps) map.release();
  }
}

/** Reads maps into memory, each `[steps, layers or heads, positions, columns]`. */
export async function readMaps(
  model: LdmModel,
  maps: readonly AttentionMaps[],
  steps: number,
): Promise<Float32Array[]> {
  return await Promise.all(
    maps.map(({ layers, heads, positions, tokens, data }) =>
      model.read(data, steps * layers.length * heads * positions * tokens)
    ),
  );
}
