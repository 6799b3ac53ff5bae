/// <reference lib="dom" />
/**
 * The page's elements, by their ids.
 *
 * @module
 */

/**
 * The element of an id.
 *
 * @throws {Error} If there is none of that kind: the page is another.
 */
export function part<T extends Element>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`Cannot show the page: it has no "${id}"`);
}

/** Makes an element with text in it, which is never read as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text = "",
  properties: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(text);
  return element;
}

/** Shows a sentence on what went wrong, or takes it away. */
export function say(message: string | undefined): void {
  const place = part("message", HTMLElement);
  place.hidden = message === undefined;
  place.textContent = message ?? "";
}
