/// <reference lib="dom" />
/**
 * Keeps values of the page in the browser, unless the user's settings forbid it.
 *
 * @module
 */

/** Storage: `sessionStorage` until the tab closes, `localStorage` without end. */
export type Keeper = "sessionStorage" | "localStorage";

/**
 * Keeps a value.
 *
 * @returns Whether the browser keeps the value.
 */
export function keep(where: Keeper, key: string, value: string): boolean {
  try {
    globalThis[where].setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/** Gives a kept value; `null` if there is none. */
export function recall(where: Keeper, key: string): string | null {
  try {
    return globalThis[where].getItem(key);
  } catch {
    return null;
  }
}
