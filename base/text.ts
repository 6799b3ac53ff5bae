const MAX_QUOTED_LENGTH = 160;

// Control, format and surrogate characters and line separators can hide or reorder the rest of a
// line. JSON escapes only some of them.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/**
 * Prepares text from a file for a one-line message.
 *
 * @param text Any text.
 * @param length Most characters of the result, without the ellipsis.
 * @returns The text with unprintable characters as `\u` escapes; an ellipsis marks a cut.
 */
export function printable(text: string, length = MAX_QUOTED_LENGTH): string {
  const escaped = text.slice(0, length + 1).replace(
    UNPRINTABLE,
    (character) => "\\u" + character.codePointAt(0)!.toString(16).padStart(4, "0"),
  );
  return escaped.length > length ? escaped.slice(0, length) + "…" : escaped;
}

/**
 * Prepares a value from a JSON file for a one-line message.
 *
 * @returns The value as JSON, cut after 160 characters.
 */
export function show(value: unknown): string {
  try {
    return printable(JSON.stringify(value) ?? "nothing");
  } catch {
    // `JSON.stringify` runs out of stack on deep nesting.
    return "a value that is nested too deeply";
  }
}

/**
 * Quotes text from a file for a one-line message.
 *
 * Escapes control and direction-changing characters, since a tensor's name must not control the
 * terminal. Cuts long text.
 *
 * @param text Any text.
 * @param length Most characters between the quotes.
 * @returns The text between double quotes.
 *
 * @example
 * ```ts
 * import { quote } from "./text.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(quote("conv_in.weight"), '"conv_in.weight"');
 * assertEquals(quote("a\nb"), '"a\\nb"');
 * ```
 */
export function quote(text: string, length = MAX_QUOTED_LENGTH): string {
  return `"${printable(JSON.stringify(text.slice(0, length + 1)).slice(1, -1), length)}"`;
}
