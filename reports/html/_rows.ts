import type { Box } from "../../base/geometry.ts";
import { printable } from "../../base/text.ts";
import type { TruthMask } from "../../base/truth_mask.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { boxTexts } from "../box_text.ts";
import { formatScore } from "../tables/result_table.ts";
import { isGrounded } from "../../runs/run_folder.ts";
import { NO_CLASS } from "../tables/summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** A result in the form that the page's script reads. */
export interface PageRow {
  /** Number of the row and of its heatmap, from 0. */
  readonly n: number;
  /** Number of the X-ray, from 0; null if the result names no X-ray. */
  readonly image: number | null;
  readonly id: string;
  readonly path: string;
  readonly phrase: string;
  readonly category: string;
  /** Name of the setting; null stands for all settings. */
  readonly setting: string | null;
  readonly status: SampleResult["status"];
  /** The four scores as numbers, then as printed; empty if the result has no scores. */
  readonly scores: readonly number[];
  readonly texts: readonly string[];
  readonly boxes: readonly Box[];
  /** Masks of the ground truth in words; absent if boxes state it. */
  readonly masks?: readonly string[];
  /** Number of the outline of these masks; absent if boxes state the ground truth. */
  readonly truth?: number;
  /** Predicted boxes, and the same in words; absent without a method that gives boxes. */
  readonly predicted?: readonly Box[];
  readonly found?: readonly string[];
  readonly threshold: number | null;
  readonly notes: readonly string[];
  /** Stage and reason of a sample that dropped out; otherwise empty. */
  readonly stage: string;
  readonly reason: string;
}

/** Most characters of a text. */
const MAX_TEXT = 2000;

/**
 * Makes a row of the page from a result. The row has only the members that the page shows, and its
 * texts are printable.
 *
 * @param result The result.
 * @param n Number of the row.
 * @param image Number of the result's X-ray; null if the result names no X-ray.
 * @param truth Number of the outline of the result's masks.
 */
export function pageRow(
  result: SampleResult,
  n: number,
  image: number | null,
  truth: number,
): PageRow {
  const isScored = result.status === "scored";
  const grounded = isGrounded(result) ? result : undefined;
  const out = isGrounded(result) ? undefined : result;
  const { predicted, confidence } = grounded ?? {};
  return {
    n,
    image,
    id: text(result.id),
    path: text(result.image),
    phrase: text(result.phrase),
    category: text(result.category ?? NO_CLASS),
    setting: result.setting === undefined ? null : text(result.setting),
    status: result.status,
    scores: isScored ? SCORES.map((score) => result[score]) : [],
    texts: isScored ? SCORES.map((score) => formatScore(score, result[score])) : [],
    boxes: grounded?.boxes ?? [],
    ...(result.masks && { masks: result.masks.map(describeMask), truth }),
    ...(predicted && { predicted, found: boxTexts(predicted, confidence) }),
    threshold: typeof grounded?.threshold === "number" ? grounded.threshold : null,
    notes: Array.isArray(result.notes) ? result.notes.map(text) : [],
    stage: text(out?.stage),
    reason: text(out?.reason),
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
