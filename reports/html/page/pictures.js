// @ts-check
/// <reference lib="dom" />

import { present } from "./dom.js";

/**
 * @typedef {object} Heatmap
 * @property {Uint8Array} levels `[side, side]`, 0..255, before the threshold
 * @property {Uint8Array} mask bits of `[size, size]`, with each row padded to whole bytes
 * @property {number} side
 * @property {number} size
 * @property {number} stride bytes of a row of the mask
 * @property {number} x left edge of the crop, in pixels of the original
 * @property {number} y top edge of the crop
 * @property {number} span width of the crop
 * @property {number} down height of the crop
 */

/**
 * @typedef {object} Xray
 * @property {HTMLImageElement} image
 * @property {number} width pixels of the original
 * @property {number} height
 */

/** Resolves when the whole page is parsed: the pictures come after the script. */
const wholePage = new Promise((resolve) => {
  document.addEventListener("DOMContentLoaded", resolve, { once: true });
});

/** @type {Map<string, Promise<unknown>>} */
const kept = new Map();

/** Most X-rays and heatmaps that stay decoded. */
const MOST_KEPT = 200;

/**
 * Makes an object from an element of the page, or returns the kept object of an earlier call.
 *
 * @template T
 * @param {string} name
 * @param {(element: HTMLElement) => Promise<T>} make
 * @returns {Promise<T>}
 */
function once(name, make) {
  const known = kept.get(name);
  if (known) return /** @type {Promise<T>} */ (known);
  const made = find(name).then(make);
  kept.set(name, made);
  if (kept.size > MOST_KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
  return made;
}

/** @param {string} name */
async function find(name) {
  if (!document.getElementById(name) && document.readyState === "loading") await wholePage;
  const element = document.getElementById(name);
  if (!element) throw new Error("it is not in this page");
  if (element.dataset.missing) throw new Error(element.dataset.missing);
  return element;
}

/**
 * @param {number} number
 * @returns {Promise<Xray>}
 */
export function xrayOf(number) {
  return once(`image-${number}`, async ({ dataset, textContent }) => {
    const image = new Image();
    image.src = `data:image/jpeg;base64,${textContent}`;
    await image.decode();
    return { image, width: Number(dataset.width), height: Number(dataset.height) };
  });
}

/**
 * @param {number} number
 * @returns {Promise<Heatmap>}
 */
export function heatmapOf(number) {
  return once(`heatmap-${number}`, async ({ dataset, textContent }) => {
    const packed = Uint8Array.from(atob(textContent ?? ""), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    /** @type {(name: string) => number} */
    const number = (name) => Number(dataset[name]);
    const [side, size] = [number("side"), number("size")];
    const levels = bytes.subarray(0, side * side);
    const mask = bytes.subarray(side * side);
    const stride = Math.ceil(size / 8);
    for (let i = side; i < levels.length; i++) {
      levels[i] = present(levels[i]) + present(levels[i - side]);
    }
    for (let i = 1; i < levels.length; i++) levels[i] = present(levels[i]) + present(levels[i - 1]);
    for (let i = stride; i < mask.length; i++) {
      mask[i] = present(mask[i]) ^ present(mask[i - stride]);
    }
    return {
      levels,
      mask,
      side,
      size,
      stride,
      x: number("x"),
      y: number("y"),
      span: number("span"),
      down: dataset.down === undefined ? number("span") : number("down"),
    };
  });
}

/**
 * Outline of the ground truth: rings of `x, y` in turn, in pixels of the original.
 *
 * @param {number} number
 * @returns {Promise<readonly (readonly number[])[]>}
 */
export function truthOf(number) {
  return once(`truth-${number}`, ({ textContent }) => JSON.parse(textContent ?? "[]"));
}
