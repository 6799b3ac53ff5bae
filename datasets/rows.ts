import { BugError, InputRangeError, isInputError } from "../base/errors.ts";
import { toNumber } from "./csv.ts";
import { show } from "./show.ts";
import type { ImagePaths } from "./_image_paths.ts";
import { readMask, type RowMask } from "./masks.ts";
import type { DatasetItem, RowFailure, Sample } from "./sample.ts";
import type { Box } from "../base/geometry.ts";
import type { TruthMask } from "../base/truth_mask.ts";
import { given } from "../base/json.ts";

/** Columns that hold the four numbers of a box. */
export interface BoxColumns {
  /** Column names: left edge, top edge, then width and height, or right and bottom edge. */
  readonly names: readonly string[];
  /** Whether the last two columns hold the right and bottom edge, which are exclusive. */
  readonly areCorners: boolean;
}

/** One annotation as written in a dataset file, before any check. */
export interface Row {
  /** Place of the annotation in the file, such as `boxes.csv:17`. */
  readonly where: string;
  /** Path of the image, usually relative to the image root; empty if it is missing. */
  readonly image: string;
  /** The phrase; empty if it is missing. */
  readonly phrase: string;
  /** The four numbers of the box as written; absent if the row has no box. */
  readonly box?: readonly unknown[];
  /** Boxes of a second reader as written, each of four numbers in the unit and order of `box`. */
  readonly otherBoxes?: readonly unknown[];
  /**
   * Columns that hold the numbers of `box`.
   *
   * @default {XYWH}
   */
  readonly boxColumns?: BoxColumns;
  /** Unit of the box, as in {@linkcode Sample}; the same in all rows of an image. */
  readonly boxUnit?: NonNullable<Sample["boxUnit"]>;
  /** The mask as written, in place of a box; absent if the row has no mask. */
  readonly mask?: RowMask;
  /** The phrase says that there is nothing to find, as in {@linkcode Sample}. */
  readonly isNegative?: boolean;
  /** The phrase applies, as in {@linkcode Sample}. */
  readonly isPresent?: boolean;
  /** The class; absent or empty if the row has none. */
  readonly category?: string;
  /** Group of the class, as in {@linkcode Sample}. */
  readonly group?: string;
  /** Number of the phrase among the wordings of its class, from 1. */
  readonly wording?: number;
  /** Patient of the image, if a column of the dataset states it. */
  readonly patient?: string;
  /** Name of the split, such as `val` or `test`. */
  readonly split?: string;
  /** Words of the phrase to read, separated by white space; absent or empty if none are stated. */
  readonly words?: string;
  /** Width and height of the image as written. */
  readonly size?: readonly [unknown, unknown];
  /** First part of the sample's id, before `#`. */
  readonly stem: string;
  /** Notes for the results, such as the licence of the image. */
  readonly notes?: readonly string[];
  /** Reason why the row cannot be read; absent if it can. */
  readonly fault?: string;
}

/** Maximum number of characters that an image's name adds to the ids of its samples. */
const MAX_STEM = 200;

/** Default columns of a box. */
export const XYWH: BoxColumns = { names: ["x", "y", "w", "h"], areCorners: false };

/** Checks a box in pixels of the image; adds a note for each change to the box. */
function readBox(row: Row, size: Sample["imageSize"], notes: string[]): Box {
  const { names, areCorners } = row.boxColumns ?? XYWH;
  const numbers = row.box!.map(toNumber);
  // A number beyond the safe integers cannot be a position in an image.
  const bad = numbers.findIndex((value) => !(Math.abs(value) <= Number.MAX_SAFE_INTEGER));
  if (bad >= 0) {
    throw new InputRangeError(
      `${names[bad]} of the box must be a number, got "${show(row.box![bad])}"`,
    );
  }
  if (numbers.length !== names.length) {
    throw new InputRangeError(`a box must be ${names.join(", ")}, got ${show(row.box)}`);
  }
  const shown = areCorners ? `the box with corners [${numbers}]` : `box [${numbers}]`;
  if (numbers.some((value) => !Number.isInteger(value))) {
    notes.push(`${shown} was cut to whole pixels`);
  }
  // Adding 0 turns -0 into 0.
  const [x, y, right, bottom] = numbers.map((value) => Math.trunc(value) + 0) as [
    number,
    number,
    number,
    number,
  ];
  const [width, height] = areCorners ? [right - x, bottom - y] : [right, bottom];
  if (width < 1 || height < 1) throw new InputRangeError(`${shown} has no size`);
  // Check the numbers before truncation, because -0.5 is outside too.
  if (numbers[0]! < 0 || numbers[1]! < 0) {
    throw new InputRangeError(`${shown} begins outside the image`);
  }
  if (!size) return [x, y, width, height];
  if (x >= size.width || y >= size.height) {
    throw new InputRangeError(
      `${shown} lies outside the image of ${size.width}x${size.height} pixels`,
    );
  }
  const cut: Box = [x, y, Math.min(width, size.width - x), Math.min(height, size.height - y)];
  if (cut[2] !== width || cut[3] !== height) {
    notes.push(`${shown} reaches past the image and was cut to [${cut}]`);
  }
  return cut;
}

