// @ts-check
/// <reference lib="dom" />

import { present } from "./dom.js";

/**
 * @typedef {object} Display
 * @property {number} opacity of the hottest pixel, 0..1
 * @property {number | undefined} threshold 0..1; undefined for the mask as scored
 * @property {boolean} boxes
 * @property {boolean} outline
 */

/** @typedef {readonly [red: number, green: number, blue: number]} Colour */

/**
 * @typedef {object} Style
 * @property {readonly Colour[]} colours by level 0..255
 * @property {Colour} outline
 * @property {Colour} box
 * @property {number} dimmed factor of the brightness outside the heatmap, 0..1
 */

/** @type {Colour} */
const BLACK = [0, 0, 0];

/**
 * Draws an X-ray with its heatmap, the outline of the mask and the ground truth.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {import("./pictures.js").Xray} xray
 * @param {import("./pictures.js").Heatmap | undefined} heatmap
 * @param {Pick<import("./rows.js").Row, "boxes" | "predicted">} row boxes in pixels of the original
 * @param {readonly (readonly number[])[]} truth outline of the ground truth, as of `truthOf`
 * @param {Display} display
 * @param {Style} style
 * @param {number} longer side of the canvas in pixels
 */
export function drawSample(canvas, xray, heatmap, row, truth, display, style, longer) {
  const scale = longer / Math.max(xray.width, xray.height);
  const width = canvas.width = Math.max(1, Math.round(xray.width * scale));
  const height = canvas.height = Math.max(1, Math.round(xray.height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  context.imageSmoothingQuality = "high";
  context.drawImage(xray.image, 0, 0, width, height);
  if (heatmap) {
    const pixels = context.getImageData(0, 0, width, height);
    const heat = heatOf(heatmap, width, height, scale, display.threshold);
    lay(pixels.data, heat, display.opacity, style);
    if (display.outline) outline(pixels.data, heat, width, height, style.outline);
    context.putImageData(pixels, 0, 0);
  }
  const thick = Math.max(2, Math.round(longer / 220));
  /** @type {(path: Path2D, colour: Colour, dash: number[]) => void} */
  const frame = (path, colour, dash) => {
    /** @type {[string, number, number[]][]} */
    // The dark edge keeps colours visible on bright bone; dashes help colour-blind readers.
    const strokes = [["rgb(0 0 0 / 65%)", thick + 2, []], [`rgb(${colour})`, thick, dash]];
    for (const [stroke, line, pattern] of strokes) {
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.setLineDash(pattern);
      context.stroke(path);
    }
  };
  if (display.outline) {
    for (const box of row.predicted ?? []) frame(boxPath(box, scale), style.outline, []);
  }
  if (!display.boxes) return;
  const dash = [4 * thick, 2 * thick];
  for (const box of row.boxes) frame(boxPath(box, scale), style.box, dash);
  if (truth.length > 0) frame(ringPath(truth, scale), style.box, dash);
}

/**
 * @param {import("../_rows.ts").PageRow["boxes"][number]} box in pixels of the original
 * @param {number} scale
 */
function boxPath([x, y, w, h], scale) {
  const path = new Path2D();
  path.rect(x * scale, y * scale, w * scale, h * scale);
  return path;
}

/**
 * @param {readonly (readonly number[])[]} rings in pixels of the original
 * @param {number} scale
 */
function ringPath(rings, scale) {
  const path = new Path2D();
  for (const ring of rings) {
    for (let at = 0; at < ring.length; at += 2) {
      const [x, y] = [present(ring[at]) * scale, present(ring[at + 1]) * scale];
      if (at === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  }
  return path;
}

/**
 * Samples the heatmap at each pixel: 0..255 in the mask, -1 outside the mask, -2 outside the
 * heatmap.
 *
 * @param {import("./pictures.js").Heatmap} heatmap
 * @param {number} width
 * @param {number} height
 * @param {number} scale
 * @param {number | undefined} threshold
 */
function heatOf(heatmap, width, height, scale, threshold) {
  const { levels, mask, side, size, stride } = heatmap;
  const heat = new Float32Array(width * height).fill(-2);
  /** @type {(start: number, count: number, length: number) => { u: number, low: number, high: number, share: number }[]} */
  const axis = (start, count, length) =>
    Array.from({ length: count }, (_, i) => {
      const u = ((i + 0.5) / scale - start) / length;
      const at = Math.max(0, Math.min(side - 1, u * side - 0.5));
      const low = Math.floor(at);
      return { u, low, high: Math.min(side - 1, low + 1), share: at - low };
    });
  const columns = axis(heatmap.x, width, heatmap.span);
  const rows = axis(heatmap.y, height, heatmap.down);
  for (let row = 0; row < height; row++) {
    const { u: v, low: top, high: bottom, share: down } = present(rows[row]);
    if (v < 0 || v >= 1) continue;
    const bits = Math.floor(v * size) * stride;
    for (let column = 0; column < width; column++) {
      const { u, low, high, share } = present(columns[column]);
      if (u < 0 || u >= 1) continue;
      const upper = present(levels[top * side + low]) * (1 - share) +
        present(levels[top * side + high]) * share;
      const lower = present(levels[bottom * side + low]) * (1 - share) +
        present(levels[bottom * side + high]) * share;
      const level = upper * (1 - down) + lower * down;
      const at = Math.floor(u * size);
      const isIn = threshold === undefined
        ? (present(mask[bits + (at >> 3)]) >> (at & 7) & 1) === 1
        : level > 255 * threshold;
      heat[row * width + column] = isIn ? level : -1;
    }
  }
  return heat;
}

/**
 * @param {Uint8ClampedArray} data
 * @param {Float32Array} heat
 * @param {number} most
 * @param {Style} style
 */
function lay(data, heat, most, { colours, dimmed }) {
  for (let i = 0; i < heat.length; i++) {
    const level = present(heat[i]);
    if (level === -1) continue;
    const colour = level < 0 ? BLACK : present(colours[Math.round(level)]);
    const opacity = level < 0 ? 1 - dimmed : most * Math.sqrt(level / 255);
    for (let part = 0; part < 3; part++) {
      data[4 * i + part] = present(data[4 * i + part]) * (1 - opacity) +
        present(colour[part]) * opacity;
    }
  }
}

/**
 * @param {Uint8ClampedArray} data
 * @param {Float32Array} heat
 * @param {number} width
 * @param {number} height
 * @param {Colour} colour
 */
function outline(data, heat, width, height, colour) {
  const reach = Math.max(1, Math.round(Math.max(width, height) / 420));
  /** @type {(x: number, y: number) => boolean} */
  const isMask = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && present(heat[y * width + x]) >= 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isEdge = isMask(x, y) &&
        !(isMask(x - reach, y) && isMask(x + reach, y) && isMask(x, y - reach) &&
          isMask(x, y + reach));
      if (isEdge) data.set(colour, 4 * (y * width + x));
    }
  }
}
