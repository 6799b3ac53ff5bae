import { InputSyntaxError } from "../base/errors.ts";
import { nameOf } from "../base/paths.ts";
import { show } from "./show.ts";

/** Header of a CSV file. */
export interface CsvHeader {
  /** Name of the file without its folders. */
  readonly name: string;
  /** Column names in the order of the header. */
  readonly columns: readonly string[];
  /** Whether a column has the given name, either exactly or after {@linkcode fold}. */
  readonly has: (column: string) => boolean;
}

/** A CSV file with a header line. */
export interface CsvTable extends CsvHeader {
  /** Records after the header. */
  readonly records: readonly CsvRecord[];
}

/** One record of a {@linkcode CsvTable}. */
export interface CsvRecord {
  /** Line of the file on which the record begins, from 1. */
  readonly line: number;
  /**
   * Gives the field of a column; `undefined` if the column or the field is missing.
   *
   * @throws {SyntaxError} If several columns have the name.
   */
  readonly get: (column: string) => string | undefined;
  /** Gives the field as {@linkcode get} does, without blanks around it; empty if it is missing. */
  readonly text: (column: string) => string;
  /** Reason why the record cannot be read, such as an extra field; absent if it can. */
  readonly fault?: string;
}

/** Possible delimiters; the header decides, and the earlier one wins a tie. */
const DELIMITERS = [",", ";", "\t", "|"];

/** Reduces a column name to lower-case letters and digits: `X_Min` and `x min` become `xmin`. */
export function fold(column: string): string {
  return column.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}

/**
 * Reads CSV text. A first line such as `sep=;` may state the delimiter. Otherwise it is a comma,
 * semicolon, tab or bar, whichever fits the header. Line ends are LF, CRLF or CR.
 *
 * Quotes follow Python's `csv`. A quote inside a field that does not begin with a quote is an
 * ordinary character. Text after a closing quote belongs to the field. An unclosed quote spoils
 * only its own line.
 *
 * @throws {SyntaxError} If the text is empty or its header cannot be read.
 */
export function readCsv(path: string, text: string): CsvTable {
  const { records, ...header } = streamCsv(path, text);
  return { ...header, records: [...records] };
}

/**
 * Reads CSV text as {@linkcode readCsv} does, and its records one by one. The records can be read
 * once.
 *
 * @throws {SyntaxError} If the text is empty or its header cannot be read.
 */
export function streamCsv(
  path: string,
  text: string,
): CsvHeader & { readonly records: Iterable<CsvRecord> } {
  const rest = parseRecords(text);
  const header = rest.next().value;
  if (!header) throw new InputSyntaxError(`Cannot read "${path}": it is empty`);
  if (header.fault) {
    throw new InputSyntaxError(`Cannot read the header of "${path}": ${header.fault}`);
  }
  const columns = header.cells.map((name) => name.trim());
  const indexOf = columnFinder(path, columns);
  // A row may lack trailing columns without a name: delimiters at the end of the header make them.
  const named = columns.findLastIndex((name) => name !== "") + 1;
  const isBlank = (cell: string) => cell.trim() === "";
  const toRecord = ({ line, cells, fault }: RawRecord): CsvRecord => {
    const fits = cells.length >= named && cells.slice(columns.length).every(isBlank);
    const wrong = fault ??
      (fits
        ? undefined
        : `the row has ${cells.length} fields, but the header has ${columns.length}`);
    const get = (column: string) => cells[indexOf(column) ?? -1];
    const text = (column: string) => (get(column) ?? "").trim();
    return { line, get, text, ...(wrong && { fault: wrong }) };
  };
  const has = (name: string) => indexOf(name) !== undefined;
  return { name: nameOf(path), columns, has, records: rest.map(toRecord) };
}

