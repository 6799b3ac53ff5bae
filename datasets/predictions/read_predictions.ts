/**
 * Boxes that someone predicted, as a file of theirs has them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { readCsv, requireColumns } from "../_csv.ts";
import { stat } from "../_paths.ts";
import { parseJson, show, toNumber } from "../_rows.ts";
import type { Box } from "../sample.ts";

/** Boxes for a phrase of an image. */
export interface Prediction {
  /** The image, as the file names it. */
  readonly image: string;
  /** The phrase. */
  readonly phrase: string;
  /** Boxes in pixels of the image; none where nothing was found. */
  readonly boxes: readonly Box[];
}

/** A file of predictions. */
export interface Predictions {
  /** Its path. */
  readonly path: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /** What it holds; several entries of one image and phrase are one prediction of all their boxes. */
  readonly entries: readonly Prediction[];
}

/** The file is held in memory whole, so its size has a bound. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

const BOX_COLUMNS = ["x", "y", "w", "h"];

/**
 * Reads predicted boxes: a CSV with the columns `image, phrase, x, y, w, h`, a row a box (a row
 * without numbers says that nothing was found), or a JSON list of `{image, phrase, boxes:
 * [[x, y, w, h], …]}`. Boxes are left edge, top edge, width and height in pixels of the original
 * image. Other columns, such as a score, are not read.
 *
 * @param path The file.
 * @throws {Deno.errors.NotFound} If it is not there.
 * @throws {TypeError} If it is no regular file.
 * @throws {SyntaxError} If it is malformed; names the row.
 * @throws {RangeError} If a box is none, or the file is larger than 256 MiB or empty.
 */
export async function readPredictions(path: string): Promise<Predictions> {
  const info = await stat(path);
  if (!info) {
    throw new Deno.errors.NotFound(`Cannot read predictions "${path}": there is no such file`);
  }
  if (!info.isFile) throw new TypeError(`Cannot read predictions "${path}": it is not a file`);
  if (info.size > MAX_FILE_BYTES) {
    throw new RangeError(
      `Cannot read predictions "${path}": expected at most ${MAX_FILE_BYTES} bytes, found ${info.size}`,
    );
  }
  const bytes = await Deno.readFile(path);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SyntaxError(`Cannot read "${path}": it is not text in UTF-8`);
  }
  const isJson = /\.json$/i.test(path) || /^\s*[{[]/.test(text);
  const entries = isJson ? jsonEntries(path, text) : csvEntries(path, text);
  if (entries.length === 0) throw new RangeError(`Cannot read "${path}": it has no predictions`);
  return { path, sha256: createHash("sha256").update(bytes).digest("hex"), entries };
}

function csvEntries(path: string, text: string): Prediction[] {
  const table = readCsv(path, text);
  requireColumns(path, table, ["image", "phrase", ...BOX_COLUMNS]);
  return table.records.map(({ line, get, fault }) => {
    const where = `line ${line} of "${path}"`;
    if (fault) throw new SyntaxError(`Cannot read ${where}: ${fault}`);
    const [image, phrase] = [get("image")!, get("phrase")!];
    requireNames(where, image, phrase);
    const fields = BOX_COLUMNS.map((column) => get(column)!);
    const isEmpty = fields.every((field) => field.trim() === "");
    return { image, phrase, boxes: isEmpty ? [] : [readBox(where, fields)] };
  });
}

function jsonEntries(path: string, text: string): Prediction[] {
  const json = parseJson(path, text);
  if (!Array.isArray(json)) {
    throw new SyntaxError(
      `Cannot read "${path}": expected a list of {image, phrase, boxes}, found no list`,
    );
  }
  return json.map((entry: unknown, i) => {
    const where = `entry ${i + 1} of "${path}"`;
    const { image, phrase, boxes } = (entry ?? {}) as Record<string, unknown>;
    requireNames(where, image, phrase);
    if (!Array.isArray(boxes)) {
      throw new SyntaxError(
        `Cannot read ${where}: expected a list of boxes, found ${show(boxes ?? "none")}`,
      );
    }
    return {
      image: image as string,
      phrase: phrase as string,
      boxes: boxes.map((box) => readBox(where, box)),
    };
  });
}

function requireNames(where: string, image: unknown, phrase: unknown): void {
  for (const [name, value] of Object.entries({ image, phrase })) {
    if (typeof value === "string" && value.trim() !== "") continue;
    throw new SyntaxError(
      `Cannot read ${where}: expected text as ${name}, found ${
        show(value ?? "none") || "an empty one"
      }`,
    );
  }
}

function readBox(where: string, fields: unknown): Box {
  const numbers = Array.isArray(fields) ? fields.map(toNumber) : [];
  const isBox = numbers.length === 4 && numbers.every(Number.isFinite) &&
    numbers[2]! > 0 && numbers[3]! > 0;
  if (isBox) return numbers as unknown as Box;
  const shown = Array.isArray(fields)
    ? `[${fields.slice(0, 5).map((field) => show(field, 20)).join(", ")}]`
    : show(fields);
  throw new RangeError(
    `Cannot read ${where}: expected a box of four numbers x, y, w, h with w and h above 0, ` +
      `found ${shown}`,
  );
}
