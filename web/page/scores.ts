/**
 * The scores of a sample as they are shown.
 *
 * @module
 */

import type { ScoreName } from "../../scoring/score_heatmap.ts";

/** A score that is listed. */
export interface ShownScore {
  readonly name: ScoreName;
  readonly heading: string;
  /** Whether it is shown in percent, and not as it is. */
  readonly isPercent: boolean;
}

/** In the order of their columns. */
export const SHOWN_SCORES: readonly ShownScore[] = [
  { name: "absCnr", heading: "|CNR|", isPercent: false },
  { name: "cnr", heading: "CNR", isPercent: false },
  { name: "miou", heading: "mIoU %", isPercent: true },
  { name: "aucRoc", heading: "AUC %", isPercent: true },
];

/** A score's value as text; empty where there is none. */
export function scoreText({ isPercent }: ShownScore, value: number | undefined): string {
  if (value === undefined) return "";
  return isPercent ? (100 * value).toFixed(1) : value.toFixed(2);
}
