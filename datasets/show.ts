/**
 * Formats a value for a message: escapes unprintable characters and cuts long text.
 *
 * @param value Any value that a file may hold.
 * @param length Maximum number of characters before the ellipsis.
 */
export function show(value: unknown, length = 80): string {
  const text = toText(value).slice(0, length + 1).replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (character) => "\\u" + character.codePointAt(0)!.toString(16).padStart(4, "0"),
  );
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function toText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  // JSON has no NaN: `JSON.stringify` would write null.
  const spell = (_: string, part: unknown) => Number.isFinite(part) ? part : spellNumber(part);
  try {
    return JSON.stringify(value, spell) ?? "";
  } catch {
    // `JSON.stringify` can overflow the stack on a value that `JSON.parse` could read.
    return "a value that is nested too deeply";
  }
}

function spellNumber(value: unknown): unknown {
  return typeof value === "number" ? String(value) : value;
}
