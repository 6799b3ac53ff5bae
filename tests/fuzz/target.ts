/**
 * Fuzz targets, and the promises that every reader must keep.
 *
 * @module
 */

import { isInputError } from "../../base/errors.ts";
import { UsageError } from "../../base/options.ts";
import type { Random } from "../../base/random.ts";

/** One reader, and the maker of its inputs. */
export interface Target {
  /** Name of the target, such as `pickle`. */
  readonly name: string;
  /** Number of inputs in proportion to the other targets. */
  readonly share: number;
  /** Makes an input; the same random numbers give the same input. */
  readonly make: (random: Random) => Uint8Array | Promise<Uint8Array>;
  /**
   * Reads an input as the product does.
   *
   * @param bytes The input.
   * @param folder The target's own folder, empty at first.
   * @throws A typed error that names the file, or {@linkcode Broken} if a promise was broken.
   */
  readonly read: (bytes: Uint8Array, folder: string) => Promise<unknown>;
  /** The input belongs to a sample; its reader may throw only errors about input. */
  readonly isOfSample?: true;
  /** Text of the error, if the reader must refuse every input. */
  readonly refusal?: RegExp;
}

/** A reader broke a promise that holds for every input. */
export class Broken extends Error {
  override name = "Broken";
}

/** Highest number of characters in a message. */
const MAX_MESSAGE = 1000;

/** Messages of the language or a library that reveal a mistake in our code. */
const INTERNAL =
  /Cannot (read|set) propert|is not (a function|iterable|a constructor|defined)|Cannot (convert|mix|destructure)|\bInvalid (array|string|typed array|count|time)|Maximum call stack|allocation failed|outside the bounds|out of (bounds|memory)|Reduce of empty|unreachable|offset is out|BigInt|os error/;

/**
 * Checks that a message has a bounded length and can be printed unchanged.
 *
 * @throws {Broken} If the message is too long, empty, unprintable or internal.
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

/** Classes of errors that may describe a fault of a model or a run. */
const TYPED = [RangeError, SyntaxError, UsageError, ...Object.values(Deno.errors)];

/**
 * Checks that an error is typed and that its message is a sentence that names the file.
 *
 * @param error The thrown value.
 * @param names Texts of which the message must contain at least one.
 * @param isOfSample The error must be about input.
 * @returns Name of the error's class.
 * @throws {Broken} If a check fails.
 */
export function requireTyped(
  error: unknown,
  names: readonly string[],
  isOfSample = false,
): string {
  if (error instanceof Broken) throw error;
  if (!(error instanceof Error)) throw new Broken(`an error is not typed: ${describe(error)}`);
  try {
    requireSentence(error.message);
  } catch (broken) {
    throw new Broken(`${(broken as Error).message}, from ${describe(error)}`);
  }
  const isTyped = !isOfSample && TYPED.some((type) => error.constructor === type) ||
    isInputError(error);
  if (!isTyped) throw new Broken(`an error is not typed: ${describe(error)}`);
  if (!names.some((name) => error.message.includes(name))) {
    throw new Broken(`a message does not name the file: ${error.message}`);
  }
  return error.name;
}

/** Describes an error and its two innermost stack frames on one line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = error.stack?.match(/\n +at .*/g)?.slice(0, 2) ?? [];
  return `${error.constructor.name}: ${error.message.slice(0, 200)}${places.join("")}`
    .replace(/\s+/g, " ");
}
