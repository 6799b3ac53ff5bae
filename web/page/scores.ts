/**
 * Scores of a sample, with their headings and number formats.
 *
 * @module
 */

import type { ScoreName } from "../../scoring/score_heatmap.ts";

/** A score in the list of samples. */
export interface ShownScore {
  readonly name: ScoreName;
  readonly heading: string;
  /** Whether the list shows the score in percent; otherwise it shows the plain value. */
  readonly isPercent: boolean;
}

/** Scores in the order of the list's columns. */
export const SHOWN_SCORES: readonly ShownScore[] = [
  { name: "absCnr", heading: "|CNR|", isPercent: false },
  { name: "cnr", heading: "CNR", isPercent: false },
  { name: "miou", heading: "mIoU %", isPercent: true },
  { name: "aucRoc", heading: "AUC %", isPercent: true },
];

/** Formats a score's value; empty for `undefined`. */
export function scoreText({ isPercent }: ShownScore, value: number | undefined): string {
  if (value === undefined) return "";
  return isPercent ? (100 * value).toFixed(1) : value.toFixed(2);
}
