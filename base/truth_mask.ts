/** A PNG of the region; docs/data.md, section Masks, says when a pixel is marked. */
export interface PngMask {
  /** Form of the mask. */
  readonly kind: "png";
  /** Path of the file; the file is read when its image is read. */
  readonly path: string;
  /**
   * Column of the image that the mask's left edge lies on.
   *
   * @default {0; without `left` and `top` the mask must have the size of its image}
   */
  readonly left?: number;
  /**
   * Row of the image that the mask's top edge lies on.
   *
   * @default {0; without `left` and `top` the mask must have the size of its image}
   */
  readonly top?: number;
}

/** Run lengths by column, background first, as COCO writes them. */
export interface RleMask {
  /** Form of the mask. */
  readonly kind: "rle";
  /** Run lengths, or COCO's compressed string of them. */
  readonly counts: string | readonly number[];
  /** Width of the image in pixels. */
  readonly width: number;
  /** Height of the image in pixels. */
  readonly height: number;
}

/** Outlines in pixels of the image; the region is the union of their insides. */
export interface PolygonMask {
  /** Form of the mask. */
  readonly kind: "polygon";
  /** Outlines, each as `x0, y0, x1, y1, …`, at least three corners. */
  readonly polygons: readonly (readonly number[])[];
}

/** A mask as its dataset states it; its pixels are made when its image is read. */
export type TruthMask = PngMask | RleMask | PolygonMask;

/**
 * A value of a JSON file is a list of masks if its types are right. `readRegion` checks that its
 * numbers make a mask.
 */
export function areTruthMasks(value: unknown): value is readonly TruthMask[] {
  return Array.isArray(value) && value.length > 0 && value.every(isTruthMask);
}

function isTruthMask(value: Readonly<Record<string, unknown>> | null): boolean {
  const isNumber = (number: unknown) => typeof number === "number";
  const areNumbers = (list: unknown) => Array.isArray(list) && list.every(isNumber);
  const isNumberOrNone = (number: unknown) => number === undefined || isNumber(number);
  switch (value?.kind) {
    case "png":
      return typeof value.path === "string" && isNumberOrNone(value.left) &&
        isNumberOrNone(value.top);
    case "rle":
      return (typeof value.counts === "string" || areNumbers(value.counts)) &&
        isNumber(value.width) && isNumber(value.height);
    case "polygon":
      return Array.isArray(value.polygons) && value.polygons.every(areNumbers);
    default:
      return false;
  }
}
