/**
 * Formats with one line per sample.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { SCORE_STYLES } from "../tables/result_table.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { meanInMask } from "./coco.ts";
import { boxOfMask, maskOnImage } from "./original_pixels.ts";
import { encodeRle } from "./rle.ts";
import type { RunList, RunSample } from "./run_sample.ts";
import { WholeFile } from "./whole_file.ts";

/** A file with one line per sample. */
class LineList implements RunList {
  readonly #name: string;
  readonly #file: WholeFile;
  readonly #lineOf: (sample: RunSample) => string;

  constructor(name: string, file: WholeFile, lineOf: (sample: RunSample) => string) {
    this.#name = name;
    this.#file = file;
    this.#lineOf = lineOf;
  }

  add(sample: RunSample): Promise<void> {
    return this.#file.write(this.#lineOf(sample));
  }

  async finish(): Promise<string[]> {
    await this.#file.finish();
    return [this.#name];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file[Symbol.asyncDispose]();
  }
}

/**
 * Creates `rle.jsonl`; each line has one sample's mask as COCO's RLE.
 *
 * @param folder Output folder of the export.
 */
export async function createRleList(folder: string): Promise<RunList> {
  const name = "rle.jsonl";
  const file = await WholeFile.create(`${folder}/${name}`);
  return new LineList(name, file, ({ result: { id, image, phrase, category }, heatmap }) => {
    const rle = encodeRle(maskOnImage(heatmap), heatmap.image);
    return `${JSON.stringify({ id, image, phrase, category, ...rle })}\n`;
  });
}

const BOX_COLUMNS = ["id", "image", "phrase", "category", "x", "y", "w", "h", "score", "threshold"];

/**
 * Creates `boxes.csv`. Each row has the box around a sample's mask, the score as in `results.json`,
 * the threshold, and the sample's scores. The box is empty if the mask is empty. mIoU and AUC-ROC
 * are 0..1, not per cent. Groundray reads the file as a dataset or as predictions.
 *
 * @param folder Output folder of the export.
 */
export async function createBoxList(folder: string): Promise<RunList> {
  const name = "boxes.csv";
  const columns = [...BOX_COLUMNS, ...SCORES.map((score) => SCORE_STYLES[score].key)];
  const file = await WholeFile.create(`${folder}/${name}`);
  await file.write(stringify([], { columns }));
  return new LineList(name, file, ({ result, heatmap: { heatmap, ...placed } }) => {
    const mask = maskOnImage({ heatmap, ...placed });
    const [x, y, w, h] = boxOfMask(mask, placed.image.width) ?? [];
    const { id, image, phrase, category, threshold } = result;
    const scores = result.status === "scored"
      ? SCORES.map((score) => [SCORE_STYLES[score].key, result[score]])
      : [];
    const row = {
      id,
      image,
      phrase,
      category,
      x,
      y,
      w,
      h,
      score: meanInMask(heatmap),
      threshold,
      ...Object.fromEntries(scores),
    };
    return stringify([row], { columns, headers: false });
  });
}
