import type { LdmModel } from "../../models/ldm/model.ts";
import type { Expectation } from "../../pipeline/method.ts";
import { noisePasses } from "../../pipeline/noise.ts";
import {
  type GroundSettings,
  type ResolvedSettings,
  resolveSettings,
} from "../../pipeline/settings/settings.ts";

/**
 * Settings that take fewer passes, with the correlation of their heatmaps to the exact heatmaps:
 * docs/speed.md, measured with the bundled model.
 */
const FASTER = [
  { options: "--steps 50", settings: { steps: 50 }, correlation: 0.998 },
  { options: "--noise sample", settings: { noise: "sample" }, correlation: 0.979 },
  {
    options: "--noise sample --steps 50",
    settings: { noise: "sample", steps: 50 },
    correlation: 0.967,
  },
] as const;

/** Largest share of the time at which other settings are worth a mention. */
const WORTHWHILE = 0.75;

/** Training timestep of the measured passes; all timesteps take the same time. */
const TIMESTEP = 500;

/** Seconds of a pass of the U-Net. */
export interface PassTimes {
  /** Seconds of a whole pass; 0 if the run has none. */
  readonly whole: number;
  /** Seconds of a phrase's pass, which ends after the last layer that is read. */
  readonly phrase: number;
}

/**
 * Measures one pass of each kind that a run has.
 *
 * @param hasWhole The run has whole passes. Otherwise the rest of the U-Net needs no memory.
 * @param now Returns monotonic milliseconds.
 */
export async function measurePasses(
  model: LdmModel,
  hasWhole: boolean,
  now: () => number = () => performance.now(),
): Promise<PassTimes> {
  const latent = new Float32Array(model.latentLength);
  const text = await model.condition(model.bundle.tokenizer.encode(""));
  const time = async (pass: () => Promise<void>) => {
    const began = now();
    await pass();
    return (now() - began) / 1000;
  };
  return {
    whole: hasWhole ? await time(async () => void await model.predict(latent, TIMESTEP, text)) : 0,
    phrase: await time(async () => {
      for (const maps of await model.attend([latent], [TIMESTEP], text)) {
        // A GPU has finished the pass only when its result is in memory.
        await model.read(maps.data, maps.layers.length * maps.positions * maps.tokens);
        maps.release();
      }
    }),
  };
}

/**
 * Computes the time of a run, and of faster settings. Phrases of an image share a part of their
 * passes; the time counts that part for each of them, so the run takes a little less.
 *
 * @param model The model, or the bundle and layers.
 * @param times Seconds of a pass.
 * @param images Number of images.
 * @param phrases Number of phrases in all.
 */
export function expectTime(
  model: Pick<LdmModel, "bundle" | "layers">,
  settings: GroundSettings,
  { whole, phrase }: PassTimes,
  images: number,
  phrases: number,
): Expectation {
  const secondsOf = (resolved: ResolvedSettings) =>
    images * noisePasses(resolved) * whole + phrases * (resolved.end - resolved.start) * phrase;
  const seconds = secondsOf(resolveSettings(model, settings));
  // Indices of steps make sense for their own number of steps only.
  const isFixed = settings.select?.kind === "indices" || settings.variants !== undefined;
  const faster = FASTER
    .filter(({ settings: other }) => !(isFixed && "steps" in other))
    .map(({ options, settings: other, correlation }) => ({
      options,
      seconds: secondsOf(resolveSettings(model, { ...settings, ...other })),
      correlation,
    }))
    .filter((other) => other.seconds < WORTHWHILE * seconds);
  return { seconds, pass: whole || phrase, faster };
}
