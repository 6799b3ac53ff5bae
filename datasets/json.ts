import { show } from "./show.ts";

/** Stands for `NaN` and the like while JSON is parsed that has them. */
const MARK = "\u0000number:";

/**
 * Parses a file that is JSON, or JSON lines, which make a list. `NaN`, `Infinity` and `-Infinity`
 * are numbers, since Python's `json` writes them. A line that is no JSON is given as its text.
 *
 * @param path Path of the file, for errors.
 * @param text The file.
 * @throws {SyntaxError} If it is neither, with the file's path.
 */
export function parseJson(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const lines = /^\s*\{/.test(text) ? parseLines(text) : undefined;
    if (lines) return lines;
    const why = error instanceof RangeError ? "it is nested too deeply" : (error as Error).message;
    throw new SyntaxError(`Cannot read "${path}": it is not valid JSON (${show(why, 200)})`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Most files have none: only then what comes next is worth its time.
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

/** The values of JSON lines; nothing if the first of several lines is none. */
function parseLines(text: string): unknown[] | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const values: unknown[] = [];
  for (const line of lines) {
    try {
      values.push(parse(line));
    } catch {
      if (values.length === 0) return undefined;
      values.push(line);
    }
  }
  return lines.length > 1 ? values : undefined;
}
