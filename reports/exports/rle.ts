import type { Size } from "../../base/geometry.ts";

/** A mask in the form that pycocotools reads. */
export interface CompressedRle {
  /** Height and width of the mask in pixels. */
  readonly size: readonly [height: number, width: number];
  /** Lengths of the runs as text, see {@linkcode encodeRle}. */
  readonly counts: string;
}

/**
 * Encodes a mask as COCO's compressed RLE. The runs go down the columns, from the left column to
 * the right; the first run is of zeros. The text is encoded like `rleToString` in `maskApi.c` of
 * cocoapi.
 *
 * @example Usage
 * ```ts
 * import { encodeRle } from "./rle.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const rle = encodeRle(Uint8Array.of(0, 1, 0, 1), { width: 2, height: 2 });
 * assertEquals(rle, { size: [2, 2], counts: "22" });
 * ```
 *
 * @param mask Row-major `[height, width]` of 0 and 1.
 * @param size Size of the mask in pixels.
 */
export function encodeRle(mask: Uint8Array, { width, height }: Size): CompressedRle {
  const runs: number[] = [];
  let [current, length] = [0, 0];
  for (let x = 0; x < width; x++) {
    for (let at = x; at < mask.length; at += width) {
      if (mask[at] !== current) {
        runs.push(length);
        [current, length] = [mask[at]!, 0];
      }
      length++;
    }
  }
  runs.push(length);
  return { size: [height, width], counts: runs.map((run, i) => toText(run, runs, i)).join("") };
}

/** Encodes a run in groups of five bits; from index 3 on, the difference to the run two before. */
function toText(run: number, runs: readonly number[], index: number): string {
  let left = index > 2 ? run - runs[index - 2]! : run;
  let text = "";
  for (let more = true; more;) {
    const bits = left & 0x1f;
    left >>= 5;
    more = bits & 0x10 ? left !== -1 : left !== 0;
    text += String.fromCharCode(48 + bits + (more ? 0x20 : 0));
  }
  return text;
}
