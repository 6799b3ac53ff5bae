import type { Box } from "../../base/geometry.ts";
import { printable } from "../../base/text.ts";
import type { TruthMask } from "../../base/truth_mask.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { NO_CLASS } from "../../reports/tables/summary.ts";
import { isGrounded } from "../../runs/run_folder.ts";
import { foundIn } from "../review/scores.ts";
import type { SampleRow } from "../review_api.ts";
import { sampleRow } from "../sample_row.ts";

/** A result in the form that the report's page reads. */
export interface ReportRow extends SampleRow {
  /** Number of the X-ray, from 0; null if the result names no X-ray. */
  readonly xray: number | null;
  /** Path of the X-ray in the results. */
  readonly path: string;
  readonly boxes: readonly Box[];
  /** Masks of the ground truth in words; absent if boxes state it. */
  readonly masks?: readonly string[];
  /** Number of the outline of these masks; absent if boxes state the ground truth. */
  readonly truth?: number;
  /** Predicted boxes, and the same in words; absent without a method that gives boxes. */
  readonly predicted?: readonly Box[];
  readonly found?: readonly string[];
  /** Threshold of the heatmap as scored; absent if the heatmap was not cut. */
  readonly threshold?: number;
  readonly notes: readonly string[];
}

/** Most characters of a text. */
const MAX_TEXT = 2000;

/**
 * Makes a row of the page from a result. The row has only the members that the page shows, and its
 * texts are printable.
 *
 * @param n Number of the row.
 * @param truth Number of the outline of the result's masks.
 * @param setting Name of the result's column.
 */
export function reportRow(
  result: SampleResult,
  n: number,
  xray: number | null,
  truth: number,
  setting: string | undefined,
): ReportRow {
  const { boxes = [], predicted, threshold } = isGrounded(result) ? result : {};
  const stage = isGrounded(result) ? undefined : result.stage;
  const found = foundIn(result);
  const { reason, ...row } = sampleRow(result, n);
  return {
    ...row,
    id: text(result.id),
    phrase: text(result.phrase),
    category: text(result.category ?? NO_CLASS),
    ...(setting && { setting: text(setting) }),
    ...(reason && { reason: text([stage, reason].filter(Boolean).join(": ")) }),
    xray,
    path: text(result.image),
    boxes,
    ...(result.masks && { masks: result.masks.map(describeMask), truth }),
    ...(predicted && found && { predicted, found }),
    ...(typeof threshold === "number" && { threshold }),
    notes: Array.isArray(result.notes) ? result.notes.map(text) : [],
  };
}

/** Names a mask: its file with its place, or its form. */
function describeMask(mask: TruthMask): string {
  if (mask.kind === "rle") return "run lengths";
  if (mask.kind === "polygon") {
    const count = mask.polygons.length;
    return count === 1 ? "a polygon" : `${count} polygons`;
  }
  const { path, left, top } = mask;
  return text(path) + (left === undefined && top === undefined ? "" : ` at ${left}, ${top}`);
}

/** Makes a text from a results file printable, with invisible characters as escapes. */
function text(value: unknown): string {
  return typeof value === "string" ? printable(value, MAX_TEXT) : "";
}

/** Encodes a value as JSON without `<`, so that no text can end the `<script>` element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
