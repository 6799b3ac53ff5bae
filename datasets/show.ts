/**
 * A value for a message: what cannot be printed is escaped, and what is long cut.
 *
 * @param value Anything that a file may hold.
 * @param length Most characters of it.
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
  // JSON has no NaN, and would say null.
  const spell = (_: string, part: unknown) => Number.isFinite(part) ? part : spellNumber(part);
  try {
    return JSON.stringify(value, spell) ?? "";
  } catch {
    // A stringifier has a stack of its own to run out of.
    return "a value that is nested too deeply";
  }
}

function spellNumber(value: unknown): unknown {
  return typeof value === "number" ? String(value) : value;
}
