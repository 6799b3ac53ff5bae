/// <reference lib="dom" />
/**
 * Draws a picture with a caption below it, for saving.
 *
 * @module
 */

import { isWhole } from "../../base/geometry.ts";
import { nameOf } from "../../base/paths.ts";
import { captionOf, type Paragraph, wrapText } from "../../reports/figures/caption.ts";
import type { Finished, Look, Shown } from "./shown.ts";

/** Minimum width of the caption in CSS pixels, also below a narrower picture. */
const MIN_WIDTH = 360;

/** Space around the text (`MARGIN`) and between paragraphs (`GAP`), in CSS pixels. */
const MARGIN = 10;
const GAP = 5;

/** Font size (`SIZE`) and line height (`LINE`), in CSS pixels. */
const SIZE = 14;
const LINE = 19;

/** Size of the colour scale's bar in CSS pixels. */
const BAR = { width: 160, height: 12 };

/** A line of the caption; `y` is its top in CSS pixels. */
interface Line {
  readonly text: string;
  readonly kind: Paragraph["kind"];
  readonly y: number;
}

/**
 * Copies a canvas and writes a caption below the copy.
 *
 * @param picture The painted canvas.
 * @param shown The phrase that the canvas shows.
 * @param finished The phrase's heatmap, as on the canvas.
 * @param look Display settings of the canvas.
 * @param made Model and settings, in words.
 * @param side Longer side of a picture in pixels of its own; 0 for a canvas of the screen.
 */
export function captionedPicture(
  picture: HTMLCanvasElement | OffscreenCanvas,
  shown: Shown,
  finished: Finished,
  look: Look,
  made: string,
  side = 0,
): OffscreenCanvas {
  const ratio = side === 0 ? devicePixelRatio : Math.max(1, side / 1024);
  const width = Math.max(picture.width, MIN_WIDTH * ratio);
  const context = new OffscreenCanvas(1, 1).getContext("2d")!;
  const { lines, height } = layOut(captionFor(shown, finished, look, made), width / ratio, context);
  const { canvas } = context;
  [canvas.width, canvas.height] = [width, picture.height + Math.ceil(height * ratio)];
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, picture.height);
  for (const { text, kind, y } of lines) {
    context.font = fontOf(kind);
    context.fillStyle = kind === "note" ? "#9b1c1c" : "#222222";
    context.fillText(text, kind === "scale" ? MARGIN + BAR.width + 8 : MARGIN, y + SIZE);
    if (kind !== "scale") continue;
    look.colors.forEach((color, level) => {
      context.fillStyle = `rgb(${color.join(" ")})`;
      const step = BAR.width / look.colors.length;
      // Draw each step too wide, so that no gap shows before the next step.
      const wide = Math.min(2 * step, BAR.width - level * step);
      context.fillRect(MARGIN + level * step, y + 4, wide, BAR.height);
    });
  }
  return canvas;
}

function captionFor(
  shown: Shown,
  { threshold, isOtsu }: Finished,
  look: Look,
  made: string,
): Paragraph[] {
  const { title, phrase = title, image, facts, crop, original, boxes, outline } = shown;
  const notes = [...shown.notes, "Research only. Not for clinical use."];
  const key = [
    ...(title === phrase ? [] : [`Shown: ${title}.`]),
    ...(facts ? [`${facts}.`] : []),
    ...(look.outline ? ["Light blue: outline of the mask."] : []),
    ...(look.box ? ["Dashed: boxes around its parts, with their mean heat."] : []),
    ...(look.truth && (boxes.length > 0 || outline) ? ["Green: ground truth."] : []),
    ...(isWhole(crop, original) ? [] : ["Dimmed: outside the model's square."]),
    `Size: ${original.width} x ${original.height} pixels.`,
    ...(made ? [`Made with ${made}.`] : []),
  ];
  // The caption leaves out the X-ray's folders, which may contain a patient's name.
  return captionOf({ phrase, image: nameOf(image), threshold, isOtsu, key, notes });
}

function layOut(
  paragraphs: readonly Paragraph[],
  width: number,
  context: OffscreenCanvasRenderingContext2D,
): { lines: Line[]; height: number } {
  const lines: Line[] = [];
  let y = MARGIN;
  for (const { kind, text, mostLines } of paragraphs) {
    context.font = fontOf(kind);
    const measure = (text: string) => context.measureText(text).width;
    for (const line of wrapText(text, width - 2 * MARGIN, measure, mostLines)) {
      lines.push({ text: line, kind, y });
      y += LINE;
    }
    y += GAP;
  }
  return { lines, height: y - GAP + MARGIN };
}

function fontOf(kind: Paragraph["kind"]): string {
  const weight = kind === "phrase" || kind === "note" ? "bold" : "normal";
  return `${weight} ${SIZE}px system-ui, sans-serif`;
}
