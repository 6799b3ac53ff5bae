/**
 * Reads `results.jsonl`, the lines that runs append their results to.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import { openIfThere } from "../base/open_if_there.ts";
import { printable } from "../base/text.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { type ProtocolName, PROTOCOLS } from "../scoring/protocols.ts";
import { SCORES } from "../scoring/score_heatmap.ts";

/** One line of `results.jsonl`. */
export interface ResultLine {
  /** The line itself, without its end. */
  readonly text: string;
  /** What it says. */
  readonly result: SampleResult;
  /** Bytes of the file up to its end. */
  readonly end: number;
}

/** How {@linkcode readResults} takes what is damaged. */
export interface ReadResultsOptions {
  /**
   * Makes a line with zeros the end of the file, whatever follows, and is told of it in a
   * sentence: a run that goes on makes the lines after it again. Without it such a line is an
   * error where a whole line follows.
   *
   * @default {undefined}
   */
  readonly onHole?: (notice: string) => void;
}

/** What ends each line. */
const NEWLINE = 10;

/** Longest line, in bytes, that is taken for one. */
const MAX_LINE = 2 ** 24;

/**
 * Reads results line by line. Lines at the end that are no results are left out, and so is a
 * last line without an end: a kill or a power cut leaves them.
 *
 * @param path The file; none reads as an empty one.
 * @param options What a line with zeros is taken for.
 * @throws {SyntaxError} If a line is not the result of a sample, and a later one is.
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
 * Reads the lines of one sample after another. A last sample that lacks a variant's
 * result, as a run that was killed leaves it, is left out.
 *
 * @param path The file; none reads as an empty one.
 * @param variants How many results a sample has that did not fall out as a whole.
 * @param options What a line with zeros is taken for.
 * @throws {SyntaxError} If a line is not the result of a sample, and a later one is.
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
    // One line stands for all variants where the sample fell out as a whole.
    if (line.result.setting === undefined || sample.length === variants) yield sample;
  }
}

/** Lines of a file that have an end, without it. */
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
    // Zeros are no line, however many of them a file system has put there.
    if (kept.length > MAX_LINE && kept.includes(0)) {
      yield kept;
      kept = new Uint8Array();
    }
    if (kept.length > MAX_LINE) {
      throw new SyntaxError(`Cannot read "${path}": a line is longer than ${MAX_LINE} bytes`);
    }
  }
}

/** Checks the numbers of further protocols. */
function requireProtocols(protocols: unknown): void {
  for (const [name, entries] of Object.entries(protocols as object)) {
    if (!Object.hasOwn(PROTOCOLS, name) || !Array.isArray(entries)) {
      throw new TypeError("expected lists by protocol");
    }
    for (const number of PROTOCOLS[name as ProtocolName]) {
      const isThere = entries.every((entry) => typeof entry?.[number] === "number");
      if (!isThere) throw new TypeError(`expected a number as ${number}`);
    }
  }
}

/** Checks what a summary relies on. */
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
      // Boxes have no contrast and no ROC; JSON has no NaN.
      for (const score of SCORES) if (score !== "miou") result![score] ??= NaN;
    }
    for (const score of SCORES) {
      if (typeof result![score] !== "number") throw new TypeError(`expected a number as ${score}`);
    }
    requireProtocols(result!.protocols ?? {});
  } else if (status === "skipped" || status === "failed") {
    if (!isText("reason") || !isText("stage")) throw new TypeError("expected stage and reason");
  } else if (status !== "grounded") {
    throw new TypeError("expected a status");
  }
  return value as SampleResult;
}
