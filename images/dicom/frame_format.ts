/**
 * The layout of the values of a DICOM frame.
 *
 * @module
 */

import type { Size } from "../../base/geometry.ts";

/** What a frame's bytes hold, from the file's header. */
export interface FrameFormat extends Size {
  /** Bits of memory for a value. */
  readonly bitsAllocated: 8 | 16;
  /** Bits of them that are used. */
  readonly bitsStored: number;
  /** Bits below those. */
  readonly shift: number;
  /** Whether values are in two's complement. */
  readonly isSigned: boolean;
  /**
   * How three values make a pixel.
   *
   * @default {A pixel is one value}
   */
  readonly color?: {
    /** The photometric interpretation, such as `RGB`. */
    readonly photometric: string;
    /** Whether the values of a channel stand together, where they are not compressed. */
    readonly isPlanar: boolean;
  };
}
