import { InputTypeError } from "../../base/errors.ts";
import type { Selection } from "./selection.ts";
import type { LdmConfig } from "../../models/ldm/config.ts";
import { chooseLayers, type LdmModel } from "../../models/ldm/model.ts";
import { defaultWindow, Scheduler } from "../../models/scheduler.ts";
import { type FinishSettings, resolveFinish } from "../postprocess.ts";
import type { Variant, VariantSettings } from "./variants.ts";

/** Ways to bring latents to the chosen timesteps. */
export const NOISE_KINDS = ["inversion", "reverse", "sample"] as const;

/** Choices of tokens for the average of attention. */
export const TOKEN_KINDS = ["phrase", "ends", "content", "class", "class-released"] as const;

/** Settings of the grounding. The defaults are the released code's choices. */
export interface GroundSettings extends FinishSettings {
  /**
   * T, which sets the distance between timesteps: 1000 / T, rounded down.
   *
   * @default {300, or the steps that the bundle states}
   */
  steps?: number;
  /**
   * Steps at which attention is read, as indices into the sequence of timesteps or as shares of T.
   *
   * @default {T/2 - T/10 up to T/2 + T/10, which is 120..180 of 300, or the bundle's selection}
   */
  select?: Selection;
  /**
   * Tokens for the average of attention:
   *
   * - `phrase`: the tokens of the phrase.
   * - `ends`: the tokens of the phrase with the start and end tokens, as in the paper's text.
   * - `content`: the tokens of the words that the sample names, or else of the words outside a stop
   *   list. A GPU needs a model that was opened with `tokenSums`.
   * - `class`: from the first to the last token that belongs to the name of the sample's class.
   * - `class-released`: as `class`, but without the last of several tokens, as in the released
   *   code's attribution experiment.
   *
   * A phrase without any token of its class is skipped.
   *
   * @default {"phrase"}
   */
  tokens?: typeof TOKEN_KINDS[number];
  /**
   * Source of the noisy latents:
   *
   * - `inversion`: DDIM inversion, as in the released code.
   * - `reverse`: the reverse process after DDIM inversion, as in the paper's text.
   * - `sample`: Gaussian noise, which needs no U-Net pass.
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
   * Variants of the heatmap, each made from its own layers and steps of the same U-Net passes. Each
   * variant has its own `otsu`; a variant without `select` takes the setting `select`.
   *
   * @default {A single variant, from the other settings}
   */
  variants?: readonly VariantSettings[];
}

/** {@linkcode GroundSettings} with all defaults filled in. */
export interface ResolvedSettings extends Required<Omit<GroundSettings, "select" | "variants">> {
  /** Every timestep of the sequence, clean to noisy. */
  readonly timesteps: readonly number[];
  /** First step that is read, an index into `timesteps`. */
  readonly start: number;
  /** One past the last step that is read. */
  readonly end: number;
  /** Cross-attention layers that are read. */
  readonly layers: readonly number[];
  /** Variants of the heatmap, at least one. */
  readonly variants: readonly Variant[];
}

/** T of the released code. */
export const DEFAULT_STEPS = 300;

/**
 * Fills in all defaults, and checks the settings against the model.
 *
 * @param model The model, or the bundle and layers from which a model will be opened.
 * @throws {RangeError} If a value is out of its range, or a variant has no step. Also if the model
 * does not read a variant's layer, or if variants are missing or share a name.
 * @throws {TypeError} If `noise` or `tokens` is unknown.
 */
export function resolveSettings(
  model: Pick<LdmModel, "bundle" | "layers">,
  settings: GroundSettings,
): ResolvedSettings {
  const { tokens = "phrase", noise = "inversion", seed = 0 } = settings;
  const finish = resolveFinish(settings);
  const steps = settings.steps ?? model.bundle.config.steps ?? DEFAULT_STEPS;
  const timesteps = new Scheduler(model.bundle.config.scheduler).timesteps(steps);
  const run = chooseSteps(settings.select ?? defaultSelection(model.bundle.config), steps);
  const chosen: readonly VariantSettings[] = settings.variants ??
    [{ name: "", layers: model.layers, otsu: finish.otsu }];
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
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot seed with ${seed}: expected a whole number from 0`);
  }
  requireChoice("noise", noise, NOISE_KINDS);
  requireChoice("tokens", tokens, TOKEN_KINDS);
  const { layers } = model;
  return { steps, timesteps, start, end, ...finish, tokens, noise, seed, layers, variants };
}

/**
 * Checks the phrases for one image.
 *
 * @throws {TypeError} If there is no phrase, or a phrase is empty.
 */
export function requirePhrases(phrases: readonly string[]): void {
  if (phrases.length === 0) throw new InputTypeError("Cannot ground an image without a phrase");
  const empty = phrases.findIndex((phrase) => phrase.trim() === "");
  if (empty >= 0) throw new InputTypeError(`Cannot ground phrase ${empty + 1}: it is empty`);
}

/** Layers of a variant; the model must read all of them. */
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
    throw new RangeError(`Cannot select steps ${start}..${end}: T = ${steps} has ${count} steps`);
  }
}

function requireChoice(what: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    throw new InputTypeError(`Cannot use ${what} "${value}": expected ${choices.join(", ")}`);
  }
}

function defaultSelection({ select }: LdmConfig): Selection | undefined {
  return select && { kind: "share", start: select[0], end: select[1] };
}

/** Window of steps of a selection; by default the middle fifth of T. */
export function chooseSteps(
  select: Selection | undefined,
  steps: number,
): { start: number; end: number } {
  if (!select) return defaultWindow(steps);
  if (select.kind === "indices") return { start: select.start, end: select.end };
  // Add a tiny amount, because 0.29 * 100 is slightly below 29 in binary floating point.
  const index = (share: number) => Math.floor(share * steps + 1e-9);
  return { start: index(select.start), end: index(select.end) };
}
