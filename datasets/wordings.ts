import { crc32 } from "node:zlib";
import { InputRangeError, InputSyntaxError } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import { nameOf } from "../base/paths.ts";
import { fold, readCsv, requireColumns } from "./csv.ts";
import { parseJson } from "./json.ts";
import { show } from "./show.ts";
import type { SplitRow } from "./split_row.ts";
import { decodeText, notText } from "./text.ts";

/** Phrases by class; each class has at least one. */
export type Wordings = Readonly<Record<string, readonly string[]>>;

/** Largest file of wordings in bytes. */
const MAX_BYTES = 2 ** 20;

/** Columns of a CSV with wordings. */
const COLUMNS = ["class", "phrase"];

/**
 * Reads wordings: a JSON object of `"class": ["phrase", …]`, or a CSV with the columns `class` and
 * `phrase` and a row for each wording.
 *
 * @throws {SyntaxError} If the file is malformed, or a class or phrase is empty.
 * @throws {Error} If the file cannot be read.
 */
export async function readWordings(path: string): Promise<Wordings> {
  const bytes = await Deno.readFile(path).catch((error) => {
    throw new Error(`Cannot read phrases "${path}": ${error.message}`, { cause: error });
  });
  if (bytes.length > MAX_BYTES) {
    throw new InputRangeError(
      `Cannot read phrases "${path}": expected at most ${MAX_BYTES} bytes, found ${bytes.length}`,
    );
  }
  const { text, isBroken } = decodeText(bytes);
  if (isBroken) throw notText(path);
  const wrong = (reason: string) => new InputSyntaxError(`Cannot read "${path}": ${reason}`);
  const wordings = new Map<string, string[]>();
  const add = (where: string, name: unknown, phrase: unknown) => {
    if (typeof name !== "string" || name.trim() === "") throw wrong(`${where} has no class`);
    if (typeof phrase !== "string" || phrase.trim() === "") {
      throw wrong(`a phrase of "${show(name)}" must be a text, got ${show(phrase) || '""'}`);
    }
    wordings.getOrInsert(name.trim(), []).push(phrase.trim());
  };
  if (/\.json$/i.test(path) || /^\s*[{[]/.test(text)) {
    const json = parseJson(path, text);
    if (!isObject(json)) throw wrong("expected an object with a list of phrases for each class");
    for (const [name, phrases] of Object.entries(json)) {
      const list = typeof phrases === "string" ? [phrases] : phrases;
      if (!Array.isArray(list) || list.length === 0) {
        throw wrong(`"${show(name)}" must have a list of phrases, got ${show(phrases)}`);
      }
      for (const phrase of list) add("an entry", name, phrase);
    }
  } else {
    const table = readCsv(path, text);
    requireColumns(path, table, COLUMNS);
    for (const { line, get, fault } of table.records) {
      if (fault) throw wrong(`line ${line}: ${fault}`);
      add(`line ${line}`, get("class"), get("phrase"));
    }
  }
  if (wordings.size === 0) throw wrong("it has no phrase");
  return Object.fromEntries(wordings);
}

/** Rows with phrases, and the wordings that the phrases were chosen from. */
export interface WordedRows {
  readonly rows: SplitRow[];
  /** The wordings of each class; absent if no phrase was chosen. */
  readonly wordings?: Wordings;
}

/**
 * Chooses the phrases of rows by their classes. The CRC-32 of the image's file name, divided by the
 * number of wordings, leaves the position of the wording as its rest. So a sample keeps its phrase in
 * any part of the dataset, and classes with equally many wordings have the same position on an image.
 *
 * @param layout Wordings of the layout; `undefined` if its phrases do not come from classes.
 * @param own Wordings of the user, which replace those of their classes; `path` is for messages.
 * @throws {RangeError} If the user's wordings name a class that the dataset does not have.
 */
export function wordPhrases(
  rows: readonly SplitRow[],
  layout: Wordings | undefined,
  own?: { readonly path: string; readonly wordings: Wordings },
): WordedRows {
  const wordings: Record<string, readonly string[]> = { ...layout };
  if (own) {
    const known = new Set([
      ...Object.keys(wordings),
      ...rows.flatMap(({ category }) => category ?? []),
    ]);
    if (!layout) {
      throw new InputRangeError(
        `Cannot use the phrases of "${own.path}": the dataset has phrases of its own`,
      );
    }
    const byFolded = new Map([...known].map((name) => [fold(name), name]));
    for (const [name, phrases] of Object.entries(own.wordings)) {
      const found = byFolded.get(fold(name));
      if (found === undefined) {
        throw new InputRangeError(
          `Cannot use the phrases of "${own.path}": the dataset has no class "${
            show(name)
          }", but ` +
            show([...known].join(", "), 400),
        );
      }
      wordings[found] = phrases;
    }
  }
  if (Object.keys(wordings).length === 0) return { rows: [...rows] };
  return {
    rows: rows.map((row) => {
      const { category = "" } = row;
      if (!Object.hasOwn(wordings, category)) return row;
      const list = wordings[category]!;
      const position = crc32(nameOf(row.image)) % list.length;
      return {
        ...row,
        phrase: list[position]!,
        ...(list.length > 1 && { wording: position + 1 }),
      };
    }),
    wordings,
  };
}
