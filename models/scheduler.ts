/**
 * The noise schedule of a diffusion model and its deterministic inversion (DDIM).
 *
 * @module
 */

import { halfToEven } from "../base/half_to_even.ts";

/** The noise that training adds over the timesteps, and the kind of the model's prediction. */
export interface SchedulerConfig {
  /** Number of noise levels that the model was trained on, 1000 for the published one. */
  readonly trainTimesteps: number;
  /** Variance added at the first timestep. */
  readonly betaStart: number;
  /** Variance added at the last timestep. */
  readonly betaEnd: number;
  /** Spacing of the betas: they or their square roots are even, or they follow a squared cosine. */
  readonly schedule: "scaled_linear_beta" | "linear_beta" | "squaredcos_cap_v2";
  /** Meaning of the U-Net's output: velocity, noise (`epsilon`) or clean latent (`sample`). */
  readonly predictionType: "v_prediction" | "epsilon" | "sample";
  /** The betas themselves, in place of start, end and schedule. */
  readonly trainedBetas?: readonly number[];
  /**
   * The last timestep is pure noise.
   *
   * @default {false}
   */
  readonly zeroSnr?: boolean;
  /**
   * Spacing of the timesteps in sampling.
   *
   * @default {"leading"}
   */
  readonly spacing?: TimestepSpacing;
  /**
   * A step beyond the first timestep leads to the clean latent. If not, it leads to the
   * latent at the first timestep.
   *
   * @default {true}
   */
  readonly endsClean?: boolean;
}

/** Spacing of the timesteps in sampling, as in diffusers. */
export type TimestepSpacing = "leading" | "trailing" | "linspace";

/** All spacings. */
export const SPACINGS: readonly TimestepSpacing[] = ["leading", "trailing", "linspace"];

/** Evenly spaced float32 values, computed from both ends as PyTorch's `linspace` does. */
function linspace(start: number, end: number, count: number): Float32Array {
  const [first, last] = [Math.fround(start), Math.fround(end)];
  const step = Math.fround(Math.fround(last - first) / (count - 1));
  return Float32Array.from(
    { length: count },
    (_, i) => i < count / 2 ? first + Math.fround(step * i) : last - step * (count - 1 - i),
  );
}

/** Largest beta of a squared cosine (diffusers, `betas_for_alpha_bar`). */
const MAX_BETA = 0.999;

/** Variance added at each training timestep, float32. */
function betasOf(config: SchedulerConfig): Float32Array {
  const { trainTimesteps, betaStart, betaEnd, schedule, trainedBetas } = config;
  if (trainedBetas) return Float32Array.from(trainedBetas);
  switch (schedule) {
    case "scaled_linear_beta":
      return linspace(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainTimesteps).map((x) => x * x);
    case "linear_beta":
      return linspace(betaStart, betaEnd, trainTimesteps);
    case "squaredcos_cap_v2": {
      const alpha = (t: number) =>
        Math.cos((t / trainTimesteps + 0.008) / 1.008 * Math.PI / 2) ** 2;
      return Float32Array.from(
        { length: trainTimesteps },
        (_, t) => Math.min(1 - alpha(t + 1) / alpha(t), MAX_BETA),
      );
    }
  }
}

/** Running product of the shares of signal that each timestep keeps. */
function cumulate(kept: Float32Array): Float32Array {
  let product = 1;
  return kept.map((share) => product *= share);
}

/**
 * Moves the shares of signal so that the last is 0 (diffusers, `rescale_zero_terminal_snr`). As
 * there, the shares go through betas and a second product in float32.
 */
function endInNoise(alphas: Float32Array): Float32Array {
  const roots = alphas.map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  const factor = Math.fround(first / Math.fround(first - last));
  const moved = roots.map((root) => Math.fround(Math.fround(root - last) * factor) ** 2);
  const betas = moved.map((share, t) => 1 - (t === 0 ? share : Math.fround(share / moved[t - 1]!)));
  return cumulate(betas.map((beta) => 1 - beta));
}

/** A noise schedule: the share of signal at each timestep, and the steps between timesteps. */
export class Scheduler {
  /** Share of the signal's variance at each training timestep (alpha-bar), 0 to 1. */
  readonly alphas: Float32Array;

  /**
   * Computes the share of signal at every timestep.
   *
   * @param config The schedule.
   */
  constructor(readonly config: SchedulerConfig) {
    const alphas = cumulate(betasOf(config).map((beta) => 1 - beta));
    this.alphas = config.zeroSnr ? endInNoise(alphas) : alphas;
  }

