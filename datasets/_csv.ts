import { parse } from "@std/csv";
import { nameOf } from "./_paths.ts";
import { show } from "./_rows.ts";

/** A CSV file with a header line. */
export interface CsvTable {
  /** Name of the file without its folders. */
  readonly name: string;
  /** Names in the header, in their order. */
  readonly columns: readonly string[];
  /** The other records. */
  readonly records: readonly CsvRecord[];
}

/** One record of a {@linkcode CsvTable}. */
export interface CsvRecord {
  /** Line of the file that it begins on, from 1. */
  readonly line: number;
  /** Text by column; `undefined` where there is no such column. */
  readonly get: (column: string) => string | undefined;
  /** Why it cannot be read, such as a field too many. */
  readonly fault?: string;
}

/**
 * Reads CSV text: RFC 4180, a byte order mark and either line end tolerated.
 *
 * @throws {SyntaxError} If it is malformed or has no header.
 */
export function readCsv(path: string, text: string): CsvTable {
  const fields = parseRecords(path, text);
  const [header, ...rest] = fields;
  if (!header) throw new SyntaxError(`Cannot read "${path}": it is empty`);
  const columns = header.map((name) => name.trim());
  const index = new Map(columns.map((name, i) => [name, i]));
  const repeated = columns.find((name, i) => name !== "" && index.get(name) !== i);
  if (repeated) {
    throw new SyntaxError(`Cannot read "${path}": column "${show(repeated)}" is there twice`);
  }
  // A quoted field may hold line ends and empty lines are no records, so that a record's line
  // is not its number.
  const source = text.split("\n");
  const skipEmpty = (line: number) => {
    while (["", "\r"].includes(source[line - 1] ?? "-")) line++;
    return line;
  };
  let line = skipEmpty(1) + lines(header);
  const records: CsvRecord[] = [];
  for (const record of rest) {
    const begins = skipEmpty(line);
    line = begins + lines(record);
    records.push({
      line: begins,
      get: (column) => record[index.get(column) ?? -1],
      ...(record.length !== columns.length && {
        fault: `the row has ${record.length} fields, but the header has ${columns.length}`,
      }),
    });
  }
  return { name: nameOf(path), columns, records };
}

function lines(record: readonly string[]): number {
  return 1 + record.reduce((count, field) => count + field.split("\n").length - 1, 0);
}

function parseRecords(path: string, text: string): string[][] {
  try {
    return parse(text) as string[][];
  } catch (error) {
    throw new SyntaxError(
      `Cannot read "${path}": it is not valid CSV (${(error as Error).message})`,
    );
  }
}

/**
 * Checks that a table has some columns.
 *
 * @throws {SyntaxError} If one is missing; names it and those that are there.
 */
export function requireColumns(path: string, table: CsvTable, columns: readonly string[]): void {
  const missing = columns.filter((column) => !table.columns.includes(column));
  if (missing.length === 0) return;
  const names = missing.map((column) => `"${column}"`).join(", ");
  const subject = missing.length > 1 ? `columns ${names} are` : `column ${names} is`;
  throw new SyntaxError(
    `Cannot read "${path}": ${subject} missing ` +
      `(found: ${show(table.columns.join(", "), 400)})`,
  );
}
