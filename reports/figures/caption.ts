/**
 * What stands beside a picture of a heatmap, so that the picture says by itself what it shows.
 *
 * @module
 */

import { printable } from "../../base/text.ts";

/** What a picture shows. */
export interface CaptionFacts {
  /** The phrase. */
  readonly phrase: string;
  /** The X-ray's name, without folders, which may name a patient. */
  readonly image: string;
  /** What the heatmap is cut at, 0..1; left out where it is whole. */
  readonly threshold?: number | undefined;
  /** Whether the threshold is Otsu's. */
  readonly isOtsu: boolean;
  /** What the other colours are, and what else there is to say, in sentences. */
  readonly key: readonly string[];
  /** Sentences that whoever looks has to know; they stand out. */
  readonly notes: readonly string[];
}

/** A paragraph of a caption. */
export interface Paragraph {
  /** How it is set: `scale` is the bar of colours, with the text after it. */
  readonly kind: "phrase" | "fact" | "scale" | "note";
  /** The text, with what cannot be printed escaped. */
  readonly text: string;
  /** Lines after which it is cut. */
  readonly mostLines: number;
}

/** Most characters of a text, for phrases that are no phrases. */
const MAX_TEXT = 4000;

/** Marks on a letter that are drawn; more would reach into other lines. */
const PILED = /(\p{M}{3})\p{M}+/gu;

/** The paragraphs of a caption, from top to bottom. */
export function captionOf(facts: CaptionFacts): Paragraph[] {
  const { phrase, image, threshold, isOtsu, key, notes } = facts;
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
    paragraph("scale", "Heat from 0 to 1", 1),
    paragraph("fact", [cut, ...key].join(" "), 6),
    ...notes.map((note) => paragraph("note", note, 6)),
  ];
}

/**
 * Breaks a text into lines, between words where that will do.
 *
 * @param width Most width of a line.
 * @param measure Width of a text.
 * @param most Lines after which the text is cut, which an ellipsis says.
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
    // Its first letters go to the line that is begun, as those of any word do.
    else [...word].forEach((letter, i) => put(letter, i === 0 ? " " : ""));
  }
  if (line !== "") lines.push(line);
  if (lines.length <= most) return lines;
  let last = lines[most - 1]!;
  while (last !== "" && measure(`${last} …`) > width) last = [...last].slice(0, -1).join("");
  return [...lines.slice(0, most - 1), `${last} …`];
}
