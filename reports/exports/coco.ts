import { area, type Box } from "../../base/geometry.ts";
import { boundsOf, isRegion, maskOf, regionArea, type Truth } from "../../base/region.ts";
import { NO_CLASS } from "../tables/summary.ts";
import { boxOfMask, maskOnImage } from "./original_pixels.ts";
import { encodeRle } from "./rle.ts";
import type { RunList } from "./run_sample.ts";

/**
 * Begins two files for pycocotools. `annotations.json`, for `COCO(…)`, has the images and their
 * ground truth. `results.json`, for `loadRes(…)`, has the masks of the run. Each image is a file,
 * and each category a class; each entry also has `sample` and `phrase`. The score of a mask is the
 * mean of the heatmap's values inside the mask. A sample with an empty mask has no result.
 *
 * @param classes Classes of all samples; the n-th class gets category id n, from 1.
 */
export function cocoList(classes: readonly string[]): RunList {
  const categories = classes.map((name, i) => ({ id: i + 1, name }));
  const images = new Map<string, object & { readonly id: number }>();
  const annotations: object[] = [];
  let separator = "\n";
  return {
    path: "coco/results.json",
    head: "[",
    add({ result, truth, heatmap }) {
      const { id: sample, image: path = sample, phrase, category = NO_CLASS } = result;
      const { width, height } = heatmap.image;
      const image = images.getOrInsertComputed(path, () => ({
        ...{ id: images.size + 1, width, height, file_name: path },
      }));
      const shared = {
        image_id: image.id,
        category_id: classes.indexOf(category) + 1,
        ...{ sample, phrase },
      };
      for (const shape of shapesOf(truth)) {
        annotations.push({ id: annotations.length + 1, ...shared, ...shape, iscrowd: 0 });
      }
      const mask = maskOnImage(heatmap);
      const bbox = boxOfMask(mask, width);
      if (!bbox) return "";
      const segmentation = encodeRle(mask, heatmap.image);
      const entry = { ...shared, bbox, segmentation, score: meanInMask(heatmap.heatmap) };
      const text = separator + JSON.stringify(entry);
      separator = ",\n";
      return text;
    },
    end: () => separator === "\n" ? "]\n" : "\n]\n",
    more: () => ({
      "coco/annotations.json": async function* () {
        const info = { description: "Phrase grounding with Groundray" };
        yield `{"info":${JSON.stringify(info)},\n`;
        yield `"categories":${JSON.stringify(categories)},\n`;
        yield* member("images", images.values());
        yield ",\n";
        yield* member("annotations", annotations);
        yield "}\n";
      }(),
    }),
  };
}

/** Boxes as polygons, or a region as run lengths, each with its box and its area. */
function shapesOf(truth: Truth): object[] {
  if (!isRegion(truth)) {
    return truth.map((box) => ({ bbox: box, segmentation: [cornersOf(box)], area: area(box) }));
  }
  const segmentation = encodeRle(maskOf(truth), truth);
  return [{ bbox: boundsOf(truth), segmentation, area: regionArea(truth) }];
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

/** Yields an array as a member of a JSON object, one entry per line. */
function* member(name: string, entries: Iterable<object>): Iterable<string> {
  yield `"${name}":[`;
  let separator = "\n";
  for (const entry of entries) {
    yield separator + JSON.stringify(entry);
    separator = ",\n";
  }
  yield "]";
}
