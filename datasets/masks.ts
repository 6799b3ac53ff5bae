import { InputRangeError } from "../base/errors.ts";
import type { Size } from "../base/geometry.ts";
import { isObject } from "../base/json.ts";
import type { PolygonMask, RleMask, TruthMask } from "../base/truth_mask.ts";
import type { ImagePaths } from "./_image_paths.ts";
import { toNumber } from "./csv.ts";
import { show } from "./show.ts";

/** A mask as written in a dataset file, before any check. */
export type RowMask =
  /** A PNG file, and the place of its left and top edge in pixels of the image, if stated. */
  | {
    readonly path: string;
    readonly left?: unknown;
    readonly top?: unknown;
    /** Width and height of the mask as written. */
    readonly size?: readonly [unknown, unknown];
  }
  /** A COCO segmentation, as {@linkcode readSegmentation} takes it. */
  | { readonly segmentation: unknown };

/**
 * Checks a mask, and finds its file.
 *
 * @param image Size of the image in pixels, if the dataset states it.
 * @param paths Find the file; the first that finds it counts.
 * @throws {InputRangeError} If the mask is malformed, lies outside the image, or has no file.
 */
export function readMask(
  mask: RowMask,
  image: Size | undefined,
  paths: readonly ImagePaths[],
): TruthMask {
  if ("segmentation" in mask) return readSegmentation(mask.segmentation);
  const path = findMask(mask.path, paths);
  // Without a place the mask must have the size of its image.
  if (mask.left === undefined && mask.top === undefined) return { kind: "png", path };
  const [left, top] = (["left", "top"] as const).map((name) => {
    const value = toNumber(mask[name]);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new InputRangeError(
      `${name} of the mask must be a whole number from 0, got "${show(mask[name] ?? "")}"`,
    );
  }) as [number, number];
  if (mask.size) {
    const [width, height] = mask.size.map(toNumber) as [number, number];
    if (![width, height].every((side) => Number.isSafeInteger(side) && side > 0)) {
      throw new InputRangeError(
        `the mask's size must be whole pixels, got "${
          mask.size.map((side) => show(side)).join(" x ")
        }"`,
      );
    }
    if (image && (left + width > image.width || top + height > image.height)) {
      throw new InputRangeError(
        `the mask of ${width}x${height} pixels at ${left}, ${top} reaches past the image of ` +
          `${image.width}x${image.height} pixels`,
      );
    }
  }
  return { kind: "png", path, left, top };
}

/**
 * Finds a mask's file before a model works on its image in vain.
 *
 * @throws {InputRangeError} If no file is found; the reason is that of the first finder.
 */
export function findMask(path: string, paths: readonly ImagePaths[]): string {
  let reason: InputRangeError | undefined;
  for (const finder of paths) {
    try {
      const found = finder.find(path, "mask");
      if (isThere(found)) return found;
      reason ??= new InputRangeError(
        `there is no mask "${show(path)}", neither below the images nor beside the dataset's file`,
      );
    } catch (error) {
      if (!(error instanceof InputRangeError)) throw error;
      reason ??= error;
    }
  }
  throw reason!;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // The reader of the mask reports a file that it may not read.
    return error instanceof Deno.errors.NotCapable;
  }
}

/**
 * Checks a segmentation as COCO writes it: outlines as lists of `x0, y0, x1, y1, …`, or run lengths
 * as `{ counts, size: [height, width] }`. A single outline may stand without the outer list.
 *
 * @throws {InputRangeError} If the value is neither.
 */
export function readSegmentation(value: unknown): PolygonMask | RleMask {
  if (Array.isArray(value)) {
    const polygons: unknown[] = typeof value[0] === "number" ? [value] : value;
    if (polygons.length === 0) throw new InputRangeError("the mask has no outline");
    return { kind: "polygon", polygons: polygons.map(requireOutline) };
  }
  if (isObject(value) && Array.isArray(value.size) && value.size.length === 2) {
    const { counts, size: [height, width] } = value as { counts: unknown; size: unknown[] };
    const isCount = (count: unknown) => Number.isSafeInteger(count) && count as number >= 0;
    const areCounts = typeof counts === "string" || Array.isArray(counts) && counts.every(isCount);
    if (areCounts && [height, width].every((side) => isCount(side) && side !== 0)) {
      return {
        kind: "rle",
        counts: counts as string | number[],
        width: width as number,
        height: height as number,
      };
    }
  }
  throw new InputRangeError(
    `a mask must be outlines of numbers or run lengths with their size, got ${show(value)}`,
  );
}

function requireOutline(outline: unknown): readonly number[] {
  const isOutline = Array.isArray(outline) && outline.length >= 6 && outline.length % 2 === 0 &&
    outline.every(Number.isFinite);
  if (isOutline) return outline;
  throw new InputRangeError(
    `an outline must be x0, y0, x1, y1, … of at least three corners, got ${show(outline)}`,
  );
}
