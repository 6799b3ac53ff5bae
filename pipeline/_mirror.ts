import type { Box, GrayImage, Size } from "../base/geometry.ts";
import { maskOf, mirrorRegion, type Region } from "../base/region.ts";
import type { RleMask } from "../base/truth_mask.ts";
import type { Sample } from "../datasets/sample.ts";
import { readRegion } from "../scoring/truth/read_region.ts";
import { inPixels } from "./decode.ts";

/** The image mirrored left to right. */
export function mirrorImage(gray: GrayImage): GrayImage {
  const { width, height } = gray;
  const data = gray.data.slice();
  for (let y = 0; y < height; y++) data.subarray(y * width, (y + 1) * width).reverse();
  return { ...gray, data };
}

/**
 * The sample with its ground truth mirrored. Boxes are in whole pixels first, as scoring makes them:
 * the mirror of a fraction of a pixel would lie in another pixel. Masks become run lengths, since a
 * file of a mask cannot be mirrored.
 *
 * @param sample A sample of the image.
 * @param image Size of the image in pixels.
 * @throws {Error} If a mask cannot be read.
 */
export async function mirrorSample(sample: Sample, image: GrayImage): Promise<Sample> {
  const { boxes, masks, ...own } = inPixels(sample, image);
  if (!masks) return { ...own, boxes: boxes.map((box) => mirrorBox(box, image)) };
  const { region } = await readRegion(masks, image);
  return { ...own, boxes, masks: [runLengths(mirrorRegion(region))] };
}

function mirrorBox([x, y, width, height]: Box, image: Size): Box {
  const left = Math.trunc(x);
  const right = Math.min(left + Math.trunc(width), image.width);
  return [image.width - right, y, right - left, height];
}

/** Run lengths of a region by column, background first. */
function runLengths(region: Region): RleMask {
  const { width, height } = region;
  const mask = maskOf(region);
  const counts = [0];
  for (let x = 0, value = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if (mask[y * width + x] !== value) {
        counts.push(0);
        value = 1 - value;
      }
      counts[counts.length - 1]!++;
    }
  }
  return { kind: "rle", counts, width, height };
}
