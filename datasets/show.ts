import { printable } from "../base/text.ts";

/**
 * Formats a value for a message: escapes unprintable characters and cuts long text.
 *
 * @param value Any value that a file may hold.
 * @param length Maximum number of characters before the ellipsis.
 */
export function show(value: unknown, length = 80): string {
  return printable(toText(value), length);
}

function toText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  // JSON has no NaN: `JSON.stringify` would write null.
  const spell = (_: string, part: unknown) =>
    typeof part === "number" && !Number.isFinite(part) ? String(part) : part;
  try {
    return JSON.stringify(value, spell) ?? "";
  } catch {
    // `JSON.stringify` can overflow the stack on a value that `JSON.parse` could read.
    return "a value that is nested too deeply";
  }
}
