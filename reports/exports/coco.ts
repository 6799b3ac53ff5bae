/**
 * Exports samples in COCO's format.
 *
 * @module
 */

import { area, type Box } from "../../base/geometry.ts";
import { NO_CLASS } from "../tables/summary.ts";
import { boxOfMask, maskOnImage } from "./original_pixels.ts";
import { encodeRle } from "./rle.ts";
import type { RunList, RunSample } from "./run_sample.ts";
import { WholeFile } from "./whole_file.ts";

const RESULTS = "coco/results.json";
const ANNOTATIONS = "coco/annotations.json";

/**
 * Writes two files for pycocotools. `annotations.json`, for `COCO(…)`, has the images and their
 * ground truth. `results.json`, for `loadRes(…)`, has the masks of the run. Each image is a file,
 * and each category a class; each entry also has `sample` and `phrase`. The score of a mask is the
 * mean of the heatmap's values inside the mask. A sample with an empty mask has no result.
 */
export class CocoList implements RunList {
  readonly #folder: string;
  readonly #results: WholeFile;
  readonly #categories: ReadonlyMap<string, number>;
  readonly #images = new Map<string, object & { readonly id: number }>();
  readonly #annotations: object[] = [];
  #separator = "[\n";

  private constructor(folder: string, results: WholeFile, classes: readonly string[]) {
    this.#folder = folder;
    this.#results = results;
    this.#categories = new Map(classes.map((name, i) => [name, i + 1]));
  }

  /**
   * Creates `results.json`; {@linkcode finish} writes `annotations.json`.
   *
   * @param folder Output folder of the export.
   * @param classes Classes of all samples; the n-th class gets category id n, from 1.
   */
  static async create(folder: string, classes: readonly string[]): Promise<CocoList> {
    return new CocoList(folder, await WholeFile.create(`${folder}/${RESULTS}`), classes);
  }

  async add({ result, boxes, heatmap }: RunSample): Promise<void> {
    const { id: sample, image: path = sample, phrase, category = NO_CLASS } = result;
    const { width, height } = heatmap.image;
    const image = this.#images.get(path) ??
      { id: this.#images.size + 1, width, height, file_name: path };
    this.#images.set(path, image);
    const shared = {
      image_id: image.id,
      category_id: this.#categories.get(category)!,
      sample,
      phrase,
    };
    for (const box of boxes) {
      this.#annotations.push({
        id: this.#annotations.length + 1,
        ...shared,
        bbox: box,
        segmentation: [cornersOf(box)],
        area: area(box),
        iscrowd: 0,
      });
    }
    const mask = maskOnImage(heatmap);
    const bbox = boxOfMask(mask, width);
    if (!bbox) return;
    const segmentation = encodeRle(mask, heatmap.image);
    const entry = { ...shared, bbox, segmentation, score: meanInMask(heatmap.heatmap) };
    await this.#results.write(this.#separator + JSON.stringify(entry));
    this.#separator = ",\n";
  }

  async finish(): Promise<string[]> {
    await this.#results.write(this.#separator === "[\n" ? "[]\n" : "\n]\n");
    await this.#results.finish();
    await using annotations = await WholeFile.create(`${this.#folder}/${ANNOTATIONS}`);
    const categories = [...this.#categories].map(([name, id]) => ({ id, name }));
    const info = { description: "Phrase grounding with Groundray" };
    await annotations.write(`{"info":${JSON.stringify(info)},\n`);
    await annotations.write(`"categories":${JSON.stringify(categories)},\n`);
    await writeArray(annotations, "images", [...this.#images.values()]);
    await annotations.write(",\n");
    await writeArray(annotations, "annotations", this.#annotations);
    await annotations.write("}\n");
    await annotations.finish();
    return [ANNOTATIONS, RESULTS];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#results[Symbol.asyncDispose]();
  }
}

/** Mean of a heatmap's values above 0, that is, inside its mask; 0 if the mask is empty. */
export function meanInMask(heatmap: Float32Array): number {
  let [sum, count] = [0, 0];
  for (const value of heatmap) {
    if (value <= 0) continue;
    sum += value;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}

/** Converts a box to a polygon, as x and y of its four corners in turn. */
function cornersOf([x, y, width, height]: Box): number[] {
  return [x, y, x + width, y, x + width, y + height, x, y + height];
}

/** Writes an array as a member of a JSON object, one entry per line. */
async function writeArray(file: WholeFile, name: string, entries: readonly object[]) {
  await file.write(`"${name}":[`);
  for (const [i, entry] of entries.entries()) {
    await file.write(`${i > 0 ? "," : ""}\n${JSON.stringify(entry)}`);
  }
  await file.write("]");
}
