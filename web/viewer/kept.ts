/// <reference lib="dom" />
/**
 * What the browser keeps for the page, unless the user has it keep nothing.
 *
 * @module
 */

/** For how long: until the tab closes, or for good. */
export type Keeper = "sessionStorage" | "localStorage";

/**
 * Keeps a value.
 *
 * @returns Whether the browser does.
 */
export function keep(where: Keeper, key: string, value: string): boolean {
  try {
    globalThis[where].setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/** A value that was kept; `null` where there is none. */
export function recall(where: Keeper, key: string): string | null {
  try {
    return globalThis[where].getItem(key);
  } catch {
    return null;
  }
}
