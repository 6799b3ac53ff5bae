/// <reference lib="dom" />
import { isWhole } from "../../base/geometry.ts";
import { nameOf } from "../../base/paths.ts";
import { captionOf, type Paragraph, wrapText } from "../../reports/figures/caption.ts";
import type { Finished, Look, Shown } from "./shown.ts";

/** Least width of a caption, also below a narrower picture, and size of the colour scale's bar. */
const [MIN_WIDTH, BAR] = [360, { width: 160, height: 12 }];

/** Space around the text and between paragraphs, size of the font, height of a line; CSS pixels. */
const [MARGIN, GAP, SIZE, LINE] = [10, 5, 14, 19];

/**
 * Copies a canvas that shows a phrase, and writes a caption below the copy.
 *
 * @param finished The phrase's heatmap, as on the canvas; `undefined` for predicted boxes.
 * @param made Model and settings, in words.
 * @param side Longer side of a picture in pixels of its own; 0 for a canvas of the screen.
 */
export function captionedPicture(
  picture: HTMLCanvasElement | OffscreenCanvas,
  shown: Shown,
  finished: Finished | undefined,
  look: Look,
  made: string,
  side: number,
): OffscreenCanvas {
  const ratio = side === 0 ? devicePixelRatio : Math.max(1, side / 1024);
  const width = Math.max(picture.width, MIN_WIDTH * ratio);
  const context = new OffscreenCanvas(1, 1).getContext("2d")!;
  const { canvas } = context;
  /** Lines with their tops in CSS pixels. */
  const lines: { text: string; kind: Paragraph["kind"]; y: number }[] = [];
  let height = MARGIN;
  for (const { kind, text, mostLines } of captionFor(shown, finished, look, made)) {
    context.font = fontOf(kind);
    const measure = (text: string) => context.measureText(text).width;
    for (const line of wrapText(text, width / ratio - 2 * MARGIN, measure, mostLines)) {
      lines.push({ text: line, kind, y: height });
      height += LINE;
    }
    height += GAP;
  }
  height += MARGIN - GAP;
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
  finished: Finished | undefined,
  look: Look,
  made: string,
): Paragraph[] {
  const { title, phrase = title, image, facts, crop, original, boxes, outline } = shown;
  const { threshold, isOtsu = false } = finished ?? {};
  const notes = [...shown.notes, "Research only. Not for clinical use."];
  const key = [
    ...(title === phrase ? [] : [`Shown: ${title}.`]),
    ...(facts ? [`${facts}.`] : []),
    ...(finished && look.outline ? ["Light blue: outline of the mask."] : []),
    ...(finished && look.box ? ["Dashed: boxes around its parts, with their mean heat."] : []),
    ...(look.truth && (boxes.length > 0 || outline) ? ["Green: ground truth."] : []),
    ...(isWhole(crop, original) ? [] : ["Dimmed: outside the model's square."]),
    `Size: ${original.width} x ${original.height} pixels.`,
    ...(made ? [`Made with ${made}.`] : []),
  ];
  // The caption leaves out the X-ray's folders, which may contain a patient's name.
  const caption = { phrase, image: nameOf(image), threshold, isOtsu, key, notes };
  return captionOf({ ...caption, ...(!finished && { found: "Light blue: predicted boxes." }) });
}

function fontOf(kind: Paragraph["kind"]): string {
  const weight = kind === "phrase" || kind === "note" ? "bold" : "normal";
  return `${weight} ${SIZE}px system-ui, sans-serif`;
}
