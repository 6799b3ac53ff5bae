import { stringify } from "@std/csv";
import type { Box } from "../../base/geometry.ts";
import { isRegion, maskOf } from "../../base/region.ts";
import { SCORE_STYLES } from "../tables/result_table.ts";
import type { HeatmapResult } from "../../runs/run_folder.ts";
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
 * are 0..1, not per cent. A result with predicted boxes has a row for each, with its confidence as the
 * score, or one empty row. Groundray reads the file as a dataset or as predictions.
 */
export function boxList(): RunList {
  const columns = [...BOX_COLUMNS, ...SCORES.map((score) => SCORE_STYLES[score].key)];
  const write = (result: HeatmapResult, box: Box | undefined, score: number | undefined) => {
    const [x, y, w, h] = box ?? [];
    const { id, image, phrase, category, threshold } = result;
    const scores = result.status === "scored"
      ? SCORES.map((name) => [SCORE_STYLES[name].key, result[name]])
      : [];
    const row = {
      ...{ id, image, phrase, category, x, y, w, h },
      ...{ score, threshold, ...Object.fromEntries(scores) },
    };
    return stringify([row], { columns, headers: false });
  };
  return {
    path: "boxes.csv",
    head: stringify([], { columns }),
    add({ result, heatmap }) {
      const box = boxOfMask(maskOnImage(heatmap), heatmap.image.width);
      return write(result, box, meanInMask(heatmap.heatmap));
    },
    addBoxes(result) {
      const { predicted = [], confidence } = result;
      if (predicted.length === 0) return write(result, undefined, undefined);
      return predicted.map((box, i) => write(result, box, confidence?.[i])).join("");
    },
  };
}
