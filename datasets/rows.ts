import { show } from "./show.ts";
import type { ImagePaths } from "./_image_paths.ts";
import type { DatasetItem, RowFailure, Sample } from "./sample.ts";
import type { Box } from "../base/geometry.ts";

/** The columns that the numbers of a box are in. */
export interface BoxColumns {
  /** Their names: left edge, top edge, and width and height or right and bottom edge. */
  readonly names: readonly string[];
  /** Whether the last two are edges, which the box ends before. */
  readonly areCorners: boolean;
}

/** One annotation as a dataset file states it, before anything is checked. */
export interface Row {
  /** Where it stands, such as `boxes.csv:17`. */
  readonly where: string;
  /** Path of the image, as a rule below the image root. */
  readonly image: string;
  /** The phrase. */
  readonly phrase: string;
  /** The four numbers of the box as written; absent where the row has no box. */
  readonly box?: readonly unknown[];
  /**
   * The columns that they are in.
   *
   * @default {XYWH}
   */
  readonly boxColumns?: BoxColumns;
  /** What the box is in, as in {@linkcode Sample}; the same for all rows of an image. */
  readonly boxUnit?: NonNullable<Sample["boxUnit"]>;
  /** The class. */
  readonly category?: string;
  /** Width and height of the image as written. */
  readonly size?: readonly [unknown, unknown];
  /** Stem of the sample's id. */
  readonly stem: string;
  /** Why the row cannot be read at all. */
  readonly fault?: string;
}

