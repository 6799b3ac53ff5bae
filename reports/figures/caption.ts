/**
 * Captions for pictures of heatmaps, so that a picture explains itself outside its page.
 *
 * @module
 */

import { printable } from "../../base/text.ts";

/** Content of a picture, for its caption. */
export interface CaptionFacts {
  readonly phrase: string;
  /** File name of the X-ray, without folders: a folder may carry a patient's name. */
  readonly image: string;
  /** Threshold of the heatmap, 0..1; left out if the heatmap is not cut. */
  readonly threshold?: number | undefined;
  /** Whether the threshold is Otsu's. */
  readonly isOtsu: boolean;
  /** Sentence about predicted boxes; it replaces the scale and the threshold of a heatmap. */
  readonly found?: string;
  /** Sentences that explain the colours beside the heat, and other parts of the picture. */
  readonly key: readonly string[];
  /** Warnings to the reader, in sentences; their colour stands out. */
  readonly notes: readonly string[];
}

/** A paragraph of a caption. */
export interface Paragraph {
  /** Style of the paragraph; `scale` is a bar of colours followed by the text. */
  readonly kind: "phrase" | "fact" | "scale" | "note";
  /** The text, with unprintable characters escaped. */
  readonly text: string;
  /** Most lines; the rest of the text is cut. */
  readonly mostLines: number;
}

/** Most characters of a text, against a phrase that is a whole document. */
const MAX_TEXT = 4000;

/** Matches more than three combining marks on a letter: a pile of them reaches into other lines. */
const PILED = /(\p{M}{3})\p{M}+/gu;

/** Writes the paragraphs of a caption, from top to bottom. */
export function captionOf(facts: CaptionFacts): Paragraph[] {
  const { phrase, image, threshold, isOtsu, found, key, notes } = facts;
  const cut = threshold === undefined
    ? "There is no threshold: whatever is above 0 has a colour."
    : `Threshold ${threshold.toFixed(3)}${
      isOtsu ? " (Otsu's)" : ""
    }: only what is above it has a colour.`;
  const paragraph = (kind: Paragraph["kind"], text: string, mostLines: number): Paragraph => {
    const line = text.normalize("NFC").replace(/\s+/g, " ").trim().replace(PILED, "$1");
    return { kind, text: printable(line, MAX_TEXT), mostLines };
  };
  return [
    paragraph("phrase", phrase, 12),
    paragraph("fact", `X-ray: ${image}`, 6),
    ...(found === undefined ? [paragraph("scale", "Heat from 0 to 1", 1)] : []),
    paragraph("fact", [found ?? cut, ...key].join(" "), 6),
    ...notes.map((note) => paragraph("note", note, 6)),
  ];
}

/**
 * Breaks a text into lines: between words, and inside words that are longer than a line.
 *
 * @param width Largest width of a line, in the unit of `measure`.
 * @param measure Measures the width of a text.
 * @param most Most lines; an ellipsis replaces the rest of the text.
 */
export function wrapText(
  text: string,
  width: number,
  measure: (text: string) => number,
  most: number,
): string[] {
  const lines: string[] = [];
  let line = "";
  const put = (piece: string, space: string) => {
    const longer = line === "" ? piece : line + space + piece;
    if (measure(longer) <= width) {
      line = longer;
      return;
    }
    if (line !== "") lines.push(line);
    line = piece;
  };
  for (const word of text.split(" ")) {
    if (measure(word) <= width) put(word, " ");
    // A word longer than a line begins on the current line, after a space.
    else [...word].forEach((letter, i) => put(letter, i === 0 ? " " : ""));
  }
  if (line !== "") lines.push(line);
  if (lines.length <= most) return lines;
  let last = lines[most - 1]!;
  while (last !== "" && measure(`${last} …`) > width) last = [...last].slice(0, -1).join("");
  return [...lines.slice(0, most - 1), `${last} …`];
}
