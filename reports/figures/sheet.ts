import { escape } from "@std/html/entities";
import type { Box, Size } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { printable } from "../../base/text.ts";
import { OUTLINE } from "./heat_colors.ts";

/** One X-ray of a sheet. */
export interface Panel {
  readonly phrase: string;
  /** Scores of the sample, in one line. */
  readonly scores: string;
  /** Class and id of the sample. */
  readonly name: string;
  /** The X-ray with the heatmap over it, as a PNG file of any size. */
  readonly overlay: Uint8Array;
  /** Size of the X-ray in pixels. */
  readonly image: Size;
  /** Ground truth in pixels of the X-ray. */
  readonly boxes: readonly Box[];
  /**
   * Outline of the ground truth in pixels of the X-ray, if masks state it.
   *
   * @default {None}
   */
  readonly outline?: readonly Ring[];
  /** Predicted boxes in pixels of the X-ray; left out if the panel has a heatmap. */
  readonly predicted?: readonly Box[];
  /** Confidence of each predicted box; left out if the method states none. */
  readonly confidence?: readonly number[];
}

/** Panels per row. */
const COLUMNS = 4;

/** Longer side of a panel's X-ray, and space around panels, in pixels. */
export const PANEL_SIDE = 260;
const GAP = 20;

/** Height of a line of text in pixels, most characters of a line, and most lines of a phrase. */
const LINE = 15;
const CHARACTERS = 40;
const LINES = 3;

/** Height of the heading with the key, of a panel's scores with its phrase, and of a row. */
const TOP = 64;
const CAPTION = (1 + LINES) * LINE + 4;
const ROW = CAPTION + PANEL_SIDE + LINE + GAP;

/** Most characters of a tooltip. */
const MAX_TEXT = 2000;

const BOX = "#00e640";

const KEY = "Green: ground truth. Light blue: outline of the mask. Warm colours: heatmap. " +
  "Dimmed: outside the model's square.";

const BOTH_KEY = "Green: ground truth. Light blue: predicted boxes, or outline of the mask. " +
  "Warm colours: heatmap. Dimmed: outside the model's square.";

const BOX_KEY = "Green: ground truth. Light blue: predicted boxes.";

/**
 * Draws a sheet of panels.
 *
 * @param panels The X-rays, row by row; a place may be empty.
 * @param labels Labels of the columns; by default the panels have four columns without a label.
 * @param key Sentence about the colours; by default it suits panels with ground truth.
 * @returns An SVG document that contains all pictures.
 */
export function drawSheet(
  heading: string,
  panels: readonly (Panel | undefined)[],
  labels: readonly string[] = [],
  key?: string,
): string {
  const columns = labels.length || COLUMNS;
  const width = GAP + Math.max(3, Math.min(columns, panels.length)) * (PANEL_SIDE + GAP);
  const top = TOP + (labels.length > 0 ? GAP : 0);
  const height = top + Math.ceil(panels.length / columns) * ROW;
  const left = (i: number) => GAP + i % columns * (PANEL_SIDE + GAP);
  const placed = panels.map((panel, i) => {
    const y = top + Math.floor(i / columns) * ROW;
    return panel ? `<g transform="translate(${left(i)} ${y})">${drawPanel(panel)}</g>\n` : "";
  });
  const named = labels.map((label, i) =>
    `<text x="${left(i) + PANEL_SIDE / 2}" y="${TOP + LINE}" text-anchor="middle" ` +
    `font-size="14" font-weight="bold">${safe(label)}</text>\n`
  );
  const kinds = new Set(
    panels.flatMap((panel) => panel ? [panel.predicted ? "boxes" : "map"] : []),
  );
  const title = safe(heading);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}" ` +
    'font-family="sans-serif" font-size="12" fill="#222222">\n' +
    '<rect width="100%" height="100%" fill="white"/>\n' +
    `<text x="${GAP}" y="28" font-size="16" font-weight="bold">${title}</text>\n` +
    `<text x="${GAP}" y="48" fill="#555555">${
      safe(key ?? (kinds.size > 1 ? BOTH_KEY : kinds.has("boxes") ? BOX_KEY : KEY))
    }</text>\n` +
    named.join("") +
    `${placed.join("")}</svg>\n`;
}

