import { concat } from "@std/bytes/concat";
import { openIfThere } from "../base/open_if_there.ts";
import { printable } from "../base/text.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { type ProtocolName, PROTOCOLS } from "../scoring/protocols.ts";
import { SCORES } from "../scoring/score_heatmap.ts";

/** One line of `results.jsonl`. */
export interface ResultLine {
  /** Text of the line, without the newline. */
  readonly text: string;
  /** The parsed result. */
  readonly result: SampleResult;
  /** Bytes from the start of the file to the end of the line, newline included. */
  readonly end: number;
}

/** How {@linkcode readResults} treats damage. */
export interface ReadResultsOptions {
  /**
   * Receives one sentence about a line with zeros, and the reader stops before this line. A resumed
   * run computes the later lines again. Without this function the line is an error if a whole line
   * follows.
   *
   * @default {undefined}
   */
  readonly onHole?: (notice: string) => void;
}

/** Byte at the end of each line. */
const NEWLINE = 10;

/** Longest line that the reader accepts, in bytes. */
const MAX_LINE = 2 ** 24;

/**
 * Reads results line by line. A kill or a power cut may damage the end of the file. The reader
 * skips invalid lines at the end, and a last line without a newline.
 *
 * @param path The file; a missing file counts as empty.
 * @param options How to treat a line with zeros.
 * @throws {SyntaxError} If an invalid line precedes a valid one, or a line is longer than 16 MiB.
 */
export async function* readResults(
  path: string,
  { onHole }: ReadResultsOptions = {},
): AsyncIterableIterator<ResultLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 0;
  let end = 0;
  let bad: string | undefined;
  for await (const bytes of readLines(path)) {
    number++;
    let line: Omit<ResultLine, "end">;
    try {
      const text = decoder.decode(bytes);
      line = { text, result: asResult(JSON.parse(text)) };
    } catch (error) {
      const hasZeros = bytes.includes(0);
      if (hasZeros && onHole && bad === undefined) {
        onHole(`Line ${number} of "${path}" has zeros, as a power cut leaves them.`);
        return;
      }
      bad ??= `Cannot read line ${number} of "${path}": ` +
        (hasZeros
          ? "it has zeros, as a power cut leaves them; the same eval with the folder as --out " +
            "computes the line again"
          : `it is not the result of a sample (${printable((error as Error).message)}); the same ` +
            "eval goes on where the line and all lines after it are removed");
      continue;
    }
    if (bad !== undefined) throw new SyntaxError(bad);
    end += bytes.length + 1;
    yield { ...line, end };
  }
}

/**
 * Reads results sample by sample. A killed run may leave a last sample without the results of all
 * variants; the reader skips such a sample.
 *
 * @param path The file; a missing file counts as empty.
 * @param variants Number of the run's variants. A sample has one result per variant, or one result
 * in all if it dropped out before its variants differ.
 * @param options How to treat a line with zeros.
 * @throws {SyntaxError} If an invalid line precedes a valid one, or a line is longer than 16 MiB.
 */
export async function* readSamples(
  path: string,
  variants: number,
  options: ReadResultsOptions = {},
): AsyncIterableIterator<readonly ResultLine[]> {
  let sample: ResultLine[] = [];
  for await (const line of readResults(path, options)) {
    if (sample[0]?.result.id !== line.result.id) sample = [];
    sample.push(line);
    // A sample that dropped out as a whole has one line for all variants.
    if (line.result.setting === undefined || sample.length === variants) yield sample;
  }
}

/** Yields each line that ends in a newline, without the newline. */
async function* readLines(path: string): AsyncIterableIterator<Uint8Array> {
  using file = await openIfThere(path);
  if (!file) return;
  const chunk = new Uint8Array(2 ** 16);
  let kept = new Uint8Array();
  for (let read = await file.read(chunk); read !== null; read = await file.read(chunk)) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0 && at < read;) {
      yield concat([kept, chunk.subarray(from, at)]);
      kept = new Uint8Array();
      from = at + 1;
      at = chunk.indexOf(NEWLINE, from);
    }
    kept = concat([kept, chunk.subarray(from, read)]);
    // A power cut may leave any number of zeros: pass them on as an invalid line.
    if (kept.length > MAX_LINE && kept.includes(0)) {
      yield kept;
      kept = new Uint8Array();
    }
    if (kept.length > MAX_LINE) {
      throw new SyntaxError(`Cannot read "${path}": a line is longer than ${MAX_LINE} bytes`);
    }
  }
}

/** Requires a list of entries for each protocol, with every number of the protocol. */
function requireProtocols(protocols: unknown): void {
  for (const [name, entries] of Object.entries(protocols as object)) {
    if (!Object.hasOwn(PROTOCOLS, name) || !Array.isArray(entries)) {
      throw new TypeError("expected lists by protocol");
    }
    for (const number of PROTOCOLS[name as ProtocolName]) {
      // JSON stores NaN, such as the distance between several boxes, as null.
      for (const entry of entries) if (entry?.[number] === null) entry[number] = NaN;
      const isThere = entries.every((entry) => typeof entry?.[number] === "number");
      if (!isThere) throw new TypeError(`expected a number as ${number}`);
    }
  }
}

/** Checks the fields that summaries use; throws a `TypeError` for the first invalid field. */
function asResult(value: unknown): SampleResult {
  const result = value as Record<string, unknown> | null;
  const isText = (name: string) => typeof result?.[name] === "string";
  const isTextOrNone = (name: string) => result?.[name] === undefined || isText(name);
  if (!isText("id") || !isTextOrNone("category") || !isTextOrNone("setting")) {
    throw new TypeError("expected an id");
  }
  const { status, index } = result!;
  if (index !== undefined && !(Number.isSafeInteger(index) && index as number >= 0)) {
    throw new TypeError("expected a whole number as index");
  }
  if (status === "scored") {
    if (result!.predicted !== undefined) {
      // Predicted boxes have no contrast and no ROC, and JSON stores their NaN as null.
      for (const score of SCORES) if (score !== "miou") result![score] ??= NaN;
    }
    for (const score of SCORES) {
      if (typeof result![score] !== "number") throw new TypeError(`expected a number as ${score}`);
    }
    requireProtocols(result!.protocols ?? {});
  } else if (status === "grounded") {
    requireProtocols(result!.protocols ?? {});
  } else if (status === "skipped" || status === "failed") {
    if (!isText("reason") || !isText("stage")) throw new TypeError("expected stage and reason");
  } else {
    throw new TypeError("expected a status");
  }
  return value as SampleResult;
}
