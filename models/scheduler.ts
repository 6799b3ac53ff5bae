/**
 * The noise schedule of a diffusion model and its deterministic inversion (DDIM).
 *
 * @module
 */

/** The noise that training adds over the timesteps, and the kind of the model's prediction. */
export interface SchedulerConfig {
  /** Number of noise levels that the model was trained on, 1000 for the published one. */
  readonly trainTimesteps: number;
  /** Variance added at the first timestep. */
  readonly betaStart: number;
  /** Variance added at the last timestep. */
  readonly betaEnd: number;
  /** Whether the betas or their square roots are evenly spaced. */
  readonly schedule: "scaled_linear_beta" | "linear_beta";
  /** Meaning of the U-Net's output: velocity, noise (`epsilon`) or clean latent (`sample`). */
  readonly predictionType: "v_prediction" | "epsilon" | "sample";
}

/** Evenly spaced float32 values, computed from both ends as PyTorch's `linspace` does. */
function linspace(start: number, end: number, count: number): Float32Array {
  const [first, last] = [Math.fround(start), Math.fround(end)];
  const step = Math.fround(Math.fround(last - first) / (count - 1));
  return Float32Array.from(
    { length: count },
    (_, i) => i < count / 2 ? first + Math.fround(step * i) : last - step * (count - 1 - i),
  );
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
    const { trainTimesteps, betaStart, betaEnd, schedule } = config;
    const scaled = schedule === "scaled_linear_beta";
    const betas = scaled
      ? linspace(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainTimesteps).map((x) => x * x)
      : linspace(betaStart, betaEnd, trainTimesteps);
    let product = 1;
    this.alphas = betas.map((beta) => product *= Math.fround(1 - beta));
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
   * The factors of a deterministic DDIM step, towards noise or away from noise. The next latent is
   * the latent times the first factor plus the prediction times the second.
   *
   * @param from Timestep of the latent.
   * @param to Timestep to go to; beyond the last timestep the result is pure noise.
   */
  stepFactors(from: number, to: number): [latent: number, prediction: number] {
    const alpha = this.alphas[from]!;
    const next = this.alphas[to] ?? 0;
    const [signal, noise] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
    const [nextSignal, nextNoise] = [Math.sqrt(next), Math.sqrt(1 - next)];
    // The step is nextSignal * clean + nextNoise * epsilon.
    switch (this.config.predictionType) {
      case "v_prediction": // clean = signal z - noise v, epsilon = signal v + noise z
        return [
          nextSignal * signal + nextNoise * noise,
          nextNoise * signal - nextSignal * noise,
        ];
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