  /**
   * The timesteps of an inversion, clean to noisy, with "trailing" spacing
   * (docs/method.md, step 5).
   *
   * 1000 training timesteps and `steps` 300 give 0, 3, ..., 999, which is 334 and not 300
   * timesteps.
   *
   * @param steps T, an integer from 1 to the number of training timesteps.
   * @throws {RangeError} If `steps` is no integer in this range.
   */
  timesteps(steps: number): number[] {
    const { trainTimesteps } = this.config;
    if (!Number.isInteger(steps) || steps < 1 || steps > trainTimesteps) {
      throw new RangeError(
        `Cannot space ${steps} steps: expected an integer from 1 to ${trainTimesteps}`,
      );
    }
    const ratio = Math.floor(trainTimesteps / steps);
    const timesteps = [];
    for (let t = trainTimesteps; t > 0; t -= ratio) timesteps.push(t - 1);
    return timesteps.reverse();
  }

  /**
   * The timesteps of sampling, noisy to clean, as diffusers' `DDIMScheduler.set_timesteps` spaces
   * them. "leading" has an offset of 1: StableDiffusionPipeline sets it for every model.
   *
   * 1000 training timesteps, `steps` 50 and "leading" give 981, 961, ..., 1.
   *
   * @param steps Number of timesteps, at least 1 and below the number of training timesteps.
   * @throws {RangeError} If `steps` is no integer in this range.
   */
  samplingTimesteps(steps: number): number[] {
    const { trainTimesteps, spacing = "leading" } = this.config;
    if (!Number.isInteger(steps) || steps < 1 || steps >= trainTimesteps) {
      throw new RangeError(
        `Cannot space ${steps} steps: expected an integer from 1 to ${trainTimesteps - 1}`,
      );
    }
    const last = trainTimesteps - 1;
    const place = {
      leading: (i: number) => (steps - 1 - i) * Math.floor(trainTimesteps / steps) + 1,
      trailing: (i: number) => halfToEven(trainTimesteps - i * (trainTimesteps / steps)) - 1,
      linspace: (i: number) => halfToEven((steps - 1 - i) * (last / Math.max(steps - 1, 1))),
    };
    return Array.from({ length: steps }, (_, i) => place[spacing](i));
  }

  /**
   * The factors of a deterministic DDIM step, towards noise or away from noise. The next latent is
   * the latent times the first factor plus the prediction times the second.
   *
   * @param from Timestep of the latent.
   * @param to Timestep to go to. Beyond the last timestep the result is pure noise; below 0 it is
   * the clean latent, or the latent at timestep 0 if `endsClean` is false.
   */
  stepFactors(from: number, to: number): [latent: number, prediction: number] {
    const { endsClean = true } = this.config;
    const alpha = this.alphas[from]!;
    const clean = endsClean ? 1 : this.alphas[0]!;
    const next = to < 0 ? clean : this.alphas[to] ?? 0;
    const [signal, noise] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
    const [nextSignal, nextNoise] = [Math.sqrt(next), Math.sqrt(1 - next)];
    // The step is nextSignal * clean + nextNoise * epsilon.
    switch (this.config.predictionType) {
      case "v_prediction": // clean = signal z - noise v, epsilon = signal v + noise z
        return [nextSignal * signal + nextNoise * noise, nextNoise * signal - nextSignal * noise];
      case "epsilon": // clean = (z - noise epsilon) / signal
        return [nextSignal / signal, nextNoise - nextSignal * noise / signal];
      case "sample": // epsilon = (z - signal clean) / noise
        return [nextNoise / noise, nextSignal - nextNoise * signal / noise];
    }
  }

  /**
   * The factors that add noise to a clean latent. The noisy latent is the clean latent times the
   * first factor plus standard normal noise times the second.
   *
   * @param t Timestep of the noisy latent.
   */
  noiseFactors(t: number): [latent: number, noise: number] {
    const alpha = this.alphas[t]!;
    return [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
  }
}

/**
 * Default range of inversion steps to read attention at: T/2 - T/10 inclusive to T/2 + T/10
 * exclusive, each fraction rounded down. For T = 300 the range is 120..180 (the paper's section
 * III-B).
 */
export function defaultWindow(steps: number): { start: number; end: number } {
  const [middle, tenth] = [Math.floor(steps / 2), Math.floor(steps / 10)];
  return { start: middle - tenth, end: middle + tenth };
}
