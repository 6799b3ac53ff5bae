/**
 * Reads COCO's run lengths.
 *
 * @module
 */

import { InputRangeError, InputSyntaxError } from "../../base/errors.ts";
import type { Size } from "../../base/geometry.ts";

/** Most characters of a compressed number: seven hold 35 bits. */
const MAX_CHARACTERS = 7;

/**
 * Fills a mask from COCO's run lengths. The runs go down the columns, from the left column to the
 * right; the first run is background.
 *
 * @param counts Run lengths, or COCO's compressed string of them (`rleFrString` in `maskApi.c` of
 * cocoapi).
 * @param size Size of the mask in pixels.
 * @param name Name of the mask in errors.
 * @param put Called with the row-major index of each pixel of the mask.
 * @throws {RangeError} If a run length is no whole number from 0, or they do not add up to the size.
 * @throws {SyntaxError} If the string holds no run lengths.
 */
export function fillRle(
  counts: string | readonly number[],
  { width, height }: Size,
  name: string,
  put: (index: number) => void,
): void {
  const runs = typeof counts === "string" ? parseCounts(counts, name) : counts;
  const bad = runs.findIndex((run) => !(Number.isSafeInteger(run) && run >= 0));
  if (bad >= 0) {
    throw new InputRangeError(
      `Cannot read ${name}: run length ${bad + 1} is ${runs[bad]}, expected a whole number from 0`,
    );
  }
  const total = runs.reduce((sum, run) => sum + run, 0);
  if (total !== width * height) {
    throw new InputRangeError(
      `Cannot read ${name}: its run lengths add up to ${total} pixels, expected ` +
        `${width * height} (${width}x${height})`,
    );
  }
  let at = 0;
  for (const [i, run] of runs.entries()) {
    if (i % 2 === 1) fillRun(at, at + run, { width, height }, put);
    at += run;
  }
}

/**
 * Fills a run down the columns.
 *
 * @param from First place, as column * height + row.
 * @param to Place after the last.
 * @param size Size of the mask in pixels.
 * @param put Called with the row-major index of each pixel of the run.
 */
export function fillRun(
  from: number,
  to: number,
  { width, height }: Size,
  put: (index: number) => void,
): void {
  for (let place = from; place < to; place++) {
    put(place % height * width + Math.floor(place / height));
  }
}

/** Decodes the compressed string: groups of five bits, lowest first; see `encodeRle`. */
function parseCounts(text: string, name: string): number[] {
  const runs: number[] = [];
  for (let at = 0; at < text.length;) {
    let run = 0;
    let bits: number;
    let count = 0;
    do {
      const code = text.charCodeAt(at) - 48;
      if (!(code >= 0 && code < 64) || count === MAX_CHARACTERS) {
        throw new InputSyntaxError(
          `Cannot read ${name}: its run lengths ` +
            (at >= text.length
              ? "break off within a number"
              : `have no number of COCO at character ${at + 1}`),
        );
      }
      at++;
      bits = code;
      run += (bits & 31) * 32 ** count++;
    } while (bits & 32);
    // Bit 5 of the last group is the sign.
    if (bits & 16) run -= 32 ** count;
    runs.push(runs.length > 2 ? run + runs.at(-2)! : run);
  }
  return runs;
}
