import { nameOf } from "../base/paths.ts";
import { show } from "./show.ts";

/** A CSV file with a header line. */
export interface CsvTable {
  /** Name of the file without its folders. */
  readonly name: string;
  /** Names in the header, in their order. */
  readonly columns: readonly string[];
  /** Whether there is a column of a name, spelled as in {@linkcode fold} if not exactly. */
  readonly has: (column: string) => boolean;
  /** The other records. */
  readonly records: readonly CsvRecord[];
}

/** One record of a {@linkcode CsvTable}. */
export interface CsvRecord {
  /** Line of the file that it begins on, from 1. */
  readonly line: number;
  /**
   * Text by column; `undefined` where there is no such column.
   *
   * @throws {SyntaxError} If there are several.
   */
  readonly get: (column: string) => string | undefined;
  /** Why it cannot be read, such as a field too many. */
  readonly fault?: string;
}

/** Delimiters that are told by the header; the first of those that fit as well. */
const DELIMITERS = [",", ";", "\t", "|"];

/** The name of a column without case, blanks and signs: what `X_Min`, `x min` and `xmin` share. */
export function fold(column: string): string {
  return column.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}

/**
 * Reads CSV text. Commas, semicolons, tabs or bars part its fields: the header tells which, or a
 * first line such as `sep=;`. Line ends are LF, CRLF or CR. Quotes are read as Python's `csv`
 * reads them: one inside a field that has none at its start is a character like others, and text
 * after a closing quote belongs to the field. A quote that does not close costs its line alone.
 *
 * @param path Path of the file, for errors.
 * @param text The file.
 * @throws {SyntaxError} If it has no header.
 */
export function readCsv(path: string, text: string): CsvTable {
  const { header, rest } = parseRecords(text);
  if (!header) throw new SyntaxError(`Cannot read "${path}": it is empty`);
  if (header.fault) throw new SyntaxError(`Cannot read the header of "${path}": ${header.fault}`);
  const columns = header.cells.map((name) => name.trim());
  const indexOf = columnFinder(path, columns);
  // What has no name is not missed: pandas' index, or what delimiters at a line's end make.
  const named = columns.findLastIndex((name) => name !== "") + 1;
  const isBlank = (cell: string) => cell.trim() === "";
  const records = rest.map(({ line, cells, fault }): CsvRecord => {
    const fits = cells.length >= named && cells.slice(columns.length).every(isBlank);
    const wrong = fault ??
      (fits
        ? undefined
        : `the row has ${cells.length} fields, but the header has ${columns.length}`);
    const get = (column: string) => cells[indexOf(column) ?? -1];
    return { line, get, ...(wrong && { fault: wrong }) };
  });
  return { name: nameOf(path), columns, has: (name) => indexOf(name) !== undefined, records };
}

/** Finds a column by its name: the exact one, or else one that is spelled nearly so. */
function columnFinder(
  path: string,
  columns: readonly string[],
): (column: string) => number | undefined {
  const exact = indexes(columns);
  let folded: ReturnType<typeof indexes> | undefined;
  return (column) => {
    // Most columns are found by their exact names.
    const found = exact.get(column) ?? (folded ??= indexes(columns.map(fold))).get(fold(column));
    if (!found?.isRepeated) return found?.index;
    throw new SyntaxError(
      `Cannot read "${path}": column "${show(columns[found.index])}" is there twice`,
    );
  };
}

function indexes(names: readonly string[]): Map<string, { index: number; isRepeated: boolean }> {
  const found = new Map<string, { index: number; isRepeated: boolean }>();
  names.forEach((name, index) => found.set(name, { index, isRepeated: found.has(name) }));
  return found;
}

interface RawRecord {
  readonly line: number;
  readonly cells: readonly string[];
  readonly fault?: string;
}

const LINE_END = /\r{0,2}\n|\r/y;
const BLANK_LINE = / *(?:\r{0,2}\n|\r|$)/y;

/** How fields are parted. */
interface Dialect {
  readonly delimiter: string;
  /** What a field without quotes is made of. */
  readonly plain: RegExp;
  /** Blanks between a delimiter and a quote that begins a field. */
  readonly padding: RegExp;
}

function parseRecords(text: string): { header?: RawRecord; rest: RawRecord[] } {
  let line = 1;
  let at = matchAt(/\ufeff*/y, text, 0).length;
  // Excel's own way to say what the delimiter is.
  const [stated, delimiter] = /^"?sep=([^\w"\r\n])"?[,;\t|]*(?:\r{0,2}\n|\r)/i
    .exec(text.slice(at, at + 100)) ?? [""];
  at += stated.length;
  if (stated) line++;
  const skipBlank = () => {
    for (let blank; at < text.length && (blank = matchAt(BLANK_LINE, text, at)); line++) {
      at += blank.length;
    }
  };
  skipBlank();
  const dialect = findDialect(text, at, delimiter ? [delimiter] : DELIMITERS);
  const records: RawRecord[] = [];
  for (; at < text.length; skipBlank()) {
    const { cells, end, fault } = readRecord(text, at, dialect);
    records.push({ line, cells, ...(fault && { fault }) });
    const next = end + matchAt(LINE_END, text, end).length;
    line += countLines(text.slice(at, next));
    at = next;
  }
  const [header, ...rest] = records;
  return { ...(header && { header }), rest };
}

