/// <reference lib="dom" />
/**
 * Finds, makes and fills elements of the page.
 *
 * @module
 */

/**
 * Finds an element by its id.
 *
 * @throws {Error} If the page has no element of this id and kind.
 */
export function part<T extends Element>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`Cannot show the page: it has no "${id}"`);
}

/** Makes an element with a text, which the browser never parses as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text = "",
  properties: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(text);
  return element;
}

/** Shows a message to the user; `undefined` hides the message. */
export function say(message: string | undefined): void {
  const place = part("message", HTMLElement);
  place.hidden = message === undefined;
  place.textContent = message ?? "";
}
