import type { Flag } from "../base/options.ts";

/** Option of the methods that read predictions: the file, or the folder. */
export const PREDICTIONS_FLAG = {
  type: "string",
  placeholder: "PATH",
  description:
    "Predictions from elsewhere. For --method boxes a file: a CSV with columns image, phrase, x, y, " +
    "w, h, perhaps score, and a row for each box; or a JSON list of {image, phrase, boxes: [[x, y, " +
    "w, h], …], score: […]}. A phrase without a box counts as IoU 0. For --method heatmaps a folder " +
    "with maps, and a CSV or JSON lines of image, phrase, file and covers.",
} as const satisfies Flag;
