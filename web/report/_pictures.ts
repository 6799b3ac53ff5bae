import { deflateRawSync } from "node:zlib";
import { grayImage } from "../../images/gray_image.ts";
import type { GrayImage } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { reduce, resample } from "../../images/resample.ts";
import type { RunHeatmap } from "../../runs/run.ts";
import { safe } from "../../reports/tables/table_html.ts";

/** Longer side of an X-ray in pixels, and JPEG quality of 1..100; a picture takes some 16 KB. */
const IMAGE_SIDE = 384;
const QUALITY = 72;

/** Largest side of a heatmap in cells: attention has sides of 16 to 64, and is smoothed besides. */
const MAP_SIDE = 64;

/**
 * Makes the element of an X-ray: a small JPEG file with the size of the original image. The element
 * of a DICOM file also names the window or table of its grey levels. An element before it holds the
 * size of a pixel in mm, if the file states it.
 */
export async function imageElement(number: number, gray: GrayImage): Promise<string> {
  const { width, height, grayLevels, spacing } = gray;
  const jpeg = await grayImage(reduce(gray, IMAGE_SIDE)).encodeJPEG(QUALITY);
  const facts = { width, height, ...(grayLevels && { grey: grayLevels }) };
  // Earlier reports hold no size of a pixel: an element of its own leaves all others as they were.
  const size = spacing ? dataElement(`spacing-${number}`, JSON.stringify(spacing)) : "";
  return size + element(`image-${number}`, facts, jpeg.toBase64());
}

/** Makes the element of a missing X-ray or heatmap, with the reason. */
export function missingElement(name: string, reason: string): string {
  return element(name, { missing: reason }, "");
}

/**
 * Makes the element of a heatmap, as deflated bytes in two parts.
 *
 * The first part has `[side, side]` levels 0..255 before the threshold. Each level becomes its
 * difference to the level before. Each difference then becomes its difference to the row above,
 * both modulo 256. The second part has the mask as scored, `[size, size]` bits. Each row is padded
 * to whole bytes, and stored as XOR with the row above.
 */
export function heatmapElement(
  number: number,
  { normalised, heatmap, size, crop, image }: RunHeatmap,
): string {
  const side = Math.min(MAP_SIDE, size);
  const stride = Math.ceil(size / 8);
  const bytes = new Uint8Array(side * side + stride * size);
  const cells = resample({ data: normalised, width: size, height: size }, side, side);
  const [levels, mask] = [bytes.subarray(0, side * side), bytes.subarray(side * side)];
  cells.forEach((value, i) => levels[i] = Math.round(255 * Math.max(0, Math.min(1, value))));
  for (let i = levels.length - 1; i > 0; i--) levels[i]! -= levels[i - 1]!;
  for (let i = levels.length - 1; i >= side; i--) levels[i]! -= levels[i - side]!;
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [i % size, Math.floor(i / size)];
    if (heatmap[i]! > 0) mask[y * stride + (x >> 3)]! |= 1 << (x & 7);
  }
  for (let i = mask.length - 1; i >= stride; i--) mask[i]! ^= mask[i - stride]!;
  const { x, y, side: span, height: down } = crop;
  const { width, height } = image;
  return element(
    `heatmap-${number}`,
    { side, size, x, y, span, width, height, ...(down !== undefined && { down }) },
    new Uint8Array(deflateRawSync(bytes, { level: 9 })).toBase64(),
  );
}

/**
 * Makes the element of a sample's ground truth: the outline of its masks, in pixels of the original
 * image, under the number of the sample's first result.
 */
export function truthElement(number: number, outline: readonly Ring[]): string {
  return element(`truth-${number}`, {}, JSON.stringify(outline));
}

/** Makes an element with JSON for the page's script. */
export function dataElement(id: string, json: string): string {
  return `<script type="application/json" id="${id}">${json}</script>`;
}

/** Makes an element with data: browsers neither show nor run a script of type `text/plain`. */
function element(id: string, data: Readonly<Record<string, number | string>>, text: string) {
  const attributes = Object.entries(data).map(([name, value]) =>
    ` data-${name}="${safe(String(value))}"`
  );
  return `<script type="text/plain" id="${id}"${attributes.join("")}>${text}</script>\n`;
}