/** Checks a box in shares of the image's sides; adds a note if the box is cut. */
function readShares(row: Row, notes: string[]): Box {
  const [x, y, width, height] = row.box as Box;
  const shown = `box [${[x, y, width, height]}]`;
  const isInside = x >= 0 && y >= 0 && x < 1 && y < 1;
  if (!isInside) {
    throw new InputRangeError(`${shown} begins outside the image, whose sides count as 1`);
  }
  if (!(width > 0 && height > 0)) throw new InputRangeError(`${shown} has no size`);
  const cut: Box = [x, y, Math.min(width, 1 - x), Math.min(height, 1 - y)];
  // Ignore differences as small as rounding errors of a sum.
  if (width - cut[2] > 1e-9 || height - cut[3] > 1e-9) {
    notes.push(`${shown} reaches past the image and was cut to [${cut}]`);
  }
  return cut;
}

/** Checks the boxes of a second reader. With a bad box none of them counts, and a note says so. */
function readOtherBoxes(rows: readonly Row[], notes: string[]): Box[] {
  const own: string[] = [];
  try {
    const boxes = rows.flatMap((row) =>
      (row.otherBoxes ?? []).map((box) => {
        if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite)) {
          throw new InputRangeError(`a box must be four numbers, got ${show(box)}`);
        }
        return readShares({ ...row, box }, own);
      })
    );
    notes.push(...own.map((note) => `second reader: ${note}`));
    return boxes;
  } catch (error) {
    if (!isInputError(error)) throw error;
    notes.push(`the second reader's boxes are left out: ${error.message}`);
    return [];
  }
}

function readSize(row: Row): Sample["imageSize"] {
  if (!row.size) return undefined;
  const [width, height] = row.size.map(toNumber) as [number, number];
  if (![width, height].every((value) => Number.isInteger(value) && value > 0)) {
    throw new InputRangeError(
      `the image size must be whole pixels, got "${
        row.size.map((side) => show(side)).join(" x ")
      }"`,
    );
  }
  return { width, height };
}

