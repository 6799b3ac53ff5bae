/**
 * Heatmaps side by side, as in the paper's Figure 3.
 *
 * @module
 */

import { escape } from "@std/html/entities";
import type { Box, Size } from "../../base/geometry.ts";
import { printable } from "../../base/text.ts";

/** One X-ray of a sheet. */
export interface Panel {
  /** The phrase. */
  readonly phrase: string;
  /** Its scores, in one line. */
  readonly scores: string;
  /** What names the sample: its class and id. */
  readonly name: string;
  /** The X-ray with the heatmap over it, a PNG file of whatever size. */
  readonly overlay: Uint8Array;
  /** Size of the X-ray in pixels. */
  readonly image: Size;
  /** Ground truth in pixels of the X-ray. */
  readonly boxes: readonly Box[];
}

/** Panels of one row. */
const COLUMNS = 4;

/** Width and height that a panel's X-ray is fitted into, and space around panels. */
export const PANEL_SIDE = 260;
const GAP = 20;

/** Height of a line of text, the characters that surely fit in one, and most lines of a phrase. */
const LINE = 15;
const CHARACTERS = 40;
const LINES = 3;

/** Above the panels the heading, its explanation; above a picture its scores and its phrase. */
const TOP = 64;
const CAPTION = (1 + LINES) * LINE + 4;
const ROW = CAPTION + PANEL_SIDE + LINE + GAP;

/** Characters of a tooltip. */
const MAX_TEXT = 2000;

const BOX = "#00e640";

const KEY = "Green: ground truth. Light blue: outline of the mask. Warm colours: heatmap. " +
  "Dimmed: outside the model's square.";

/**
 * Draws a sheet of panels.
 *
 * @param heading What they are.
 * @returns An SVG document with all pictures in it.
 */
export function drawSheet(heading: string, panels: readonly Panel[]): string {
  const columns = Math.max(3, Math.min(COLUMNS, panels.length));
  const width = GAP + columns * (PANEL_SIDE + GAP);
  const height = TOP + Math.ceil(panels.length / COLUMNS) * ROW;
  const placed = panels.map((panel, i) => {
    const x = GAP + i % COLUMNS * (PANEL_SIDE + GAP);
    const y = TOP + Math.floor(i / COLUMNS) * ROW;
    return `<g transform="translate(${x} ${y})">${drawPanel(panel)}</g>\n`;
  });
  const title = safe(heading);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}" ` +
    'font-family="sans-serif" font-size="12" fill="#222222">\n' +
    '<rect width="100%" height="100%" fill="white"/>\n' +
    `<text x="${GAP}" y="28" font-size="16" font-weight="bold">${title}</text>\n` +
    `<text x="${GAP}" y="48" fill="#555555">${safe(KEY)}</text>\n` +
    `${placed.join("")}</svg>\n`;
}

function drawPanel({ phrase, scores, name, overlay, image, boxes }: Panel): string {
  const scale = PANEL_SIDE / Math.max(image.width, image.height);
  const [width, height] = [scale * image.width, scale * image.height];
  const left = (PANEL_SIDE - width) / 2;
  const middle = `x="${PANEL_SIDE / 2}" text-anchor="middle"`;
  const lines = wrap(phrase).map((line, i) =>
    `<text ${middle} y="${(2 + i) * LINE - 3}">${safe(line)}</text>`
  );
  const rects = boxes.map((box) => {
    const [x, y, w, h] = box.map((value) => (value * scale).toFixed(2));
    const at = `x="${x}" y="${y}" width="${w}" height="${h}" fill="none"`;
    // A dark edge, since green alone is lost on bright bone.
    return `<rect ${at} stroke="black" stroke-opacity="0.6" stroke-width="4"/>` +
      `<rect ${at} stroke="${BOX}" stroke-width="2"/>`;
  });
  return `<title>${safe(phrase, MAX_TEXT)}</title>` +
    `<text ${middle} y="${LINE - 3}" font-weight="bold">${safe(scores)}</text>${lines.join("")}` +
    `<svg x="${left.toFixed(2)}" y="${CAPTION}" width="${width.toFixed(2)}" ` +
    `height="${height.toFixed(2)}">` +
    `<image width="100%" height="100%" href="data:image/png;base64,${overlay.toBase64()}"/>` +
    `${rects.join("")}</svg>` +
    `<text ${middle} y="${(CAPTION + height + LINE - 2).toFixed(2)}" ` +
    `font-size="10" fill="#555555">${safe(shorten(name))}</text>`;
}

/** The lines that a phrase is written in. */
function wrap(phrase: string): string[] {
  const pattern = new RegExp(`.{1,${CHARACTERS}}(?:\\s+|$)|.{1,${CHARACTERS}}`, "gu");
  const lines = [...phrase.replace(/\s+/g, " ").matchAll(pattern)].map(([line]) => line.trim());
  return lines.length <= LINES ? lines : [...lines.slice(0, LINES - 1), `${lines[LINES - 1]} …`];
}

/** A name by its end, which tells it from its neighbours; it is written smaller than a phrase. */
function shorten(name: string): string {
  const most = CHARACTERS + 6;
  return name.length > most ? `…${name.slice(1 - most)}` : name;
}

/** Text that came out of a file, for an XML document. */
function safe(text: string, length?: number): string {
  return escape(printable(text, length));
}
