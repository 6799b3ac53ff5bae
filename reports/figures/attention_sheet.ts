import { escape } from "@std/html/entities";
import { interpolateInferno } from "d3-scale-chromatic";
import type { Box } from "../../base/geometry.ts";
import { printable } from "../../base/text.ts";
import type { AttentionGrid } from "../../pipeline/attention_grid.ts";
import { DEFAULT_FINISH, smoothAttention } from "../../pipeline/postprocess.ts";
import { normalize01 } from "../../shaders/aggregate_cpu.ts";
import { sampleColors } from "./heat_colors.ts";
import { encodeWithOpacity, pictureOf, renderOverlay } from "./overlay.ts";

/** Options of {@linkcode drawAttention}. */
export interface AttentionSheetOptions {
  /**
   * Timesteps of the trajectory by step, as a second label of the columns.
   *
   * @default {None}
   */
  readonly timesteps?: readonly number[];
  /**
   * Standard deviation of the Gaussian for the mean over all layers and steps, in pixels of the
   * heatmap.
   *
   * @default {2.5}
   */
  readonly sigma?: number;
  /**
   * Ground truth in pixels of the X-ray; the region of a sample's masks is drawn besides.
   *
   * @default {The boxes of the sample}
   */
  readonly boxes?: readonly Box[];
}

/** Side of a cell, space between cells, and space between cells and means, in pixels. */
const CELL = 64;
const GAP = 4;
const MEAN_GAP = 12;

/** Space around the sheet, and longer side of the X-ray, in pixels. */
const MARGIN = 20;
const XRAY = 300;

/** Top and left edge of the cells in pixels; headings and labels take the space before. */
const TOP = 100;
const LEFT = MARGIN + XRAY + MARGIN + 90;

const LINE = 15;

/** Most characters of the heading, and the width in pixels that the heading needs. */
const MAX_TEXT = 80;
const MIN_WIDTH = 900;

/** Side of a cell's picture in pixels: twice its size in the SVG, to keep sharp edges. */
const PIXELS = 2 * CELL;

/** Okabe and Ito's vermilion, which colour-blind readers can distinguish from grey. */
const MARK = "#d55e00";

const KEY = [
  "A cell is one layer's attention: mean over the",
  "phrase's tokens, scaled to 0..1 over space at each",
  "step, mean over the steps. Means over layers or",
  "steps are scaled to 0..1 again.",
];

/**
 * Draws a grid of attention maps, with the X-ray and its heatmap to the left. The grid has one row
 * per cross-attention layer, one column per group of steps, and the means of both. Marks show the
 * layers and steps that the heatmap averages.
 *
 * @example Usage
 * ```ts
 * import { drawPhantom, loadBundle } from "../../mod.ts";
 * import { readAttention } from "../../pipeline/attention_grid.ts";
 * import { drawAttention } from "./attention_sheet.ts";
 *
 * const bundle = await loadBundle("models/demo");
 * const xray = drawPhantom({ seed: 1 });
 * const [grid] = await readAttention(xray, ["left effusion"], { bundle, steps: 10 });
 * const svg = await drawAttention(grid!);
 * console.log(svg.length);
 * ```
 *
 * @param grid Attention of one phrase, by layer and group of steps.
 * @returns An SVG document that contains all pictures.
 */
export async function drawAttention(
  grid: AttentionGrid,
  { timesteps = [], sigma = DEFAULT_FINISH.sigma, boxes = grid.grounded.sample.boxes }:
    AttentionSheetOptions = {},
): Promise<string> {
  const { columns, layers, grounded: { variant, size, sample } } = grid;
  const xOf = (column: number) => LEFT + column * (CELL + GAP);
  const yOf = (row: number) => TOP + row * (CELL + GAP);
  const [meanX, meanY] = [xOf(columns.length) + MEAN_GAP, yOf(layers.length) + MEAN_GAP];
  const parts = [await drawXray(grid, boxes)];
  const put = async (map: Float32Array, side: number, x: number, y: number, title: string) =>
    void parts.push(
      `<g><title>${title}</title>${picture(await mapPng(map, side), x, y, CELL, CELL)}</g>\n`,
    );

  for (const [row, { layer, side, data }] of layers.entries()) {
    const y = yOf(row);
    const isChosen = variant.layers.includes(layer);
    if (isChosen) parts.push(bar(LEFT - 9, y, 4, CELL));
    parts.push(label([`layer ${layer}`, `${side} × ${side}`], LEFT - 14, y + CELL / 2, "end"));
    for (const [column, { start, end, layers }] of columns.entries()) {
      const title = `layer ${layer}, ${describeSteps(start, end)}`;
      await put(layers[row]!.data, side, xOf(column), y, title);
    }
    await put(normalize01(data), side, meanX, y, `layer ${layer}, mean over steps`);
  }
  parts.push(
    label(["step", "timestep"].slice(0, timesteps.length ? 2 : 1), LEFT - 14, TOP - 23, "end"),
  );
  for (const [column, { start, end, heatmap }] of columns.entries()) {
    const x = xOf(column);
    const times = timesteps.slice(start, end);
    const names = [span(start, end - 1), ...times.length ? [span(times[0]!, times.at(-1)!)] : []];
    parts.push(label(names, x + CELL / 2, TOP - 23));
    await put(heatmap, size, x, meanY, `mean over layers, ${describeSteps(start, end)}`);
  }
  /** Horizontal position of the start (`share` 0) or end (`share` 1) of a step, in pixels. */
  const edge = (step: number, share: 0 | 1) => {
    const column = columns.findIndex(({ end }) => step < end);
    const { start, end } = columns[column]!;
    return xOf(column) + (step + share - start) / (end - start) * CELL;
  };
  const [from, to] = [edge(variant.start, 0), edge(variant.end - 1, 1)];
  parts.push(bar(from, TOP - 9, to - from, 4));
  parts.push(label(["mean over", "steps"], meanX + CELL / 2, TOP - 23));
  parts.push(label(["mean over", "layers"], LEFT - 14, meanY + CELL / 2, "end"));
  const { normalised } = smoothAttention(layers, { size, sigma });
  await put(normalised, size, meanX, meanY, "mean over layers and steps");

  const width = Math.max(MIN_WIDTH, meanX + CELL + MARGIN);
  const height = Math.max(meanY + CELL, TOP + XRAY + (KEY.length + 8) * LINE) + MARGIN;
  const title = safe(`Attention for "${sample.phrase}"`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}" ` +
    'font-family="sans-serif" font-size="11" fill="#222222">\n' +
    '<rect width="100%" height="100%" fill="white"/>\n' +
    `<text x="${MARGIN}" y="28" font-size="16" font-weight="bold">${title}</text>\n` +
    `${parts.join("")}</svg>\n`;
}

