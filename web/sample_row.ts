/**
 * Makes the rows of a review's list.
 *
 * @module
 */

import type { SampleResult } from "../pipeline/evaluate.ts";
import { SCORES } from "../scoring/score_heatmap.ts";
import type { SampleRow } from "./review_api.ts";

/**
 * Makes a result's row in the list of a review.
 *
 * @param index Place of the result, from 0.
 */
export function sampleRow(result: SampleResult, index: number): SampleRow {
  const { id, status, phrase, category, setting } = result;
  return {
    ...{ index, id, status },
    ...(phrase && { phrase }),
    ...(category && { category }),
    ...(setting && { setting }),
    ...("reason" in result && { reason: result.reason }),
    // Predicted boxes have no contrast and no ROC, and JSON has no NaN.
    ...(status === "scored" && Object.fromEntries(
      SCORES.filter((name) => !Number.isNaN(result[name])).map((name) => [name, result[name]]),
    )),
  };
}
