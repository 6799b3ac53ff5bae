/**
 * Formats with one line per sample.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { isRegion, maskOf } from "../../base/region.ts";
import { SCORE_STYLES } from "../tables/result_table.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { meanInMask } from "./coco.ts";
import { boxOfMask, maskOnImage } from "./original_pixels.ts";
import { encodeRle } from "./rle.ts";
import type { RunList } from "./run_sample.ts";

/**
 * Begins `rle.jsonl`; each line has one sample's mask as COCO's RLE. If masks state the ground
 * truth, `truth` has their region.
 */
export const rleList = (): RunList => ({
  path: "rle.jsonl",
  head: "",
  add({ result: { id, image, phrase, category }, truth, heatmap }) {
    const rle = encodeRle(maskOnImage(heatmap), heatmap.image);
    const own = isRegion(truth) && { truth: encodeRle(maskOf(truth), truth) };
    return `${JSON.stringify({ id, image, phrase, category, ...rle, ...own })}\n`;
  },
});

const BOX_COLUMNS = ["id", "image", "phrase", "category", "x", "y", "w", "h", "score", "threshold"];

/**
 * Begins `boxes.csv`. Each row has the box around a sample's mask, the score as in `results.json`,
 * the threshold, and the sample's scores. The box is empty if the mask is empty. mIoU and AUC-ROC
 * are 0..1, not per cent. Groundray reads the file as a dataset or as predictions.
 */
export function boxList(): RunList {
  const columns = [...BOX_COLUMNS, ...SCORES.map((score) => SCORE_STYLES[score].key)];
  return {
    path: "boxes.csv",
    head: stringify([], { columns }),
    add({ result, heatmap }) {
      const [x, y, w, h] = boxOfMask(maskOnImage(heatmap), heatmap.image.width) ?? [];
      const { id, image, phrase, category, threshold } = result;
      const scores = result.status === "scored"
        ? SCORES.map((score) => [SCORE_STYLES[score].key, result[score]])
        : [];
      const row = {
        ...{ id, image, phrase, category, x, y, w, h },
        ...{ score: meanInMask(heatmap.heatmap), threshold, ...Object.fromEntries(scores) },
      };
      return stringify([row], { columns, headers: false });
    },
  };
}
