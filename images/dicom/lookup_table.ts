/**
 * Reads lookup tables of DICOM headers: PS3.3, C.11.1.1, C.11.2.1.1 and C.7.6.3.1.5.
 *
 * @module
 */

import type { DataSet } from "dicom-parser";
import { InputTypeError } from "../../base/errors.ts";
import type { LookupTable } from "../gray_levels.ts";

/** The values that a table replaces. */
export interface TableInput {
  /** Name of the table in errors, such as `VOI table`. */
  readonly name: string;
  /** Whether values are in two's complement. */
  readonly isSigned: boolean;
  /** The highest value that may occur. */
  readonly highest: number;
}

/** Tags of the table in an item of a sequence. */
const ITEM_TAGS = { descriptor: "x00283002", data: "x00283006" };

/** Tags of a palette's tables of red, green and blue. */
const PALETTE_TAGS = [1, 2, 3].map((channel) => ({
  descriptor: `x0028110${channel}`,
  data: `x0028120${channel}`,
}));

/** Tag of a segmented palette, a form that no radiograph uses. */
const SEGMENTED_PALETTE = "x00281221";

/** Tags of all attributes of a palette. */
export const PALETTE: readonly string[] = [
  ...PALETTE_TAGS.flatMap(({ descriptor, data }) => [descriptor, data]),
  SEGMENTED_PALETTE,
];

/**
 * Reads a table.
 *
 * @param item Data set that holds the table.
 * @param input Values that the table replaces.
 * @param tags Tags of descriptor and entries.
 * @returns `undefined` if descriptor or entries are missing.
 * @throws {TypeError} If the table contradicts itself; the message does not name the file.
 */
export function readTable(
  item: DataSet,
  { name, isSigned, highest }: TableInput,
  { descriptor, data } = ITEM_TAGS,
): LookupTable | undefined {
  const { length = 0, dataOffset = 0 } = item.elements[data] ?? {};
  if ((item.elements[descriptor]?.length ?? 0) < 6 || length === 0) return undefined;
  const [stated = 0, pattern = 0, bits = 0] = [0, 1, 2].map((i) => item.uint16(descriptor, i));
  if (bits < 8 || bits > 16) {
    throw new InputTypeError(`its ${name} has ${bits} bits an entry, expected 8 to 16`);
  }
  // The descriptor states 65536 entries as 0, because 65536 does not fit 16 bits.
  const count = stated || 2 ** 16;
  const there = Math.max(Math.min(length, item.byteArray.length - dataOffset), 0);
  // A word holds two entries of 8 bits, with the first in its low byte, or only one entry.
  const isPacked = bits === 8 && there < 2 * count;
  if (there < (isPacked ? count : 2 * count)) {
    const entries = Math.floor(bits === 8 ? there : there / 2);
    throw new InputTypeError(`its ${name} has ${entries} entries, expected ${count}`);
  }
  const word = (index: number) => item.uint16(data, index)!;
  const entries = Uint16Array.from(
    { length: count },
    isPacked
      // The last entry of an odd number may have only half a word.
      ? (_, i) =>
        2 * (i >> 1) + 1 < there
          ? word(i >> 1) >> 8 * (i & 1) & 255
          : item.byteArray[dataOffset + i]!
      : (_, i) => word(i),
  );
  const brightest = entries.reduce((most, entry) => Math.max(most, entry));
  if (brightest >= 2 ** bits) {
    throw new InputTypeError(`its ${name} holds ${brightest}, more than its ${bits} bits can`);
  }
  const { vr } = item.elements[descriptor]!;
  const isNegative = pattern >= 2 ** 15 &&
    (vr === "SS" || vr !== "US" && isSigned || pattern > highest);
  return { first: isNegative ? pattern - 2 ** 16 : pattern, entries, bits };
}

/**
 * Reads a palette of greys.
 *
 * @param file Data set that holds the palette.
 * @param input Values that the palette replaces.
 * @throws {TypeError} If the palette is missing, contradicts itself or has colours; the message
 * does not name the file.
 */
export function readPalette(file: DataSet, input: TableInput): LookupTable {
  const [red, green, blue] = PALETTE_TAGS.map((tags) => readTable(file, input, tags));
  if (!red || !green || !blue) {
    const isSegmented = file.elements[SEGMENTED_PALETTE] !== undefined;
    throw new InputTypeError(
      isSegmented ? "its palette is segmented, which is not supported" : "its palette is missing",
    );
  }
  for (const other of [green, blue]) {
    const isEqual = other.first === red.first && other.bits === red.bits &&
      other.entries.length === red.entries.length &&
      other.entries.every((entry, i) => entry === red.entries[i]);
    if (!isEqual) throw new InputTypeError("its palette has colours, expected greys");
  }
  return red;
}
