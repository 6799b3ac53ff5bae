/**
 * Ways to finish the heatmaps of a run, from which a tuning chooses.
 *
 * @module
 */

import { maskHeatmap, type SmoothHeatmap } from "../../pipeline/postprocess.ts";
import type { Selection } from "../../pipeline/settings/selection.ts";
import { chooseSteps } from "../../pipeline/settings/settings.ts";
import { MAX_SIGMA } from "../../shaders/gaussian_cpu.ts";
import {
  type AttentionChoice,
  canRead,
  describeStored,
  type StoredAttention,
} from "../../runs/stored_layers.ts";

/** Cut of a heatmap: at Otsu's threshold, nowhere, or at a share of its range. */
export type Threshold = "otsu" | "none" | number;

/** A way to make heatmaps from stored attention. */
export interface Candidate {
  /** Cross-attention layers that are averaged. */
  readonly layers: readonly number[];
  /** First step that is averaged, and one past the last step. */
  readonly steps: readonly [start: number, end: number];
  /** Standard deviation of the Gaussian, in heatmap pixels. */
  readonly sigma: number;
  /** Values up to the threshold become 0. */
  readonly threshold: Threshold;
}

/** Values to combine; a list that is left out has default values. */
export interface Grid {
  /**
   * Sets of layers.
   *
   * @default {The fixed set, all layers, each layer, and the layers of each size}
   */
  readonly layers?: readonly (readonly number[] | "all")[];
  /**
   * Windows of steps.
   *
   * @default {The fixed window, all kept steps, and each group of kept steps}
   */
  readonly selects?: readonly Selection[];
  /**
   * Standard deviations of the Gaussian.
   *
   * @default {Half, all and twice the run's own, up to 32}
   */
  readonly sigmas?: readonly number[];
  /**
   * Thresholds.
   *
   * @default {Otsu's, none, and half of the range}
   */
  readonly thresholds?: readonly Threshold[];
}

/** Default thresholds. */
const THRESHOLDS: readonly Threshold[] = ["otsu", "none", 0.5];

/**
 * Makes all combinations of a grid that a run stores the attention for. The fixed candidate comes
 * first, because equal scores choose the first.
 *
 * @param stored Attention that the run stores.
 * @param sides Side of each stored layer's map, by layer.
 * @param fixed The setting of the run to compare with.
 * @param grid Values to combine.
 * @param folder The run's folder, for messages.
 * @throws {RangeError} If the run does not store attention that the grid names.
 */
export function candidatesOf(
  stored: StoredAttention,
  sides: ReadonlyMap<number, number>,
  fixed: Candidate,
  grid: Grid,
  folder: string,
): Candidate[] {
  const { kept } = stored;
  const settings = [...stored.own.values()];
  const known = [...sides.keys()].sort((a, b) => a - b);
  const layers = grid.layers?.map((set) => set === "all" ? known : set) ?? [
    ...settings.map(({ layers }) => layers),
    known,
    ...known.map((layer) => [layer]),
    ...[...new Set(sides.values())].sort((a, b) => a - b)
      .map((side) => known.filter((layer) => sides.get(layer) === side)),
  ];
  const whole = kept && [kept.steps[0]![0], kept.steps.at(-1)![1]] as const;
  const steps = grid.selects?.map((select) => chooseSteps(select, stored.steps))
    .map(({ start, end }) => [start, end] as const) ?? [
    ...settings.map(({ start, end }) => [start, end] as const),
    ...(kept ? [whole!, ...kept.steps] : []),
  ];
  const choices: AttentionChoice[] = layers.flatMap((layers) =>
    steps.map(([start, end]) => ({ layers, start, end }))
      .filter((choice) => canRead(stored, choice))
  );
  requireChoices(choices, { layers, steps }, grid, stored, folder);
  const { sigma: own } = fixed;
  const { sigmas = [own, own / 2, Math.min(2 * own, MAX_SIGMA)] } = grid;
  const { thresholds = THRESHOLDS } = grid;
  const all = choices.flatMap(({ layers, start, end }) => {
    const steps = [start, end] as const;
    return sigmas.flatMap((sigma) =>
      thresholds.map((threshold): Candidate => ({ layers, steps, sigma, threshold }))
    );
  });
  return [...new Map([fixed, ...all].map((one) => [describeCandidate(one), one])).values()];
}

/** Requires attention for each value that the grid names. */
function requireChoices(
  choices: readonly AttentionChoice[],
  { layers, steps }: {
    readonly layers: readonly (readonly number[])[];
    readonly steps: readonly (readonly [start: number, end: number])[];
  },
  grid: Grid,
  stored: StoredAttention,
  folder: string,
): void {
  const lacking = [
    ...(grid.layers ? layers : []).filter((set) => !choices.some(({ layers }) => layers === set))
      .map((set) => `layers ${set}`),
    ...(grid.selects ? steps : []).filter(([from, to]) =>
      !choices.some(({ start, end }) => start === from && end === to)
    ).map(([start, end]) => `steps ${start}..${end}`),
  ];
  if (lacking.length === 0) return;
  throw new RangeError(
    `Cannot tune "${folder}" over ${lacking.join(", ")}: ${describeStored(stored)}`,
  );
}

/** Names a candidate, such as `layers 9,10 at 15..30, sigma 2.5, otsu`. */
export function describeCandidate({ layers, steps, sigma, threshold }: Candidate): string {
  const cut = typeof threshold === "number" ? `threshold ${threshold}` : threshold;
  return `layers ${layers} at ${steps[0]}..${steps[1]}, sigma ${sigma}, ${
    cut === "none" ? "no threshold" : cut
  }`;
}

/** Cuts a smooth heatmap of a side in pixels. */
export function cut(smooth: SmoothHeatmap, size: number, threshold: Threshold) {
  const otsu = typeof threshold === "number" ? threshold : threshold === "otsu";
  return { ...smooth, ...maskHeatmap(smooth, size, otsu) };
}