function drawPanel(panel: Panel): string {
  const { phrase, scores, name, overlay, image, boxes, outline } = panel;
  const { predicted = [], confidence } = panel;
  const scale = PANEL_SIDE / Math.max(image.width, image.height);
  const [width, height] = [scale * image.width, scale * image.height];
  const left = (PANEL_SIDE - width) / 2;
  const middle = `x="${PANEL_SIDE / 2}" text-anchor="middle"`;
  const lines = wrap(phrase).map((line, i) =>
    `<text ${middle} y="${(2 + i) * LINE - 3}">${safe(line)}</text>`
  );
  const frame = (box: Box, color: string) => {
    const [x, y, w, h] = box.map((value) => (value * scale).toFixed(2));
    return stroke(`rect x="${x}" y="${y}" width="${w}" height="${h}"`, color);
  };
  const truth = outline ? `path d="${pathOf(outline, scale)}" stroke-linejoin="round"` : undefined;
  const rects = [
    ...boxes.map((box) => frame(box, BOX)),
    ...(truth ? [stroke(truth, BOX)] : []),
    ...predicted.map((box) => frame(box, `rgb(${OUTLINE.join()})`)),
    ...predicted.map(([x, y], i) =>
      confidence?.[i] === undefined
        ? ""
        : `<text x="${(x * scale + 4).toFixed(2)}" y="${(y * scale + LINE).toFixed(2)}" ` +
          'fill="white" stroke="black" stroke-width="3" paint-order="stroke">' +
          `${confidence[i].toFixed(2)}</text>`
    ),
  ];
  return `<title>${safe(phrase, MAX_TEXT)}</title>` +
    `<text ${middle} y="${LINE - 3}" font-weight="bold">${safe(scores)}</text>${lines.join("")}` +
    `<svg x="${left.toFixed(2)}" y="${CAPTION}" width="${width.toFixed(2)}" ` +
    `height="${height.toFixed(2)}">` +
    `<image width="100%" height="100%" href="data:image/png;base64,${overlay.toBase64()}"/>` +
    `${rects.join("")}</svg>` +
    `<text ${middle} y="${(CAPTION + height + LINE - 2).toFixed(2)}" ` +
    `font-size="10" fill="#555555">${safe(shorten(name))}</text>`;
}

/** Draws an element's line in a colour; the dark edge keeps the colour visible on bright bone. */
function stroke(element: string, color: string): string {
  return `<${element} fill="none" stroke="black" stroke-opacity="0.6" stroke-width="4"/>` +
    `<${element} fill="none" stroke="${color}" stroke-width="2"/>`;
}

/** Formats rings as the data of an SVG path. */
function pathOf(rings: readonly Ring[], scale: number): string {
  return rings.map((ring) => {
    const numbers = ring.map((value) => (value * scale).toFixed(2));
    const corners = Array.from(
      { length: numbers.length / 2 },
      (_, i) => `${numbers[2 * i]} ${numbers[2 * i + 1]}`,
    );
    return `M${corners.join("L")}Z`;
  }).join("");
}

/** Breaks a phrase into lines; an ellipsis replaces the lines after the third. */
function wrap(phrase: string): string[] {
  const pattern = new RegExp(`.{1,${CHARACTERS}}(?:\\s+|$)|.{1,${CHARACTERS}}`, "gu");
  const lines = [...phrase.replace(/\s+/g, " ").matchAll(pattern)].map(([line]) => line.trim());
  return lines.length <= LINES ? lines : [...lines.slice(0, LINES - 1), `${lines[LINES - 1]} …`];
}

/**
 * Shortens a name to its class and the end of its id, since ids often begin alike. The small font
 * fits more characters.
 */
function shorten(name: string): string {
  const most = CHARACTERS + 6;
  if (name.length <= most) return name;
  const [, category = ""] = /^(.{0,28}).*? · /.exec(name) ?? [];
  const begin = category && `${category} · `;
  return `${begin}…${name.slice(begin.length + 1 - most)}`;
}

/** Escapes a text from a file for XML. */
function safe(text: string, length?: number): string {
  return escape(printable(text, length));
}
