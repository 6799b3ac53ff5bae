const MAX_QUOTED_LENGTH = 160;

/**
 * Quotes text that came out of a file, so that it can stand in a one-line message.
 *
 * Control and direction-changing characters are escaped (a tensor's name must not be able to drive
 * the terminal) and long text is cut.
 *
 * @param text Any text.
 * @returns The text between double quotes, at most about 160 characters of it.
 *
 * @example
 * ```ts
 * import { quote } from "./quote.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(quote("conv_in.weight"), '"conv_in.weight"');
 * assertEquals(quote("a\nb"), '"a\\nb"');
 * ```
 */
export function quote(text: string): string {
  const cut = text.length > MAX_QUOTED_LENGTH ? text.slice(0, MAX_QUOTED_LENGTH) + "…" : text;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
