/**
 * An X-ray as the server sends it, and as its thread reads it.
 *
 * @module
 */

import type { Size } from "../../base/geometry.ts";

/** An X-ray, reduced. */
export interface Picture extends Size {
  /** Row-major `[height, width]`. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Size of its file's image. */
  readonly original: Size;
}

/** What became of a file: its picture, or why there is none. */
export type Reading = { readonly picture: Picture } | { readonly error: string };