/** Draws the X-ray with its heatmap, an explanation below, and the scale of colours. */
async function drawXray({ grounded }: AttentionGrid, boxes: readonly Box[]): Promise<string> {
  const { image: { gray, crop, regions }, heatmap, size, variant, sample } = grounded;
  const region = regions?.get(sample.id);
  const scale = XRAY / Math.max(gray.width, gray.height);
  const overlay = await renderOverlay({
    ...{ gray, crop, heatmap, size, boxes, maxSide: 2 * XRAY },
    ...(region && { region }),
  });
  const [width, height] = [scale * gray.width, scale * gray.height];
  const lines = [
    "Heatmap of the layers and steps marked in orange.",
    ...variant.otsu ? ["Light blue: outline of the mask."] : [],
    ...boxes.length > 0 || region ? ["Green: ground truth."] : [],
    "Dimmed: outside the model's square.",
    "",
    ...KEY,
  ];
  const stops = Array.from({ length: 18 }, (_, i) => {
    const color = interpolateInferno(15 * i / 255);
    return `<stop offset="${(i / 17).toFixed(3)}" stop-color="${color}"/>`;
  });
  const y = TOP + height + LINE * (lines.length + 1);
  return picture(overlay, MARGIN, TOP, width, height) +
    lines.map((line, i) => text(line, MARGIN, TOP + height + LINE * (i + 1) + 2)).join("") +
    `<linearGradient id="heat">${stops.join("")}</linearGradient>` +
    `<rect x="${MARGIN + 14}" y="${y.toFixed(2)}" width="120" height="10" fill="url(#heat)"/>` +
    text("0", MARGIN, y + 9) + text("1", MARGIN + 140, y + 9);
}

/** Inferno by level 0..255; its lightness grows with the level. */
const COLORS = sampleColors(interpolateInferno);

/** Draws a square map of values in 0..1 as a PNG file. */
async function mapPng(map: Float32Array, side: number): Promise<Uint8Array> {
  const image = pictureOf(PIXELS, PIXELS);
  const nearest = (pixel: number) => Math.floor((pixel + 0.5) * side / PIXELS);
  for (let y = 0; y < PIXELS; y++) {
    for (let x = 0; x < PIXELS; x++) {
      const value = map[nearest(y) * side + nearest(x)]!;
      const color = COLORS[Math.round(255 * Math.max(0, Math.min(1, value)))]!;
      image.bitmap.set([...color, 255], 4 * (y * PIXELS + x));
    }
  }
  return await encodeWithOpacity(image);
}

function describeSteps(start: number, end: number): string {
  return end - start === 1 ? `step ${start}` : `steps ${span(start, end - 1)}`;
}

function span(first: number, last: number): string {
  return first === last ? `${first}` : `${first}–${last}`;
}

function picture(png: Uint8Array, x: number, y: number, width: number, height: number): string {
  return `<image x="${x.toFixed(2)}" y="${y}" width="${width.toFixed(2)}" ` +
    `height="${height.toFixed(2)}" preserveAspectRatio="none" ` +
    `href="data:image/png;base64,${png.toBase64()}"/>`;
}

function bar(x: number, y: number, width: number, height: number): string {
  return `<rect x="${x.toFixed(2)}" y="${y}" width="${width.toFixed(2)}" height="${height}" ` +
    `fill="${MARK}"/>\n`;
}

/** Writes one or two lines of text, vertically centred at `y`. */
function label(lines: readonly string[], x: number, y: number, anchor = "middle"): string {
  const top = y - (lines.length - 1) * LINE / 2 + 4;
  return lines.map((line, i) => text(line, x, top + i * LINE, anchor)).join("") + "\n";
}

function text(content: string, x: number, y: number, anchor = "start"): string {
  return `<text x="${x}" y="${y.toFixed(2)}" text-anchor="${anchor}">${content}</text>`;
}

/** Escapes a phrase for XML. */
function safe(phrase: string): string {
  return escape(printable(phrase, MAX_TEXT));
}
