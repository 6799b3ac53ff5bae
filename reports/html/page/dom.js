// @ts-check
/// <reference lib="dom" />

/**
 * A value that is surely there, such as one within the bounds of a list.
 *
 * @template T
 * @param {T | undefined} value
 * @returns {T}
 */
export function sure(value) {
  return /** @type {T} */ (value);
}

/**
 * An element that the page surely has.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export function part(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/**
 * An element with attributes, text and children; nothing is taken for markup.
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
