/**
 * Attention of one image layer by layer and step by step.
 *
 * @module
 */

import type { Bundle } from "../models/ldm/bundle.ts";
import { chooseLayers, defaultLayers } from "../models/ldm/model.ts";
import type { ImageSource } from "./decode.ts";
import { groundImage, type GroundImageOptions } from "./ground.ts";
import type { ScoredPhrase } from "./metrics.ts";
import type { AveragedLayer } from "./postprocess.ts";
import { type GroundSettings, resolveSettings } from "./settings/settings.ts";
import type { VariantSettings } from "./settings/variants.ts";

/** Which steps an {@linkcode AttentionGrid} covers. */
export const ATTENTION_RANGES = ["all", "selected"] as const;

/** What an {@linkcode AttentionGrid} covers. */
export interface AttentionGridSettings {
  /**
   * Steps that are covered: `all` of the trajectory, or the `selected` ones that
   * the heatmap averages. With `all` both the trajectory and each phrase take a
   * pass of the U-Net at every step.
   *
   * @default {"all"}
   */
  range?: typeof ATTENTION_RANGES[number];
  /**
   * Columns: groups of neighbouring steps, as equal as they can be. Where there
   * are fewer steps, each has a column of its own.
   *
   * @default {10}
   */
  columns?: number;
}

/** Options of {@linkcode readAttention}. */
export interface ReadAttentionOptions
  extends Omit<GroundImageOptions, "variants">, AttentionGridSettings {
  /**
   * Layers that the heatmap averages; the grid has all that the model reads, and
   * a `bundle` is opened so that it reads all.
   *
   * @default {[3, 4, 6, 7], or what the bundle states}
   */
  layers?: readonly number[] | "all";
}

/** Attention at some neighbouring steps. */
export interface AttentionColumn {
  /** First step, an index into the timesteps. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  /** Each layer's mean over these steps, each step scaled to 0..1 over space. */
  readonly layers: readonly AveragedLayer[];
  /** The heatmap that these steps and all layers come to: `[size, size]`, 0..1. */
  readonly heatmap: Float32Array;
}

/** Attention for a phrase by layer and by step. */
export interface AttentionGrid {
  /** The phrase, with the heatmap that the settings come to. */
  readonly grounded: ScoredPhrase;
  /** Neighbouring steps, from clean to noisy. */
  readonly columns: readonly AttentionColumn[];
  /** Each layer's mean over the steps of all columns. */
  readonly layers: readonly AveragedLayer[];
}

/**
 * Grounds phrases in one image and keeps what their attention is by layer and by
 * step, from the same passes of the U-Net.
 *
 * @param image Path of a PNG, JPEG or DICOM file, its bytes, or grey pixels.
 * @param phrases One or several phrases.
 * @param options The model, and how. A model on the GPU that reads other layers than the heatmap
 * averages must have been opened with `separate`.
 * @returns One grid a phrase, in order.
 * @throws {Error} If the image cannot be read or a phrase cannot be grounded.
 * @throws {TypeError} If there is neither a model nor a bundle, or no phrase.
 * @throws {RangeError} If an option is out of its range.
 *
 * @example Usage
 * ```ts
 * import { drawPhantom, loadBundle, readAttention } from "../mod.ts";
 *
 * const bundle = await loadBundle("models/demo");
 * const options = { bundle, steps: 10, columns: 5 };
 * const [grid] = await readAttention(drawPhantom({ seed: 1 }), ["left effusion"], options);
 * const { start, end, layers } = grid!.columns[0]!;
 * console.log(start, end); // the first steps
 * console.log(layers[3]!.side, layers[3]!.data[0]); // a corner of layer 3's mean over them
 * ```
 */
export async function readAttention(
  image: ImageSource,
  phrases: readonly string[],
  options: ReadAttentionOptions,
): Promise<AttentionGrid[]> {
  const { layers: _layers, range: _range, columns: _columns, ...run } = options;
  const bundle = options.model?.bundle ?? options.bundle;
  if (!bundle) throw new TypeError("Cannot read attention without a model or a bundle");
  const layers = options.model?.layers ?? chooseLayers("all", bundle.crossAttentionLayers);
  const variants = attentionVariants({ bundle, layers }, options);
  return attentionGrids(await groundImage(image, phrases, { ...run, variants }));
}

/**
 * The variants of a run from which {@linkcode attentionGrids} makes grids: first
 * the heatmap as the settings say, then one for each column.
 *
 * @param model The bundle, and the layers that a model of it reads or is to read.
 * @param settings What is chosen, the heatmap's layers included.
 * @throws {TypeError} If the range is none that there is.
 * @throws {RangeError} If a setting is out of its range.
 */
export function attentionVariants(
  { bundle, layers }: { readonly bundle: Bundle; readonly layers: readonly number[] },
  settings: GroundSettings & AttentionGridSettings & Pick<ReadAttentionOptions, "layers">,
): VariantSettings[] {
  const { range = "all", columns = 10 } = settings;
  if (!ATTENTION_RANGES.includes(range)) {
    throw new TypeError(
      `Cannot read attention at "${range}" steps: expected ${ATTENTION_RANGES.join(", ")}`,
    );
  }
  if (!(Number.isInteger(columns) && columns >= 1)) {
    throw new RangeError(
      `Cannot group steps into ${columns} columns: expected a whole number from 1`,
    );
  }
  const own = {
    name: "",
    layers: settings.layers ?? defaultLayers(bundle),
    otsu: settings.otsu ?? true,
  };
  const { timesteps, start: first, end: last } = resolveSettings(
    { bundle, layers },
    { ...settings, variants: [own] },
  );
  const [from, to] = range === "all" ? [0, timesteps.length] : [first, last];
  const count = Math.min(columns, to - from);
  const edge = (column: number) => from + Math.round(column * (to - from) / count);
  const grid = Array.from({ length: count }, (_, column): VariantSettings => {
    const [start, end] = [edge(column), edge(column + 1)];
    const select = { kind: "indices", start, end } as const;
    return { name: `${start}..${end}`, layers, select, otsu: false };
  });
  return [own, ...grid];
}

/**
 * Grids from the results of an image that was grounded with
 * {@linkcode attentionVariants}.
 *
 * @param results All results, those of a phrase in a row and in the variants' order.
 * @returns One grid a phrase.
 */
export function attentionGrids(results: readonly ScoredPhrase[]): AttentionGrid[] {
  const phrases = Map.groupBy(results, ({ sample }) => sample.id);
  return [...phrases.values()].map(([grounded, ...made]): AttentionGrid => {
    const columns = made.map(({ variant: { start, end }, layers, normalised }) => ({
      ...{ start, end, layers, heatmap: normalised },
    }));
    return { grounded: grounded!, columns, layers: meanOverColumns(columns) };
  });
}

/** Each layer's mean, in which every step counts equally. */
function meanOverColumns(columns: readonly AttentionColumn[]): AveragedLayer[] {
  const steps = columns.reduce((sum, { start, end }) => sum + end - start, 0);
  return columns[0]!.layers.map(({ layer, side }, i) => {
    const data = new Float64Array(side * side);
    for (const { start, end, layers } of columns) {
      const share = (end - start) / steps;
      layers[i]!.data.forEach((value, position) => data[position]! += share * value);
    }
    return { layer, side, data: Float32Array.from(data) };
  });
}
