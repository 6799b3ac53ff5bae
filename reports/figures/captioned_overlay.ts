import { escape } from "@std/html/entities";
import { isWhole } from "../../base/geometry.ts";
import { type FontFacts, readFont } from "./_font.ts";
import { type CaptionFacts, captionOf, type Paragraph, wrapText } from "./caption.ts";
import { HEAT_COLORS } from "./heat_colors.ts";
import {
  type Backdrop,
  backdropOf,
  encodePicture,
  type Overlay,
  paintOverlay,
  pictureOf,
} from "./overlay.ts";
import { FONT_FAMILY, loadFonts, toPixels } from "./png.ts";

/** Smallest width of a caption in pixels, below a narrower X-ray too. */
const MIN_WIDTH = 360;

/** Space around the text, and between paragraphs, in pixels. */
const MARGIN = 10;
const GAP = 5;

/** Font size of each kind of paragraph in pixels, and height of a line per font size. */
const SIZES = { phrase: 17, fact: 13, scale: 13, note: 13 } as const;
const LINE = 1.35;

/** Size of the bar of colours in pixels. */
const BAR = { width: 160, height: 12 };

const COLORS = { phrase: "#111111", fact: "#333333", scale: "#333333", note: "#9b1c1c" } as const;

/** An overlay with the facts of its caption. */
export type CaptionedOverlay = Overlay & {
  /** Facts of the caption; the drawing itself adds the key of colours. */
  readonly caption: Omit<CaptionFacts, "key">;
};

/**
 * Draws an overlay as `renderOverlay()` does, from the top left corner, and a caption below. The
 * caption has the phrase, the X-ray's name, the scale of colours, the threshold and the notes. A
 * letter that the font lacks appears as its code point, such as `\u80f8`.
 *
 * @param backdrop The X-ray at the size of the picture, which overlays of one X-ray can share.
 * @returns A PNG file; equal input gives equal bytes.
 */
export async function renderCaptionedOverlay(
  overlay: CaptionedOverlay,
  backdrop: Backdrop = backdropOf(overlay.gray, overlay.maxSide),
): Promise<Uint8Array> {
  const picture = paintOverlay(overlay, backdrop);
  const key = overlay.predicted ? ["Light blue: predicted boxes."] : [
    "Light blue: outline of the mask.",
    ...(isWhole(overlay.crop, overlay.gray) ? [] : ["Dimmed: outside the model's square."]),
  ];
  const width = Math.max(picture.width, MIN_WIDTH);
  const band = await toPixels(drawCaption(
    captionOf({ ...overlay.caption, key }),
    width,
    (await loadFonts()).map(readFont),
  ));
  const whole = pictureOf(width, picture.height + band.height);
  whole.bitmap.fill(255);
  for (let y = 0; y < picture.height; y++) {
    const row = picture.bitmap.subarray(4 * y * picture.width, 4 * (y + 1) * picture.width);
    whole.bitmap.set(row, 4 * y * width);
  }
  whole.bitmap.set(band.pixels, 4 * picture.height * width);
  return await encodePicture(whole);
}

/** Draws a caption as an SVG document of the given width in pixels. */
function drawCaption(paragraphs: readonly Paragraph[], width: number, fonts: readonly FontFacts[]) {
  const widthOf = (letter: string) => {
    const widths = fonts.flatMap((font) => font.width(letter.codePointAt(0)!) ?? []);
    return widths.length > 0 ? Math.max(...widths) : undefined;
  };
  const parts: string[] = [];
  let y = MARGIN;
  for (const { kind, text, mostLines } of paragraphs) {
    const size = SIZES[kind];
    const known = [...text].map((letter) =>
      widthOf(letter) === undefined ? numberOf(letter) : letter
    );
    const measure = (text: string) =>
      size * [...text].reduce((sum, letter) => sum + widthOf(letter)!, 0);
    for (const line of wrapText(known.join(""), width - 2 * MARGIN, measure, mostLines)) {
      const x = kind === "scale" ? MARGIN + BAR.width + 8 : MARGIN;
      if (kind === "scale") {
        const { width, height } = BAR;
        parts.push(
          `<rect x="${MARGIN}" y="${
            y + 3
          }" width="${width}" height="${height}" fill="url(#heat)"/>`,
        );
      }
      const weight = kind === "phrase" || kind === "note" ? ' font-weight="bold"' : "";
      parts.push(
        `<text x="${x}" y="${(y + size).toFixed(2)}" font-size="${size}" fill="${COLORS[kind]}"` +
          `${weight}>${escape(line)}</text>`,
      );
      y += LINE * size;
    }
    y += GAP;
  }
  const height = Math.ceil(y - GAP + MARGIN);
  const stops = HEAT_COLORS.map((color, level) =>
    `<stop offset="${(level / 255).toFixed(4)}" stop-color="rgb(${color.join()})"/>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `font-family="${FONT_FAMILY}"><defs><linearGradient id="heat">${stops.join("")}` +
    `</linearGradient></defs>${parts.join("")}</svg>`;
}

/** Writes a letter as the escape of its code point. */
function numberOf(letter: string): string {
  return `\\u${letter.codePointAt(0)!.toString(16).padStart(4, "0")}`;
}
