/**
 * Masks as ground truth, in the forms that datasets state them.
 *
 * @module
 */

/** A PNG whose opaque or non-zero pixels are the region. */
export interface PngMask {
  /** Form of the mask. */
  readonly kind: "png";
  /** Path of the file; the file is read when its sample is scored. */
  readonly path: string;
  /** Column of the image that the mask's left edge lies on; 0 for a mask of the whole image. */
  readonly left: number;
  /** Row of the image that the mask's top edge lies on; 0 for a mask of the whole image. */
  readonly top: number;
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

/** A mask as its dataset states it; its pixels are made when its sample is scored. */
export type TruthMask = PngMask | RleMask | PolygonMask;