/** Makes a function that finds a column by its exact name, or else by its folded name. */
function columnFinder(
  path: string,
  columns: readonly string[],
): (column: string) => number | undefined {
  const exact = indexes(columns);
  let folded: ReturnType<typeof indexes> | undefined;
  return (column) => {
    // Fold the names on demand, because most columns are found by their exact names.
    const found = exact.get(column) ?? (folded ??= indexes(columns.map(fold))).get(fold(column));
    if (!found?.isRepeated) return found?.index;
    throw new InputSyntaxError(
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

/** Delimiter of a CSV, and patterns that depend on it. */
interface Dialect {
  readonly delimiter: string;
  /** Matches a field without quotes. */
  readonly plain: RegExp;
  /** Matches blanks between a delimiter and the quote that begins a field. */
  readonly padding: RegExp;
}

function* parseRecords(text: string): Generator<RawRecord, undefined> {
  let line = 1;
  let at = matchAt(/\ufeff*/y, text, 0).length;
  // Excel may state the delimiter in a first line such as `sep=;`.
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
  for (; at < text.length; skipBlank()) {
    const { cells, end, fault } = readRecord(text, at, dialect);
    yield { line, cells, ...(fault && { fault }) };
    const next = end + matchAt(LINE_END, text, end).length;
    line += countLines(text.slice(at, next));
    at = next;
  }
}

function dialectOf(delimiter: string, isPadded: boolean): Dialect {
  return {
    delimiter,
    plain: new RegExp(`[^${delimiter.replace(/[\\\]^-]/, "\\$&")}\r\n]*`, "y"),
    padding: isPadded ? / *(?=")/y : /(?=")/y,
  };
}

/** Chooses the delimiter that splits the header into the most names free of delimiters. */
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

/** Reads the record that begins at `start`; `end` is the position of its line end. */
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
      // If text follows a closing quote on a later line, that quote more likely opens another
      // field. The first quote was then never closed.
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

/**
 * Reads a field from after its opening quote to its closing quote; `end` is the position after the
 * closing quote. Gives `undefined` if no quote closes the field.
 */
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

/** Patterns of names, after {@linkcode fold}, of columns that often hold an image or a phrase. */
const LIKELY = {
  image:
    /^(image|img|file|dicom)(path|file|name|id|index|uid|url)s?$|^(path|img|file|dicom|images)$/,
  phrase:
    /^(label)?(text|sentence|caption|description|prompt|query|report|finding)s?$|^(phrases|label|sentenceen)$/,
} as const;

/** Suggests columns to rename to `image` and `phrase`; empty if no column looks likely. */
export function suggestColumns({ columns, has }: CsvHeader): string {
  const parts = (["image", "phrase"] as const).flatMap((wanted) => {
    const likely = has(wanted) ? [] : columns.filter((column) => LIKELY[wanted].test(fold(column)));
    const names = likely.slice(0, 3).map((column) => `"${show(column)}"`).join(" or ");
    return names ? [`${names} to "${wanted}"`] : [];
  });
  return parts.length > 0 ? `; rename ${parts.join(" and ")} if that is meant` : "";
}

/**
 * Checks that a table has the given columns.
 *
 * @throws {SyntaxError} If a column is missing; the message names the missing columns and the
 * present ones.
 */
export function requireColumns(path: string, table: CsvHeader, columns: readonly string[]): void {
  const missing = columns.filter((column) => !table.has(column));
  if (missing.length === 0) return;
  const names = missing.map((column) => `"${column}"`).join(", ");
  const subject = missing.length > 1 ? `columns ${names} are` : `column ${names} is`;
  throw new InputSyntaxError(
    `Cannot read "${path}": ${subject} missing ` +
      `(found: ${show(table.columns.join(", "), 400)})` +
      (missing.some((column) => column in LIKELY) ? suggestColumns(table) : ""),
  );
}

/** Converts a number of JSON, or its decimal text in CSV; gives NaN for anything else. */
export function toNumber(value: unknown): number {
  if (typeof value === "number") return value;
  // No two parts of the pattern can match the same digits: backtracking on a long field would take
  // minutes.
  return typeof value === "string" && /^\s*[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?\s*$/i.test(value)
    ? Number(value)
    : NaN;
}
