import type { Size } from "../base/geometry.ts";
import { outlineOf, type OutlineOptions, type Ring } from "../base/outline.ts";
import type { Region, Truth } from "../base/region.ts";
import type { TruthMask } from "../base/truth_mask.ts";
import type { GroundedResult, SampleResult } from "../pipeline/evaluate.ts";
import { clipBoxes } from "../scoring/score_heatmap.ts";
import { readRegion } from "../scoring/truth/read_region.ts";
import { locateImage } from "./locate_image.ts";

/**
 * Ground truth of a result, from its boxes or from the files of its masks.
 *
 * @param image Size of the result's image in pixels.
 * @param folder The run's folder; masks are found from it as images are.
 * @returns Boxes of whole pixels inside the image, without any if the result has no ground truth; or
 * a region of the image.
 * @throws {NotFound} If the file of a mask does not exist.
 * @throws {SyntaxError} If a mask is corrupt.
 * @throws {RangeError} If a box or the masks do not fit the image.
 */
export async function resultTruth(
  { boxes, masks }: Pick<GroundedResult, "boxes" | "masks">,
  image: Size,
  folder: string,
): Promise<Truth> {
  if (masks) return await regionIn(masks, image, folder);
  return boxes.length === 0 ? [] : clipBoxes(boxes, image);
}

/**
 * Outline of the masks that state a result's ground truth.
 *
 * @param image Size of the result's image in pixels.
 * @param folder The run's folder.
 * @returns Rings in pixels of the image; `undefined` if the result has no masks.
 * @throws {Error} As {@linkcode resultTruth} does for masks.
 */
export async function resultOutline(
  { masks }: Pick<SampleResult, "masks">,
  image: Size,
  folder: string,
  options: OutlineOptions,
): Promise<Ring[] | undefined> {
  return masks && outlineOf(await regionIn(masks, image, folder), options);
}

async function regionIn(
  masks: readonly TruthMask[],
  image: Size,
  folder: string,
): Promise<Region> {
  const found = masks.map(async (mask) =>
    mask.kind === "png" ? { ...mask, path: await locateImage(folder, mask.path) } : mask
  );
  return (await readRegion(await Promise.all(found), image)).region;
}