function dialectOf(delimiter: string, isPadded: boolean): Dialect {
  return {
    delimiter,
    plain: new RegExp(`[^${delimiter.replace(/[\\\]^-]/, "\\$&")}\r\n]*`, "y"),
    padding: isPadded ? / *(?=")/y : /(?=")/y,
  };
}

/** The delimiter that leaves the most names of the header without any. */
function findDialect(text: string, at: number, delimiters: readonly string[]): Dialect {
  const candidates = delimiters.map((delimiter) => {
    const { cells, end } = readRecord(text, at, dialectOf(delimiter, true));
    const clean = cells.filter((cell) => !/[,;\t|]/.test(cell)).length;
    return { delimiter, clean, header: text.slice(at, end) };
  });
  const { delimiter, header } = candidates.reduce((best, next) =>
    next.clean > best.clean ? next : best
  );
  return dialectOf(delimiter, header.includes(`${delimiter} "`));
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function countLines(text: string): number {
  return text.match(/\r{0,2}\n|\r/g)?.length ?? 0;
}

/** Reads the record that begins somewhere; `end` is where its line end is. */
function readRecord(
  text: string,
  start: number,
  { delimiter, plain, padding }: Dialect,
): { cells: string[]; end: number; fault?: string } {
  const cells: string[] = [];
  for (let at = start;; at += delimiter.length) {
    const opens = at + matchAt(padding, text, at).length;
    if (text[opens] !== '"') {
      const cell = matchAt(plain, text, at);
      cells.push(cell);
      at += cell.length;
    } else {
      const quoted = readQuoted(text, opens + 1);
      const after = quoted && matchAt(plain, text, quoted.end);
      // Text behind a quote that closes on another line: more likely it opens the next field that
      // has quotes, and what it seems to close was never closed.
      if (!quoted || /[\r\n]/.test(quoted.value) && after!.trim() !== "") {
        const end = start + matchAt(/[^\r\n]*/y, text, start).length;
        return {
          cells,
          end,
          fault: `field ${cells.length + 1} begins with a quote that does not close`,
        };
      }
      cells.push(quoted.value + after);
      at = quoted.end + after!.length;
    }
    if (!text.startsWith(delimiter, at)) return { cells, end: at };
  }
}

/** The text up to the quote that closes it, and where that ends; nothing if none does. */
function readQuoted(text: string, start: number): { value: string; end: number } | undefined {
  let value = "";
  for (let at = start;; at++) {
    const close = text.indexOf('"', at);
    if (close < 0) return undefined;
    value += text.slice(at, close);
    at = close + 1;
    if (text[at] !== '"') return { value: value.replaceAll("\r\n", "\n"), end: at };
    value += '"';
  }
}

/** Columns that often hold an image's path, and a phrase, as {@linkcode fold} has their names. */
const LIKELY = {
  image:
    /^(image|img|file|dicom)(path|file|name|id|index|uid|url)s?$|^(path|img|file|dicom|images)$/,
  phrase:
    /^(label)?(text|sentence|caption|description|prompt|query|report|finding)s?$|^(phrases|label|sentenceen)$/,
} as const;

/** Says which columns may be those that a plain CSV lacks; nothing where none looks like it. */
export function suggestColumns({ columns, has }: CsvTable): string {
  const parts = (["image", "phrase"] as const).flatMap((wanted) => {
    const likely = has(wanted) ? [] : columns.filter((column) => LIKELY[wanted].test(fold(column)));
    const names = likely.slice(0, 3).map((column) => `"${show(column)}"`).join(" or ");
    return names ? [`${names} to "${wanted}"`] : [];
  });
  return parts.length > 0 ? `; rename ${parts.join(" and ")} if that is meant` : "";
}

/**
 * Checks that a table has some columns.
 *
 * @throws {SyntaxError} If one is missing; names it and those that are there.
 */
export function requireColumns(path: string, table: CsvTable, columns: readonly string[]): void {
  const missing = columns.filter((column) => !table.has(column));
  if (missing.length === 0) return;
  const names = missing.map((column) => `"${column}"`).join(", ");
  const subject = missing.length > 1 ? `columns ${names} are` : `column ${names} is`;
  throw new SyntaxError(
    `Cannot read "${path}": ${subject} missing ` +
      `(found: ${show(table.columns.join(", "), 400)})` +
      (missing.some((column) => column in LIKELY) ? suggestColumns(table) : ""),
  );
}
