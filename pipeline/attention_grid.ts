import { InputTypeError } from "../base/errors.ts";
import type { Bundle } from "../models/ldm/bundle.ts";
import { chooseLayers, defaultLayers } from "../models/ldm/model.ts";
import type { ImageSource } from "./decode.ts";
import { groundImage, type GroundImageOptions } from "./ground.ts";
import type { ScoredPhrase } from "./metrics.ts";
import type { AveragedLayer } from "./postprocess.ts";
import type { Selection } from "./settings/selection.ts";
import { type GroundSettings, resolveSettings } from "./settings/settings.ts";
import type { VariantSettings } from "./settings/variants.ts";

/** Choices of the steps that an {@linkcode AttentionGrid} covers. */
export const ATTENTION_RANGES = ["all", "selected"] as const;

/** Settings of an {@linkcode AttentionGrid}. */
export interface AttentionGridSettings {
  /**
   * Steps that the grid covers: `all` of the trajectory, or the `selected` steps that the heatmap
   * averages. With `all`, the trajectory and each phrase take a U-Net pass at every step.
   *
   * @default {"all"}
   */
  range?: typeof ATTENTION_RANGES[number];
  /**
   * Number of columns, which are groups of neighbouring steps of nearly equal size. With fewer
   * steps than columns, each step has its own column.
   *
   * @default {10}
   */
  columns?: number;
}

/** Options of {@linkcode readAttention}. */
export interface ReadAttentionOptions
  extends Omit<GroundImageOptions, "variants">, AttentionGridSettings {
  /**
   * Layers that the heatmap averages. The grid has all layers that the model reads; a model opened
   * from `bundle` reads all layers.
   *
   * @default {[3, 4, 6, 7], or the layers that the bundle states}
   */
  layers?: readonly number[] | "all";
}

/** Attention at a group of neighbouring steps. */
export interface AttentionColumn {
  /** First step of the column, an index into the timesteps. */
  readonly start: number;
  /** One past the column's last step. */
  readonly end: number;
  /** Each layer's mean over these steps, each step scaled to 0..1 over space. */
  readonly layers: readonly AveragedLayer[];
  /** The heatmap from these steps and all layers: `[size, size]`, 0..1. */
  readonly heatmap: Float32Array;
}

/** Attention for one phrase by layer and by step. */
export interface AttentionGrid {
  /** The phrase with its heatmap; the settings choose the heatmap's layers and steps. */
  readonly grounded: ScoredPhrase;
  /** Columns of neighbouring steps, from clean to noisy. */
  readonly columns: readonly AttentionColumn[];
  /** Each layer's mean over the steps of all columns. */
  readonly layers: readonly AveragedLayer[];
}

/**
 * Grounds phrases in one image, and keeps their attention by layer and by step. Heatmap and grid
 * come from the same U-Net passes.
 *
 * @param image Path of a PNG, JPEG or DICOM file, its bytes, or grey pixels.
 * @param phrases One or several phrases.
 * @param options The model and the settings. Open a model for the GPU with `separate` if it reads
 * layers that the heatmap does not average.
 * @returns One grid per phrase, in order.
 * @throws {Error} If the image cannot be read or a phrase cannot be grounded.
 * @throws {TypeError} As {@linkcode groundImage}, or if the range is unknown.
 * @throws {RangeError} If an option is out of its range.
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
 * The variants of a run from which {@linkcode attentionGrids} makes grids. The first variant is the
 * heatmap that the settings choose; the others are the columns.
 *
 * @param model The bundle, and the layers that its model reads or will read.
 * @param settings The settings, with the heatmap's layers.
 * @throws {TypeError} If the range is unknown.
 * @throws {RangeError} If a setting is out of its range.
 */
export function attentionVariants(
  { bundle, layers }: { readonly bundle: Bundle; readonly layers: readonly number[] },
  settings: GroundSettings & AttentionGridSettings & Pick<ReadAttentionOptions, "layers">,
): VariantSettings[] {
  const { range = "all", columns = 10 } = settings;
  if (!ATTENTION_RANGES.includes(range)) {
    throw new InputTypeError(
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
  return [own, ...columnsBetween(edgesOf(from, to, columns), layers)];
}

/** Groups of steps in the attention that a run keeps, before windows of the run divide them. */
const KEPT_GROUPS = 5;

/**
 * The columns of the attention that a run keeps, as variants of all layers. No window of the run's
 * own variants cuts through a column: means over columns give every heatmap of the run again.
 *
 * @param model The bundle, and all its layers.
 * @param settings The settings, with the run's own variants.
 * @param range Steps to keep: the whole trajectory, or the steps that the variants average.
 * @throws {RangeError} If a setting is out of its range.
 */
export function keptColumns(
  model: { readonly bundle: Bundle; readonly layers: readonly number[] },
  settings: GroundSettings,
  range: typeof ATTENTION_RANGES[number],
): ColumnSettings[] {
  const { timesteps, start, end, variants } = resolveSettings(model, settings);
  const [from, to] = range === "all" ? [0, timesteps.length] : [start, end];
  const edges = new Set([
    ...edgesOf(from, to, KEPT_GROUPS),
    ...variants.flatMap(({ start, end }) => [start, end]),
  ]);
  return columnsBetween([...edges].sort((a, b) => a - b), model.layers);
}

/** First steps of at most `columns` groups of nearly equal size, and the end of the last group. */
function edgesOf(from: number, to: number, columns: number): number[] {
  const count = Math.min(columns, to - from);
  return Array.from(
    { length: count + 1 },
    (_, column) => from + Math.round(column * (to - from) / count),
  );
}

/** A group of neighbouring steps, as a variant. */
export interface ColumnSettings extends VariantSettings {
  readonly select: Extract<Selection, { readonly kind: "indices" }>;
}

function columnsBetween(edges: readonly number[], layers: readonly number[]): ColumnSettings[] {
  return edges.slice(1).map((end, column) => {
    const start = edges[column]!;
    const select = { kind: "indices", start, end } as const;
    return { name: `attention ${start}..${end}`, layers, select, otsu: false };
  });
}

/**
 * Makes grids from the results of an image that was grounded with {@linkcode attentionVariants}.
 *
 * @param results All results, with a phrase's results in a row and in the order of the variants.
 * @returns One grid per phrase.
 */
export function attentionGrids(results: readonly ScoredPhrase[]): AttentionGrid[] {
  const phrases = Map.groupBy(results, ({ sample }) => sample.id);
  return [...phrases.values()].map(([grounded, ...made]): AttentionGrid => {
    const columns = made.map(({ variant: { start, end }, layers, normalised }) => ({
      start,
      end,
      layers,
      heatmap: normalised,
    }));
    return { grounded: grounded!, columns, layers: meanOverColumns(columns) };
  });
}

/** Each layer's mean over all columns; every step has the same weight. */
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
