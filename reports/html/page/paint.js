// @ts-check
/// <reference lib="dom" />

import { drawSample } from "./draw.js";
import { make } from "./dom.js";
import { heatmapOf, truthOf, xrayOf } from "./pictures.js";

/**
 * Puts a sample's picture into a place, or the reason for a missing picture.
 *
 * @param {import("./rows.js").Row} row
 * @param {HTMLElement} place
 * @param {number} longer side of the picture in CSS pixels
 * @param {() => import("./draw.js").Display} display choices at the time of drawing
 * @param {import("./draw.js").Style} style
 */
export async function paintSample(row, place, longer, display, style) {
  const mine = place.dataset.row = String(row.n);
  const has = row.status === "scored" || row.status === "grounded";
  try {
    if (row.image === null) throw new Error("the results name no image");
    const [xray, heatmap, truth] = await Promise.all([
      xrayOf(row.image),
      has && !row.predicted ? heatmapOf(row.n).catch(() => undefined) : undefined,
      row.truth === undefined ? [] : truthOf(row.truth).catch(() => []),
    ]);
    if (place.dataset.row !== mine) return;
    const known = place.querySelector("canvas");
    const canvas = known ?? make("canvas", { role: "img" });
    const shown = heatmap ? " with heatmap" : row.predicted ? " with predicted boxes" : "";
    canvas.setAttribute("aria-label", `X-ray${shown}: ${row.phrase}`);
    const side = Math.round(longer * Math.min(2, devicePixelRatio));
    drawSample(canvas, xray, heatmap, row, truth, display(), style, side);
    if (!known) place.replaceChildren(canvas);
  } catch (error) {
    if (place.dataset.row !== mine) return;
    place.replaceChildren(make("span", {}, `No X-ray: ${/** @type {Error} */ (error).message}`));
  }
}

/**
 * Paints places when they come near the window.
 *
 * @param {(place: HTMLElement) => void} paint
 * @param {number} margin distance to the window in CSS pixels
 * @returns the observer of places, and the places near the window now
 */
export function paintNearWindow(paint, margin) {
  /** @type {Set<HTMLElement>} */
  const visible = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const place = /** @type {HTMLElement} */ (target);
      if (!isIntersecting) visible.delete(place);
      else {
        visible.add(place);
        paint(place);
      }
    }
  }, { rootMargin: `${margin}px` });
  return { visible, watcher };
}
