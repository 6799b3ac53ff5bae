import { InputSyntaxError } from "../base/errors.ts";
import { show } from "./show.ts";

/** Prefix of strings that stand for `NaN` and infinities while JSON is parsed. */
const MARK = "\u0000number:";

/**
 * Parses JSON, or JSON lines, which give a list. `NaN`, `Infinity` and `-Infinity` are read as
 * numbers, because Python's `json` writes them. In JSON lines, a line that is not JSON is returned
 * as text.
 *
 * @throws {SyntaxError} If the text is neither JSON nor JSON lines; the message names the file.
 */
export function parseJson(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const lines = /^\s*\{/.test(text) ? parseLines(text) : undefined;
    if (lines) return lines;
    const why = error instanceof RangeError ? "it is nested too deeply" : (error as Error).message;
    throw new InputSyntaxError(`Cannot read "${path}": it is not valid JSON (${show(why, 200)})`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The slow replacement below is only for files with such numbers, which are rare.
    if (!/NaN|Infinity/.test(text)) throw error;
    const marked = text.replaceAll(
      /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g,
      (part) => part.startsWith('"') ? part : JSON.stringify(MARK + part),
    );
    return JSON.parse(
      marked,
      (_, value) =>
        typeof value === "string" && value.startsWith(MARK)
          ? Number(value.slice(MARK.length))
          : value,
    );
  }
}

/** Parses JSON lines; `undefined` if there is only one line or the first line is not JSON. */
function parseLines(text: string): unknown[] | undefined {
  const values: unknown[] = [];
  for (const { value, isJson } of jsonLines(text)) {
    if (!isJson && values.length === 0) return undefined;
    values.push(value);
  }
  return values.length > 1 ? values : undefined;
}

/** A line of JSON lines. */
export interface JsonLine {
  /** Number of the line, from 1. */
  readonly line: number;
  /** The parsed line, or its text if it is not JSON. */
  readonly value: unknown;
  readonly isJson: boolean;
}

/** Parses the lines of a text one by one, and leaves out blank lines; see {@linkcode parseJson}. */
export function* jsonLines(text: string): Iterable<JsonLine> {
  for (let at = 0, line = 1; at < text.length; line++) {
    const end = text.indexOf("\n", at);
    const own = text.slice(at, end < 0 ? text.length : end).replace(/\r$/, "");
    at = end < 0 ? text.length : end + 1;
    if (own.trim() === "") continue;
    try {
      yield { line, value: parse(own), isJson: true };
    } catch {
      yield { line, value: own, isJson: false };
    }
  }
}
