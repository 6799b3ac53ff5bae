import type { SampleResult } from "../../pipeline/evaluate.ts";
import { boxTexts } from "../../reports/box_text.ts";
import type { ScoreName } from "../../scoring/score_heatmap.ts";
import type { SampleRow } from "../review_api.ts";

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

/**
 * Describes a result beside its picture: its scores, or the reason for their lack.
 *
 * @param found Predicted boxes in words; `undefined` for a method with heatmaps.
 */
export function factsOf(row: SampleRow, found?: readonly string[]): string {
  if (found) {
    const boxes = found.join("; ") || "no box";
    return row.miou === undefined ? boxes : `${boxes}, IoU ${(100 * row.miou).toFixed(1)} %`;
  }
  const scores = SHOWN_SCORES.flatMap((score) => {
    const text = scoreText(score, row[score.name]);
    return text ? [`${score.heading} ${text}`] : [];
  });
  if (scores.length > 0) return scores.join(", ");
  return row.reason ? `${row.status}: ${row.reason}` : "";
}

/** Predicted boxes of a result in words; `undefined` for a method with heatmaps. */
export function foundIn(result: SampleResult): string[] | undefined {
  if (!("predicted" in result) || !result.predicted) return undefined;
  return boxTexts(result.predicted, result.confidence);
}
