import type { Size } from "../../base/geometry.ts";

/** Format of a frame's values, from the file's header. */
export interface FrameFormat extends Size {
  /** Bits of memory per value. */
  readonly bitsAllocated: 8 | 16;
  /** Number of used bits per value. */
  readonly bitsStored: number;
  /** Number of bits below the used bits. */
  readonly shift: number;
  /** Whether values are in two's complement. */
  readonly isSigned: boolean;
  /**
   * Format of a pixel with three values.
   *
   * @default {A pixel has one value}
   */
  readonly color?: {
    /** The photometric interpretation, such as `RGB`. */
    readonly photometric: string;
    /** Whether an uncompressed frame stores one whole channel after another. */
    readonly isPlanar: boolean;
  };
}
