// @ts-check
/// <reference lib="dom" />

/**
 * Drops `undefined` from the type of a value that is never undefined, such as an entry of a list.
 *
 * @template T
 * @param {T | undefined} value
 * @returns {T}
 */
export function present(value) {
  return /** @type {T} */ (value);
}

/**
 * Returns an element of the page's template by its id.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export function part(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/**
 * Makes an element with attributes, text and children; markup in a text is not interpreted.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...(string | Node)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
