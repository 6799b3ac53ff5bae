import type { Box } from "../../base/geometry.ts";
import { printable } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { formatScore } from "../tables/result_table.ts";
import { hasHeatmap } from "../../runs/run_folder.ts";
import { NO_CLASS } from "../tables/summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** What the page's script knows of a result. */
export interface PageRow {
  /** Number of the heatmap, and of the row. */
  readonly n: number;
  /** Number of the X-ray; none where the result names none. */
  readonly image: number | null;
  readonly id: string;
  readonly path: string;
  readonly phrase: string;
  readonly category: string;
  /** The setting; null stands for all. */
  readonly setting: string | null;
  readonly status: SampleResult["status"];
  /** The four scores, and as they are printed; empty where there are none. */
  readonly scores: readonly number[];
  readonly texts: readonly string[];
  readonly boxes: readonly Box[];
  readonly threshold: number | null;
  readonly notes: readonly string[];
  /** Why it fell out; empty where it did not. */
  readonly stage: string;
  readonly reason: string;
}

/** Most characters of a text. */
const MAX_TEXT = 2000;

/**
 * A result as a row of the page: nothing but what is shown, and all of it printable.
 *
 * @param result The result.
 * @param n Its number.
 * @param image Number of its X-ray.
 */
export function pageRow(result: SampleResult, n: number, image: number | null): PageRow {
  const isScored = result.status === "scored";
  const grounded = hasHeatmap(result) ? result : undefined;
  const out = hasHeatmap(result) ? undefined : result;
  return {
    ...{ n, image, id: text(result.id), path: text(result.image), phrase: text(result.phrase) },
    category: text(result.category ?? NO_CLASS),
    setting: result.setting === undefined ? null : text(result.setting),
    status: result.status,
    scores: isScored ? SCORES.map((score) => result[score]) : [],
    texts: isScored ? SCORES.map((score) => formatScore(score, result[score])) : [],
    boxes: grounded?.boxes ?? [],
    threshold: typeof grounded?.threshold === "number" ? grounded.threshold : null,
    notes: Array.isArray(result.notes) ? result.notes.map(text) : [],
    ...{ stage: text(out?.stage), reason: text(out?.reason) },
  };
}

/** Text of a results file; what cannot be seen is written out. */
function text(value: unknown): string {
  return typeof value === "string" ? printable(value, MAX_TEXT) : "";
}

/** A value as JSON that ends no `<script>` element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
