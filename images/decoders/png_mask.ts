import type { Size } from "../../base/geometry.ts";
import { CHANNELS, COLOR_TYPE, type PngPixels, pngPixels } from "./png_pixels.ts";
import { type RowVisitor, sizeOf, transparentColor, visitRows } from "./png_rows.ts";

/** A mask of 0 and 1. */
export interface PngMaskPixels extends Size {
  /** Row-major `[height, width]`. */
  readonly data: Uint8Array;
}

/** Colour type of a picture with a palette. */
const PALETTE = 3;

/**
 * Reads which pixels of a PNG are marked. With transparent pixels, these are the opaque pixels: any
 * alpha above 0. Without transparent pixels, these are the pixels that are not black. Many tools
 * write an alpha channel that is opaque everywhere, so such a channel says nothing.
 *
 * @param png The file; the caller has checked the size in its header.
 * @returns `undefined` if the file is corrupt.
 */
export function pngMask(png: Uint8Array): PngMaskPixels | undefined {
  const found = pngPixels(png);
  if (!found) return undefined;
  const { width, height } = sizeOf(found.header);
  const marks = { opaque: new Uint8Array(width * height), colored: new Uint8Array(width * height) };
  if (!visitRows(found, rowMarker(found, marks))) return undefined;
  const data = marks.opaque.includes(0) ? marks.opaque : marks.colored;
  return { data, width, height };
}

/** Marks of a picture's pixels, row-major `[height, width]` of 0 and 1. */
interface Marks {
  /** Pixels with an alpha above 0. */
  readonly opaque: Uint8Array;
  /** Pixels that are not black. */
  readonly colored: Uint8Array;
}

/**
 * Makes a function that marks pixels by their samples, from an index on and at a distance from each
 * other.
 */
function rowMarker(found: PngPixels, { opaque, colored }: Marks): RowVisitor {
  const { header, palette = new Uint8Array(), transparency } = found;
  const type = header[COLOR_TYPE]!;
  const channels = CHANNELS[type]!;
  if (type === PALETTE) {
    const entries = Array.from({ length: 256 }, (_, i) => i);
    const isOpaque = entries.map((i) => transparency?.[i] === 0 ? 0 : 1);
    const isColored = entries.map((i) =>
      palette.subarray(3 * i, 3 * i + 3).some((value) => value > 0) ? 1 : 0
    );
    return (samples, at, distance) => {
      for (let i = 0; i < samples.length; i++, at += distance) {
        opaque[at] = isOpaque[samples[i]!]!;
        colored[at] = isColored[samples[i]!]!;
      }
    };
  }
  const hasAlpha = channels % 2 === 0;
  const colors = hasAlpha ? channels - 1 : channels;
  const nothing = transparentColor(found);
  return (samples, at, distance) => {
    for (let i = 0; i < samples.length; i += channels, at += distance) {
      let sum = 0;
      for (let channel = 0; channel < colors; channel++) sum += samples[i + channel]!;
      colored[at] = sum > 0 ? 1 : 0;
      opaque[at] = hasAlpha
        ? samples[i + colors]! > 0 ? 1 : 0
        : nothing?.every((value, channel) => samples[i + channel] === value)
        ? 0
        : 1;
    }
  };
}
