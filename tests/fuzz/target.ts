/**
 * What a reader of files is fuzzed with, and what it must do with it.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";

/** One reader and the inputs that are made for it. */
export interface Target {
  /** Such as `pickle`. */
  readonly name: string;
  /** Its part of all inputs. */
  readonly share: number;
  /** Makes an input; the same for the same random numbers. */
  readonly make: (random: Random) => Uint8Array | Promise<Uint8Array>;
  /**
   * Reads an input as the product does. What it throws must be a typed error that names the file,
   * but for a {@linkcode Broken}, which says that a promise was broken.
   *
   * @param bytes The input.
   * @param folder Empty at first, and this target's own.
   */
  readonly read: (bytes: Uint8Array, folder: string) => Promise<unknown>;
  /** What an error must say, where every input must be refused. */
  readonly refusal?: RegExp;
}

/** A reader did what it must not, whatever it was given. */
export class Broken extends Error {
  override name = "Broken";
}

/** Most characters of a message. */
const MAX_MESSAGE = 1000;

/** What the language or a library says when our code has asked it for the impossible. */
const INTERNAL =
  /Cannot (read|set) propert|is not (a function|iterable|a constructor|defined)|Cannot (convert|mix|destructure)|\bInvalid (array|string|typed array|count|time)|Maximum call stack|allocation failed|outside the bounds|out of (bounds|memory)|Reduce of empty|unreachable|offset is out|BigInt|os error/;

/**
 * Checks that a message is one sentence of bounded length that can be printed as it is.
 *
 * @throws {Broken} If it is not.
 */
export function requireSentence(message: string): void {
  const short = JSON.stringify(message.slice(0, 300));
  if (message.length > MAX_MESSAGE) {
    throw new Broken(`a message has ${message.length} characters: ${short}`);
  }
  // deno-lint-ignore no-control-regex
  if (message === "" || /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/.test(message)) {
    throw new Broken(`a message cannot be printed: ${short}`);
  }
  if (INTERNAL.test(message)) throw new Broken(`a message is an internal one: ${short}`);
}

/** Classes of error that say what is wrong with a file. */
const TYPED = [TypeError, RangeError, SyntaxError, ...Object.values(Deno.errors)];

/**
 * Checks that an error is typed and is a sentence that names the file.
 *
 * @param error What was thrown.
 * @param names What the message must hold one of.
 * @returns Its class.
 * @throws {Broken} If it is not.
 */
export function requireTyped(error: unknown, names: readonly string[]): string {
  if (error instanceof Broken) throw error;
  if (!(error instanceof Error) || !TYPED.some((type) => error.constructor === type)) {
    throw new Broken(`an error is not typed: ${describe(error)}`);
  }
  try {
    requireSentence(error.message);
  } catch (broken) {
    throw new Broken(`${(broken as Error).message}, from ${describe(error)}`);
  }
  if (!names.some((name) => error.message.includes(name))) {
    throw new Broken(`a message does not name the file: ${error.message}`);
  }
  return error.name;
}

/** An error with the two innermost places that it passed, on one line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = error.stack?.match(/\n +at .*/g)?.slice(0, 2) ?? [];
  return `${error.constructor.name}: ${error.message.slice(0, 200)}${places.join("")}`
    .replace(/\s+/g, " ");
}
