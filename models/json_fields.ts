import { isObject, type JsonObject } from "../base/json.ts";
import { show } from "../base/text.ts";

/** Largest number of channels, token ids or timesteps that a configuration may state. */
export const MAX_COUNT = 1_000_000;

/** Most references from one field to the next; a circle of references has no end. */
const MAX_LINKS = 16;

/**
 * Makes a test for whole numbers in a range, for {@linkcode Fields.list} and
 * {@linkcode Fields.levels}.
 */
export function isWhole(min: number, max: number): (value: unknown) => boolean {
  return (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** Reads typed fields of one JSON object; errors name the file, the field and its value. */
export class Fields {
  readonly #json: JsonObject;
  readonly #where: string;
  readonly #root: unknown;

  /**
   * @param where The object in words, for messages.
   * @param root The file of a MONAI bundle, whose references such as `@latent_channels` or
   * `$@network::channels` are followed; absent for a file without references.
   */
  constructor(value: unknown, where: string, root?: unknown) {
    if (!isObject(value)) throw new SyntaxError(`Cannot read ${where}: expected an object`);
    this.#json = value;
    this.#where = where;
    this.#root = root;
  }

  /** Returns the value of a field; references in its place, or in its list, are followed. */
  #get(key: string): unknown {
    const value = this.#follow(this.#json[key]);
    return Array.isArray(value) ? value.map((item) => this.#follow(item)) : value;
  }

  /** Follows a reference to another field of the file; other values, and dead ends, stay. */
  #follow(value: unknown): unknown {
    if (this.#root === undefined) return value;
    for (let links = 0; links < MAX_LINKS && typeof value === "string"; links++) {
      const path = /^\$?@(\w+(?:(?:::|#)\w+)*)$/.exec(value)?.[1];
      let target: unknown = this.#root;
      for (const part of path?.split(/::|#/) ?? []) {
        target = Object.hasOwn(Object(target), part) ? (target as JsonObject)[part] : undefined;
      }
      if (path === undefined || target === undefined) return value;
      value = target;
    }
    return value;
  }

  /** Throws an error that names a field, its expected value and the value found. */
  fail(key: string, expected: string): never {
    throw this.error(`"${key}" must be ${expected}, got ${show(this.#get(key))}`);
  }

  /** Makes an error that names the file. */
  error(reason: string): SyntaxError {
    return new SyntaxError(`Cannot read ${this.#where}: ${reason}`);
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined && this.#get(key) !== null;
  }

  /** Returns the value of a field as it is; undefined if the field is absent. */
  any(key: string): unknown {
    return this.#get(key);
  }

  number(key: string, fallback?: number): number {
    const value = this.has(key) ? this.#get(key) : fallback;
    return typeof value === "number" && Number.isFinite(value) ? value : this.fail(key, "a number");
  }

  /** Reads a whole number; the default range includes every honest model. */
  count(key: string, fallback?: number, { min = 1, max = MAX_COUNT } = {}): number {
    const value = this.number(key, fallback);
    return Number.isInteger(value) && value >= min && value <= max
      ? value
      : this.fail(key, `a whole number from ${min} to ${max}`);
  }

  /** Reads a list of at least one value, all valid. */
  list(key: string, isValid: (value: unknown) => boolean, expected: string): number[] {
    const value = this.#get(key);
    return Array.isArray(value) && value.length > 0 && value.every(isValid)
      ? value
      : this.fail(key, expected);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.has(key) ? this.#get(key) : fallback;
    return typeof value === "boolean" ? value : this.fail(key, "true or false");
  }

  choice<const T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const value = this.has(key) ? this.#get(key) : fallback;
    return choices.find((choice) => choice === value) ??
      this.fail(key, choices.map((choice) => `"${choice}"`).join(" or "));
  }

  text(key: string): string {
    const value = this.#get(key);
    return typeof value === "string" ? value : this.fail(key, "text");
  }

  /** Reads one entry per level, at most 16; a single value stands for all levels. */
  levels<T extends number | boolean | string>(
    key: string,
    levels: number | undefined,
    isValid: (value: unknown) => boolean,
    fallback?: T | readonly T[],
  ): T[] {
    const value = this.has(key) ? this.#get(key) : fallback;
    const list = Array.isArray(value) ? value : levels && Array(levels).fill(value);
    const expected = (Array.isArray(value) || levels === undefined ? "" : "in its range, or ") +
      `a list of ${levels ?? "one value a level"}`;
    if (!list || list.length === 0 || list.length > 16) return this.fail(key, expected);
    if (levels !== undefined && list.length !== levels) return this.fail(key, expected);
    return list.every(isValid) ? list as T[] : this.fail(key, expected);
  }

  object(key: string): Fields {
    return new Fields(this.#get(key), `"${key}" of ${this.#where}`, this.#root);
  }
}
