/**
 * Messages from the thread that decodes X-rays to the server.
 *
 * @module
 */

import type { GrayImage, Size } from "../../base/geometry.ts";

/** An X-ray, reduced in size for a page. */
export interface Picture extends Pick<GrayImage, "width" | "height" | "spacing"> {
  /** Grey values 0..255, row-major `[height, width]`. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Size of the image in the file, in pixels. */
  readonly original: Size;
}

/** Outcome of reading a file: the picture, or a sentence that says why reading failed. */
export type Reading = { readonly picture: Picture } | { readonly error: string };