/** Makes a sample from the rows of one image and phrase, or a failure if any row is bad. */
function readSample(
  { rows, id, index }: RowGroup,
  paths: ImagePaths,
  maskPaths: readonly ImagePaths[],
): DatasetItem {
  const first = rows[0]!;
  const { image, phrase } = first;
  const category = show(first.category);
  const known = {
    ...given({ image, phrase, category }),
  };
  const notes: string[] = [];
  let row = first;
  try {
    // Report faults first, because an unreadable row has no reliable path or phrase.
    for (row of rows) if (row.fault) throw new InputRangeError(row.fault);
    row = first;
    const path = paths.find(image);
    if (phrase.trim() === "") throw new InputRangeError("the phrase is empty");
    const boxes: Box[] = [];
    const masks: TruthMask[] = [];
    let size: Sample["imageSize"];
    for (row of rows) {
      const stated = readSize(row);
      if (size && stated && (size.width !== stated.width || size.height !== stated.height)) {
        throw new InputRangeError(
          `the image is ${stated.width}x${stated.height} pixels here, ` +
            `but ${size.width}x${size.height} in ${first.where}`,
        );
      }
      size ??= stated;
      if (row.box && row.mask || row.mask && boxes.length > 0 || row.box && masks.length > 0) {
        throw new InputRangeError("the sample has masks and boxes, expected only one of the two");
      }
      if (row.mask) masks.push(readMask(row.mask, size, maskPaths));
      if (!row.box) continue;
      boxes.push(row.boxUnit === "image" ? readShares(row, notes) : readBox(row, size, notes));
    }
    const categories = new Set(rows.flatMap((row) => row.category ?? []));
    if (categories.size > 1) {
      notes.push(
        `its rows are of ${show([...categories].join(" and "), 200)}; it counts as ${category}`,
      );
    }
    notes.push(...new Set(rows.flatMap((row) => row.notes ?? [])));
    const otherBoxes = readOtherBoxes(rows, notes);
    const { group, wording, patient } = first;
    const splits = [...new Set(rows.flatMap(({ split }) => split ?? []))];
    const words = [...new Set(rows.flatMap(({ words = "" }) => words.match(/\S+/g) ?? []))];
    const sample: Sample = {
      id,
      index,
      image: path,
      phrase,
      boxes,
      ...(otherBoxes.length > 0 && { otherBoxes }),
      ...(masks.length > 0 && { masks }),
      ...(rows.every(({ isNegative }) => isNegative) && { isNegative: true }),
      ...(first.isPresent && { isPresent: true }),
      ...(first.boxUnit && { boxUnit: first.boxUnit }),
      ...given({ category, group, wording }),
      ...(patient && { patient: show(patient, MAX_STEM) }),
      ...(splits.length > 0 && { split: show(splits.join("+")) }),
      ...(words.length > 0 && { words }),
      ...(size && { imageSize: size }),
      ...(notes.length > 0 && { notes }),
    };
    return { kind: "sample", sample };
  } catch (error) {
    if (!isInputError(error)) throw new BugError(`read the row at ${row.where}`, error);
    const reason = error.message +
      (rows.length > 1 ? ` (${row.where}, one of the ${rows.length} rows of its sample)` : "");
    const failure: RowFailure = { ...known, id: row.where, index, reason };
    return { kind: "failure", failure };
  }
}

/** Rows of one image and phrase. */
export interface RowGroup {
  /** The rows in dataset order. */
  readonly rows: readonly Row[];
  /** Id of the sample made from the rows. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index: number;
  /** Position of the image among the dataset's images, from 0. */
  readonly image: number;
}

/**
 * Groups rows of one image and phrase (docs/method.md, section 3). Groups of one image follow one
 * another. Images, and the phrases of each image, keep the order of first appearance.
 */
export function groupRows(rows: readonly Row[]): RowGroup[] {
  const images = new Map<string, Map<string | Row, Row[]>>();
  for (const row of rows) {
    const phrases = images.getOrInsertComputed(row.image, () => new Map<string | Row, Row[]>());
    // Rows without an image or phrase do not belong together: each becomes its own failure.
    const key = row.image.trim() === "" || row.phrase.trim() === "" ? row : row.phrase;
    phrases.getOrInsert(key, []).push(row);
  }
  const used = new Map<string, number>();
  return [...images.values()]
    .flatMap((phrases, image) => [...phrases.values()].map((rows) => ({ rows, image })))
    .map(({ rows, image }, index) => {
      // Count the stems after `show`: different hostile names may look the same there, and their
      // ids must still differ.
      const stem = show(rows[0]!.stem, MAX_STEM);
      const number = (used.get(stem) ?? 0) + 1;
      used.set(stem, number);
      return { rows, id: `${stem}#${number}`, index, image };
    });
}

/**
 * Yields one sample with all boxes for each group of rows. A sample with a bad row fails as a
 * whole: without the row's box, its scores would differ silently.
 *
 * @param groups Groups from {@linkcode groupRows}, each of one image and phrase.
 * @param paths Finds the image files.
 * @param maskPaths Find the files of masks, in this order.
 */
export async function* mergeRows(
  groups: readonly RowGroup[],
  paths: ImagePaths,
  maskPaths: readonly ImagePaths[] = [paths],
): AsyncIterableIterator<DatasetItem> {
  for (const group of groups) yield readSample(group, paths, maskPaths);
}
