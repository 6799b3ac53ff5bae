/// <reference lib="dom" />

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

/** Finds an input by its id. */
export const input = (id: string): HTMLInputElement => part(id, HTMLInputElement);

/** Finds a list of choices by its id. */
export const select = (id: string): HTMLSelectElement => part(id, HTMLSelectElement);

/** Shows or hides an element by its id. */
export function show(id: string, isShown = true): void {
  part(id, HTMLElement).hidden = !isShown;
}

/** Replaces the text of an element. */
export function write(id: string, text: string): void {
  part(id, HTMLElement).textContent = text;
}

/** Calls a function at each click on a button. */
export function onClick(id: string, act: () => void): void {
  part(id, HTMLButtonElement).addEventListener("click", act);
}

/** Makes an element of texts, which the browser never parses as HTML, and of other elements. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  content: string | readonly (string | Node)[] = "",
  properties: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...[content].flat());
  return element;
}

/** Makes a button. */
export function makeButton(
  content: string | readonly (string | Node)[],
  act: () => void,
): HTMLButtonElement {
  const button = make("button", content, { type: "button" });
  button.addEventListener("click", act);
  return button;
}

/** Shows a message to the user; `undefined` hides the message. */
export function say(message: string | undefined): void {
  show("message", message !== undefined);
  write("message", message ?? "");
}
