import { BugError, InputRangeError, InputSyntaxError, isInputError } from "../../base/errors.ts";
import { findBoxColumns, isNoBox } from "../box_columns.ts";
import { readCsv, requireColumns, toNumber } from "../csv.ts";
import { isObject } from "../../base/json.ts";
import { parseJson } from "../json.ts";
import { XYWH } from "../rows.ts";
import { show } from "../show.ts";
import { notText, withTextFault } from "../text.ts";
import type { Box } from "../../base/geometry.ts";
import { readList } from "./_read_list.ts";

/** Predicted boxes of one phrase in one image. */
export interface Prediction {
  /** The image, as the file names it. */
  readonly image: string;
  readonly phrase: string;
  /** Boxes in pixels of the image; empty if nothing was found. */
  readonly boxes: readonly Box[];
  /** Confidence of each box; absent if the file states none. */
  readonly confidence?: readonly number[];
  /** Reason why the prediction cannot be read, with its place in the file. */
  readonly fault?: string;
}

/** A file of predictions. */
export interface Predictions {
  readonly path: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /** Entries of the file; all entries of one image and phrase count as one prediction. */
  readonly entries: readonly Prediction[];
}

/**
 * Reads predicted boxes from CSV, JSON or JSON lines.
 *
 * A CSV has the columns `image, phrase, x, y, w, h`. Corners such as `x1, y1, x2, y2` may replace
 * the last four. Each row holds one box; a row without numbers says that nothing was found.
 * JSON is a list, and JSON lines are entries, of `{image, phrase, boxes: [[x, y, w, h], …]}`.
 *
 * A column `score` holds the confidence of a row's box; in JSON `score` is a number for each box, or
 * one number for all. Boxes are left edge, top edge, width and height in pixels of the original
 * image. Other columns are ignored. An unreadable row or entry gives a prediction with a fault.
 *
 * @throws {Deno.errors.NotFound} If the file does not exist.
 * @throws {TypeError} If the path is not a regular file.
 * @throws {SyntaxError} If the file is malformed or lacks a column.
 * @throws {RangeError} If the file is larger than 256 MiB or empty.
 */
export async function readPredictions(path: string): Promise<Predictions> {
  const { text, isBroken, sha256 } = await readList(path, "predictions");
  const isJson = /\.json$/i.test(path) || /^\s*[{[]/.test(text);
  const entries = isJson ? jsonEntries(path, text) : csvEntries(path, text, isBroken);
  if (entries.length === 0) {
    throw new InputRangeError(`Cannot read "${path}": it has no predictions`);
  }
  return { path, sha256, entries: isBroken ? entries.map(withTextFault) : entries };
}

function csvEntries(path: string, text: string, isBroken: boolean): Prediction[] {
  const table = readCsv(path, text);
  if (isBroken && !table.has("image")) throw notText(path);
  const { names, areCorners } = findBoxColumns(path, table) ?? XYWH;
  requireColumns(path, table, ["image", "phrase", ...names]);
  return table.records.map(({ line, get, fault }) => {
    const fields = names.map((column) => get(column) ?? "");
    const boxes = isNoBox(fields) ? [] : [fields];
    const own = get("score") ?? "";
    const score = boxes.length === 0 || isNoBox([own]) ? undefined : own;
    const entry = { image: get("image"), phrase: get("phrase"), boxes, score };
    return toPrediction(`line ${line}`, entry, areCorners, fault);
  });
}

function jsonEntries(path: string, text: string): Prediction[] {
  const json = parseJson(path, text);
  if (!Array.isArray(json)) {
    throw new InputSyntaxError(
      `Cannot read "${path}": expected a list of {image, phrase, boxes}, found no list`,
    );
  }
  return json.map((entry: unknown, i) => {
    const fault = isObject(entry)
      ? undefined
      : `expected {image, phrase, boxes}, found ${show(entry)}`;
    return toPrediction(`entry ${i + 1}`, isObject(entry) ? entry : {}, false, fault);
  });
}

/** Makes a prediction from a row or an entry; a malformed one gives a prediction with a fault. */
function toPrediction(
  where: string,
  { image, phrase, boxes, score }: Readonly<Record<string, unknown>>,
  areCorners: boolean,
  fault?: string,
): Prediction {
  const names = {
    image: typeof image === "string" ? image : "",
    phrase: typeof phrase === "string" ? phrase : "",
  };
  try {
    if (fault) throw new InputSyntaxError(fault);
    requireNames({ image, phrase });
    if (!Array.isArray(boxes)) {
      throw new InputSyntaxError(`expected a list of boxes, found ${show(boxes ?? "none")}`);
    }
    const confidence = readScores(score, boxes.length);
    return {
      ...names,
      boxes: boxes.map((box) => readBox(box, areCorners)),
      ...(confidence && { confidence }),
    };
  } catch (error) {
    if (!isInputError(error)) throw new BugError(`read the prediction at ${where}`, error);
    return { ...names, boxes: [], fault: `${error.message} (${where})` };
  }
}

/** Confidences of boxes: a number for each, or one for all; `undefined` without boxes or score. */
function readScores(score: unknown, boxes: number): number[] | undefined {
  if (score === undefined || score === null || boxes === 0) return undefined;
  const scores = Array.isArray(score) ? score.map(toNumber) : Array(boxes).fill(toNumber(score));
  if (scores.length === boxes && scores.every(Number.isFinite)) return scores;
  throw new InputRangeError(
    `expected a finite number as the score of each box, found ${show(score)}`,
  );
}

/** @throws {SyntaxError} If a name is no text, or a blank one. */
export function requireNames(names: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(names)) {
    if (typeof value === "string" && value.trim() !== "") continue;
    throw new InputSyntaxError(
      `expected text as ${name}, found ${show(value ?? "none") || "an empty one"}`,
    );
  }
}

function readBox(fields: unknown, areCorners: boolean): Box {
  const numbers = Array.isArray(fields) ? fields.map(toNumber) : [];
  const [x, y, right, bottom] = numbers as [number, number, number, number];
  const [width, height] = areCorners ? [right - x, bottom - y] : [right, bottom];
  const isBox = numbers.length === 4 && numbers.every(Number.isFinite) && width > 0 && height > 0;
  if (isBox) return [x, y, width, height];
  const shown = Array.isArray(fields)
    ? `[${fields.slice(0, 5).map((field) => show(field, 20)).join(", ")}]`
    : show(fields);
  throw new InputRangeError(
    areCorners
      ? `expected corners x1, y1, x2, y2 with x2 above x1 and y2 above y1, found ${shown}`
      : `expected a box of four numbers x, y, w, h with w and h above 0, found ${shown}`,
  );
}
