const MAX_QUOTED_LENGTH = 160;

// What JSON leaves as it is, and what can hide or reorder the rest of a line.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/**
 * Text that came out of a file, for a one-line message.
 *
 * @param text Any text.
 * @param length Most characters of it.
 * @returns The text with what cannot be printed escaped, cut where it is long.
 */
export function printable(text: string, length = MAX_QUOTED_LENGTH): string {
  const escaped = text.slice(0, length + 1).replace(
    UNPRINTABLE,
    (character) => "\\u" + character.codePointAt(0)!.toString(16).padStart(4, "0"),
  );
  return escaped.length > length ? escaped.slice(0, length) + "…" : escaped;
}

/**
 * Any value that came out of a JSON file, for a one-line message.
 *
 * @param value The value.
 * @returns It as JSON, cut where it is long.
 */
export function show(value: unknown): string {
  try {
    return printable(JSON.stringify(value) ?? "nothing");
  } catch {
    // A stringifier has a stack of its own to run out of.
    return "a value that is nested too deeply";
  }
}

/**
 * Quotes text that came out of a file, so that it can stand in a one-line message.
 *
 * Control and direction-changing characters are escaped (a tensor's name must not be able to drive
 * the terminal) and long text is cut.
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
