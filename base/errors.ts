/**
 * Errors about input, and errors of this program itself.
 *
 * Only an error about input makes a sample fail. Any other error ends the run: a bug must not look
 * like a thousand bad images. An infinite number from a model counts as input: the next sample may
 * succeed.
 *
 * Each class extends a class of the language, since results have the names of the language's classes.
 *
 * @module
 */

import { printable } from "./text.ts";

/** Input that could not be read; `cause` is the error of the system. */
export class InputError extends Error {}

/** Input beyond its limits, such as a box outside its image. */
export class InputRangeError extends RangeError {}

/** Input of another kind than expected, such as a folder in place of an image. */
export class InputTypeError extends TypeError {}

/** Input that breaks the rules of its format, such as a truncated image. */
export class InputSyntaxError extends SyntaxError {}

const INPUT_ERRORS = [InputError, InputRangeError, InputTypeError, InputSyntaxError];

/**
 * An error is about input if it concerns a sample, row, image, phrase, option or model file.
 *
 * @param error The thrown value. A host's `NotFound` counts too.
 */
export function isInputError(error: unknown): error is Error {
  return INPUT_ERRORS.some((type) => error instanceof type) ||
    // Each host has a class of its own for a path where nothing exists.
    error instanceof Error && error.name === "NotFound";
}

/** A bug of this program; `cause` is the error with the stack. */
export class BugError extends Error {
  override name = "BugError";

  /**
   * @param work Work that the bug ended, as the rest of a sentence after "Cannot".
   * @param cause The error.
   */
  constructor(work: string, cause: unknown) {
    super(`Cannot ${work}: this is a bug of Groundray (${printable(String(cause))})`, { cause });
  }

  /** Wraps an error that can only come from a bug; see {@linkcode isBug}. */
  static of(error: Error): BugError {
    return error instanceof BugError ? error : new BugError("go on", error);
  }
}

/** Classes of errors by which the language itself reports a bug, and nothing else. */
const BUGS = [TypeError, ReferenceError, BugError];

/** An error is a bug if no input can cause it. */
export function isBug(error: unknown): error is Error {
  return BUGS.some((type) => error instanceof type) && !isInputError(error);
}

/** Message of an error for a user; the message about a bug calls it a bug. */
export function sentenceOf(error: unknown): string {
  if (isBug(error)) return BugError.of(error).message;
  return error instanceof Error ? error.message : String(error);
}