/** A number as JSON has it or CSV writes it; NaN for anything else. */
export function toNumber(value: unknown): number {
  if (typeof value === "number") return value;
  // No two parts of the pattern match the same digits, or a long field would take minutes.
  return typeof value === "string" && /^\s*[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?\s*$/i.test(value)
    ? Number(value)
    : NaN;
}

/** Most characters of an image's name in the ids of its samples. */
const MAX_STEM = 200;

/** The columns of a box where nothing else is said. */
export const XYWH: BoxColumns = { names: ["x", "y", "w", "h"], areCorners: false };

/** Checks a box, in the image's pixels; says in `notes` what was changed about it. */
function readBox(row: Row, size: Sample["imageSize"], notes: string[]): Box {
  const { names, areCorners } = row.boxColumns ?? XYWH;
  const numbers = row.box!.map(toNumber);
  // Past the safe integers a number is no place in an image.
  const bad = numbers.findIndex((value) => !(Math.abs(value) <= Number.MAX_SAFE_INTEGER));
  if (bad >= 0) {
    throw new RangeError(
      `${names[bad]} of the box must be a number, got "${show(row.box![bad])}"`,
    );
  }
  const shown = areCorners ? `the box with corners [${numbers}]` : `box [${numbers}]`;
  if (numbers.some((value) => !Number.isInteger(value))) {
    notes.push(`${shown} was cut to whole pixels`);
  }
  // Adding 0 makes an ordinary 0 of -0.
  const [x, y, right, bottom] = numbers.map((value) => Math.trunc(value) + 0) as [
    number,
    number,
    number,
    number,
  ];
  const [width, height] = areCorners ? [right - x, bottom - y] : [right, bottom];
  if (width < 1 || height < 1) throw new RangeError(`${shown} has no size`);
  // Before it is cut: -0.5 is outside too.
  if (numbers[0]! < 0 || numbers[1]! < 0) throw new RangeError(`${shown} begins outside the image`);
  if (!size) return [x, y, width, height];
  if (x >= size.width || y >= size.height) {
    throw new RangeError(`${shown} lies outside the image of ${size.width}x${size.height} pixels`);
  }
  const cut: Box = [x, y, Math.min(width, size.width - x), Math.min(height, size.height - y)];
  if (cut[2] !== width || cut[3] !== height) {
    notes.push(`${shown} reaches past the image and was cut to [${cut}]`);
  }
  return cut;
}

/** Checks a box in shares of the image; says in `notes` what was changed about it. */
function readShares(row: Row, notes: string[]): Box {
  const [x, y, width, height] = row.box as Box;
  const shown = `box [${[x, y, width, height]}]`;
  const isInside = x >= 0 && y >= 0 && x < 1 && y < 1;
  if (!isInside) throw new RangeError(`${shown} begins outside the image, whose sides count as 1`);
  if (!(width > 0 && height > 0)) throw new RangeError(`${shown} has no size`);
  const cut: Box = [x, y, Math.min(width, 1 - x), Math.min(height, 1 - y)];
  // Not by what rounding of a sum adds.
  if (width - cut[2] > 1e-9 || height - cut[3] > 1e-9) {
    notes.push(`${shown} reaches past the image and was cut to [${cut}]`);
  }
  return cut;
}

function readSize(row: Row): Sample["imageSize"] {
  if (!row.size) return undefined;
  const [width, height] = row.size.map(toNumber) as [number, number];
  if (![width, height].every((value) => Number.isInteger(value) && value > 0)) {
    throw new RangeError(
      `the image size must be whole pixels, got "${
        row.size.map((side) => show(side)).join(" x ")
      }"`,
    );
  }
  return { width, height };
}

/** What becomes of the rows of one image and phrase. */
function readSample(
  { rows, id, index }: RowGroup,
  paths: ImagePaths,
): DatasetItem {
  const first = rows[0]!;
  const { image, phrase } = first;
  const category = show(first.category);
  const known = {
    ...(image && { image }),
    ...(phrase && { phrase }),
    ...(category && { category }),
  };
  const notes: string[] = [];
  let row = first;
  try {
    // First of all: what cannot be read has no path or phrase to speak of.
    for (row of rows) if (row.fault) throw new RangeError(row.fault);
    row = first;
    const path = paths.find(image);
    if (phrase.trim() === "") throw new RangeError("the phrase is empty");
    const boxes: Box[] = [];
    let size: Sample["imageSize"];
    for (row of rows) {
      const stated = readSize(row);
      if (size && stated && (size.width !== stated.width || size.height !== stated.height)) {
        throw new RangeError(
          `the image is ${stated.width}x${stated.height} pixels here, ` +
            `but ${size.width}x${size.height} in ${first.where}`,
        );
      }
      size ??= stated;
      if (!row.box) continue;
      boxes.push(row.boxUnit === "image" ? readShares(row, notes) : readBox(row, size, notes));
    }
    const categories = new Set(rows.flatMap((row) => row.category ?? []));
    if (categories.size > 1) {
      notes.push(
        `its rows are of ${show([...categories].join(" and "), 200)}; it counts as ${category}`,
      );
    }
    const sample: Sample = {
      id,
      index,
      image: path,
      phrase,
      boxes,
      ...(first.boxUnit && { boxUnit: first.boxUnit }),
      ...(category && { category }),
      ...(size && { imageSize: size }),
      ...(notes.length > 0 && { notes }),
    };
    return { kind: "sample", sample };
  } catch (error) {
    const reason = (error as Error).message +
      (rows.length > 1 ? ` (${row.where}, one of the ${rows.length} rows of its sample)` : "");
    const failure: RowFailure = { ...known, id: row.where, index, reason };
    return { kind: "failure", failure };
  }
}

/** Rows of one image and phrase. */
export interface RowGroup {
  /** The rows, in their order. */
  readonly rows: readonly Row[];
  /** Id of the sample that they make. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index: number;
  /** Position of the image among the dataset's images, from 0. */
  readonly image: number;
}

/**
 * Rows of one image and phrase together (docs/method.md, section 3), those of one image
 * in a row, in order of first appearance.
 *
 * @param rows All rows.
 */
export function groupRows(rows: readonly Row[]): RowGroup[] {
  const images = new Map<string, Map<string | Row, Row[]>>();
  for (const row of rows) {
    const phrases = images.get(row.image) ?? new Map<string | Row, Row[]>();
    images.set(row.image, phrases);
    // Rows that lack one of the two have nothing in common: each is a failure of its own.
    const key = row.image.trim() === "" || row.phrase.trim() === "" ? row : row.phrase;
    const same = phrases.get(key);
    if (same) same.push(row);
    else phrases.set(key, [row]);
  }
  const used = new Map<string, number>();
  return [...images.values()]
    .flatMap((phrases, image) => [...phrases.values()].map((rows) => ({ rows, image })))
    .map(({ rows, image }, index) => {
      // Shown first, so that hostile names that look the same still get ids that differ.
      const stem = show(rows[0]!.stem, MAX_STEM);
      const number = (used.get(stem) ?? 0) + 1;
      used.set(stem, number);
      return { rows, id: `${stem}#${number}`, index, image };
    });
}

/**
 * Makes each group of rows one sample with several boxes. A sample with a bad
 * row fails as a whole: with a box fewer its scores would differ and not say so.
 *
 * @param groups Rows of one image and phrase each, as {@linkcode groupRows} gives them.
 * @param paths Finds their images.
 */
export async function* mergeRows(
  groups: readonly RowGroup[],
  paths: ImagePaths,
): AsyncIterableIterator<DatasetItem> {
  for (const group of groups) yield readSample(group, paths);
}
