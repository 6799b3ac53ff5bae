/**
 * What a run may choose, checked once before it starts.
 *
 * @module
 */

import type { Selection } from "./selection.ts";
import type { LdmConfig } from "../../models/ldm/config.ts";
import { chooseLayers, type LdmModel } from "../../models/ldm/model.ts";
import { defaultWindow, Scheduler } from "../../models/scheduler.ts";
import { MAX_SIGMA } from "../../shaders/gaussian_cpu.ts";
import type { Variant, VariantSettings } from "./variants.ts";

/** How latents are brought to the chosen timesteps. */
export const NOISE_KINDS = ["inversion", "reverse", "sample"] as const;

/** Which tokens' attention is averaged. */
export const TOKEN_KINDS = ["phrase", "ends", "class", "class-released"] as const;

/** Options of a grounding, all with the released code's choice as default. */
export interface GroundSettings {
  /**
   * T, which spaces the timesteps: 1000 / T, rounded down, apart.
   *
   * @default {300, or what the bundle states}
   */
  steps?: number;
  /**
   * Steps whose attention is read, as indices into the sequence of timesteps or
   * as shares of T.
   *
   * @default {From T/2 - T/10 up to T/2 + T/10, which is 120..180 of 300, or what the bundle states}
   */
  select?: Selection;
  /**
   * Standard deviation of the final Gaussian in heatmap pixels, 0 to 32.
   *
   * @default {2.5}
   */
  sigma?: number;
  /**
   * Whether what is not above Otsu's threshold becomes 0.
   *
   * @default {true}
   */
  otsu?: boolean;
  /**
   * Tokens that are averaged: those of the `phrase`; with its start and end
   * tokens (`ends`) as the paper's text says; from the first to the last that is
   * one of the sample's `class`; or these as the released code's attribution
   * experiment has them, without the last of several (`class-released`).
   * A phrase without any is skipped.
   *
   * @default {"phrase"}
   */
  tokens?: typeof TOKEN_KINDS[number];
  /**
   * Where the noisy latents come from: DDIM `inversion` as in the released
   * code; the `reverse` process after it, as the paper's text says; or a
   * `sample` of Gaussian noise, which needs no U-Net pass.
   *
   * @default {"inversion"}
   */
  noise?: typeof NOISE_KINDS[number];
  /**
   * Seed of the Gaussian noise of `sample`.
   *
   * @default {0}
   */
  seed?: number;
  /**
   * Ways to make heatmaps, each from its own part of what the same passes of the
   * U-Net give; they take the place of `select` and `otsu`.
   *
   * @default {One, as the other options say}
   */
  variants?: readonly VariantSettings[];
}

/** {@linkcode GroundSettings} with every choice made. */
export interface ResolvedSettings extends Required<Omit<GroundSettings, "select" | "variants">> {
  /** Every timestep of the sequence, clean to noisy. */
  readonly timesteps: readonly number[];
  /** First step that is read, an index into `timesteps`. */
  readonly start: number;
  /** One past the last step that is read. */
  readonly end: number;
  /** Cross-attention layers that are read. */
  readonly layers: readonly number[];
  /** At least one way to make heatmaps. */
  readonly variants: readonly Variant[];
}

/** T of the released code. */
export const DEFAULT_STEPS = 300;

/**
 * Makes every choice and checks it against the model.
 *
 * @param model The model, or what it is to be opened with.
 * @param settings What was chosen.
 * @throws {RangeError} If a value is out of its range, or no step is chosen.
 */
export function resolveSettings(
  model: Pick<LdmModel, "bundle" | "layers">,
  settings: GroundSettings,
): ResolvedSettings {
  const { sigma = 2.5, otsu = true, tokens = "phrase", noise = "inversion", seed = 0 } = settings;
  const steps = settings.steps ?? model.bundle.config.steps ?? DEFAULT_STEPS;
  const timesteps = new Scheduler(model.bundle.config.scheduler).timesteps(steps);
  const run = chooseSteps(settings.select ?? defaultSelection(model.bundle.config), steps);
  const chosen: readonly VariantSettings[] = settings.variants ??
    [{ name: "", layers: model.layers, otsu }];
  const variants = chosen.map(({ name, layers, select, otsu }): Variant => {
    const window = select === "all"
      ? { start: 0, end: timesteps.length }
      : select
      ? chooseSteps(select, steps)
      : run;
    requireSteps(window, steps, timesteps.length);
    return { name, layers: readLayers(model, layers), ...window, otsu };
  });
  if (variants.length === 0) throw new RangeError("Cannot ground without a variant");
  const names = variants.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new RangeError(`Cannot tell two variants "${twice}" apart`);
  const start = Math.min(...variants.map(({ start }) => start));
  const end = Math.max(...variants.map(({ end }) => end));
  if (!(sigma >= 0 && sigma <= MAX_SIGMA)) {
    throw new RangeError(`Cannot smooth with sigma ${sigma}: expected 0 to ${MAX_SIGMA} pixels`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot seed with ${seed}: expected a whole number from 0`);
  }
  requireChoice("noise", noise, NOISE_KINDS);
  requireChoice("tokens", tokens, TOKEN_KINDS);
  const { layers } = model;
  return { steps, timesteps, start, end, sigma, otsu, tokens, noise, seed, layers, variants };
}

/** The layers of a variant, all of which the model must read. */
function readLayers(
  { bundle, layers }: Pick<LdmModel, "bundle" | "layers">,
  wanted: readonly number[] | "all",
): number[] {
  const chosen = chooseLayers(wanted, bundle.crossAttentionLayers);
  const missing = chosen.find((layer) => !layers.includes(layer));
  if (missing === undefined) return chosen;
  throw new RangeError(
    `Cannot average cross-attention layer ${missing}: the model reads ${layers.join(", ")}`,
  );
}

function requireSteps(
  { start, end }: { start: number; end: number },
  steps: number,
  count: number,
): void {
  if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end)) {
    throw new RangeError(
      `Cannot select steps ${start}..${end} of T = ${steps}: expected at least one step; ` +
        `take a larger T or a wider selection`,
    );
  }
  if (end > count) {
    throw new RangeError(
      `Cannot select steps ${start}..${end}: T = ${steps} has ${count} steps`,
    );
  }
}

function requireChoice(what: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    throw new TypeError(`Cannot use ${what} "${value}": expected ${choices.join(", ")}`);
  }
}

function defaultSelection({ select }: LdmConfig): Selection | undefined {
  return select && { kind: "share", start: select[0], end: select[1] };
}

function chooseSteps(select: Selection | undefined, steps: number): { start: number; end: number } {
  if (!select) return defaultWindow(steps);
  if (select.kind === "indices") return select;
  // A share such as 0.29 of 100 comes out a hair below 29 in binary.
  const index = (share: number) => Math.floor(share * steps + 1e-9);
  return { start: index(select.start), end: index(select.end) };
}
