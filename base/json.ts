import { printable } from "./text.ts";

/** An object of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A value of JSON is an object if it is neither a list, null nor a plain value. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members of an object that have a value: not undefined, empty, 0 or false. */
export function given<T extends object>(
  values: T,
): { readonly [K in keyof T]?: Exclude<T[K], undefined | null | false | ""> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as T;
}

/**
 * Parses JSON.
 *
 * @param text The JSON.
 * @param where The file in words for the error, such as `tokenizer.json` or a quoted path.
 * @throws {SyntaxError} If the text is not valid JSON.
 */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = printable((error as Error).message);
    throw new SyntaxError(`Cannot read ${where}: it is not valid JSON (${reason})`);
  }
}
