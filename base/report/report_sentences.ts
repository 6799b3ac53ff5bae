/**
 * Sentences of a radiology report. The file needs nothing of Deno, so that a page can import it.
 *
 * @module
 */

import { saysNothingThere } from "./negation.ts";

/** A sentence of a report. */
export interface ReportSentence {
  /** The sentence on one line, without the marker of its list. */
  readonly sentence: string;
  /** Place of its first character in the report, in UTF-16 units. */
  readonly start: number;
  /** Place after its last character. */
  readonly end: number;
  /** Heading above the sentence, such as `FINDINGS`, without its colon; null above all headings. */
  readonly heading: string | null;
  /** The words say that nothing is there, such as "No pneumothorax."; see {@linkcode saysNothingThere}. */
  readonly negated: boolean;
}

/** Names of sections, in capitals or not. Other headings stand in capitals before a colon. */
const SECTIONS = "(?:wet |preliminary |final )?(?:report|read)|addendum|examination|exam|study|" +
  "procedure|indications?|(?:clinical )?(?:history|information|indications?|data)|" +
  "reason for (?:exam|examination|study)|technique|comparisons?|findings?|impressions?|" +
  "conclusions?|opinion|summary|notifications?|recommendations?(?:\\(s\\))?|diagnosis";

/** A section's name before a colon, or other words in capitals before a colon. */
const HEADING = new RegExp(
  String.raw`(?:(?:${insensitive(SECTIONS)})|\p{Lu}[\p{Lu}\d /&,()'-]{2,60})[ \t]*:(?=\s|$)`,
  "uy",
);

/** A line that has only a section's name. */
const BARE_HEADING = new RegExp(String.raw`(?:${SECTIONS})[ \t]*(?=[\r\n]|$)`, "iy");

/** A bullet, or a letter or number of a list. */
const MARKER = /(?:[-*•–‣▪>]+|\(?(?:(\d{1,2})|[a-h])[.)])[ \t]+(?=\S)/y;

/** Abbreviations that end no sentence. */
const ABBREVIATION =
  /(?:^|[\s(\[/])(?:\p{L}|e\.g|i\.e|[Dd]rs?|Mr|Mrs|Ms|[Pp]rof|[Ss]t|[Aa]pprox|[Cc]a|[Cc]f|[Vv]s|[Vv]iz|[Rr]esp|[Ii]ncl|[Ee]xcl|[Ff]igs?|[Rr]ef|[Ee]sp)\.$/u;

/** Abbreviations that end a sentence before a capitalised word only, such as `p.m.` */
const ENDING =
  /(?:^|[\s(])(?:(?:\p{L}\.)+\p{L}|etc|[Ll]at|[Pp]ost|[Aa]nt|[Ii]nf|[Ss]up|[Bb]ilat|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$/u;

/** Units, of which a full stop before a small letter ends no sentence. */
const UNIT = /\d\s*(?:cm|mm|mg|ml|cc|min|hrs?|yrs?|sec)\.$/i;

/** Most characters of an abbreviation with the words before it. */
const LOOK_BACK = 40;

/** End of a sentence, or a colon before a number. */
const END = /[.!?][ \t]+(?=\S)|:[ \t]+(?=\(?\d)/g;

/** End of a sentence that `Intl.Segmenter` does not see: a number or a small letter follows. */
const STOP = /[.!?]["')\]]*\s+(?=[\p{Ll}\d_(])/gu;

/** Words after which a line goes on, even if the next line begins with a capital. */
const OPEN_END =
  /(?:[,(/]|\b(?:a|an|the|of|in|on|at|to|with|without|and|or|for|from|by|is|are|no|than|dr\.?))$/i;

/** A line at least so long may have been wrapped, in characters. */
const SHORTEST_WRAP = 50;

/**
 * Divides a report into its sentences, in order. Headings, lists, wrapped lines, abbreviations,
 * decimal points, dates and the underscores of de-identified reports are understood. `Intl.Segmenter`
 * finds most ends of sentences.
 *
 * @param text The report in English.
 * @returns The sentences; text without two letters in a row, such as `___`, gives none.
 *
 * @example
 * ```ts
 * import { reportSentences } from "./report_sentences.ts";
 *
 * const report = "FINDINGS: No pneumothorax. A 1.2 cm nodule\nis seen in the left apex.";
 * console.log(reportSentences(report).map(({ sentence, negated }) => [sentence, negated]));
 * // [["No pneumothorax.", true], ["A 1.2 cm nodule is seen in the left apex.", false]]
 * ```
 */
export function reportSentences(text: string): ReportSentence[] {
  return blocksOf(text).flatMap(({ start, end, heading }) =>
    [...sentencesIn(text, start, end)].flatMap(([from, to]) => {
      const sentence = text.slice(from, to).replace(/\s+/g, " ");
      // Underscores and X stand for words that were taken out.
      if (!/\p{L}{2}/u.test(sentence.replace(/_+|\bX{2,}\b/g, ""))) return [];
      return [{ sentence, start: from, end: to, heading, negated: saysNothingThere(sentence) }];
    })
  );
}

/** A part of a report that no sentence leaves: a paragraph or an item of a list. */
interface Block {
  readonly start: number;
  end: number;
  readonly heading: string | null;
}

/** Divides a report at headings, items of lists, blank lines and lines that end early. */
function blocksOf(text: string): readonly Block[] {
  const lines = [...text.matchAll(/[^\r\n]+/g)].filter(([line]) => line.trim() !== "");
  const width = lines.reduce(
    (most, [line]) => Math.max(most, line.trimEnd().length),
    SHORTEST_WRAP,
  );
  const blocks: Block[] = [];
  let heading: string | null = null;
  // Number of the list's last item, and the line before.
  let [item, last] = [0, { line: "", end: 0 }];
  let isOpen = false;
  for (const { 0: full, index } of lines) {
    const line = full.trimEnd();
    const end = index + line.length;
    let at = end - line.trimStart().length;
    const breaks = text.slice(last.end, at).match(/\r\n|\n|\r/g)?.length ?? 0;
    isOpen &&= breaks < 2 && !endsEarly(last.line, line.trimStart(), width);
    const places = [...line.matchAll(END)].map((stop) => index + stop.index + stop[0].length);
    for (let next: number | undefined = at; next !== undefined;) {
      at = next;
      const title = headingAt(text, at);
      if (title) {
        [heading, item, isOpen] = [title.name, 0, false];
        at = Math.min(end, skipBlanks(text, title.end));
      }
      const marker = matchAt(MARKER, text, at);
      const number = Number(marker?.[1] ?? item + 1);
      // A wrapped line may begin with a number, such as the 12 of "T 12."
      if (marker && (number === 1 || number === item + 1)) {
        if (marker[1] !== undefined) item = number;
        at += marker[0].length;
        isOpen = false;
      }
      do next = places.shift(); while (
        next !== undefined && !(next > at && beginsBlock(text, at, next, item))
      );
      if (isOpen) blocks.at(-1)!.end = next ?? end;
      else if (at < end) blocks.push({ start: at, end: next ?? end, heading });
      isOpen = next === undefined && (isOpen || at < end);
    }
    last = { line, end };
  }
  return blocks;
}

/** Returns true if a heading or the next item of a list stands at a place within a line. */
function beginsBlock(text: string, from: number, at: number, item: number): boolean {
  const number = matchAt(MARKER, text, at)?.[1];
  const isItem = number !== undefined && Number(number) === item + 1;
  const before = text.slice(Math.max(from, at - LOOK_BACK), at);
  return (isItem || headingAt(text, at) !== undefined) && isStop(before, "The", false);
}

/** Name of the heading at a place, and the place after its colon. */
function headingAt(text: string, at: number): { name: string; end: number } | undefined {
  const found = matchAt(HEADING, text, at) ??
    (/(?:^|[\r\n])[ \t]*$/.test(text.slice(Math.max(0, at - LOOK_BACK), at))
      ? matchAt(BARE_HEADING, text, at)
      : null);
  if (!found) return undefined;
  return { name: found[0].replace(/[\s:]+$/, ""), end: at + found[0].length };
}

/**
 * Returns true if a line ends before the width of the page, so that the next line begins anew: its
 * first word is capitalised and would still have had room.
 */
function endsEarly(line: string, next: string, width: number): boolean {
  if (!/^["'(]?\p{Lu}/u.test(next) || OPEN_END.test(line)) return false;
  return line.length + 1 + /^\S*/.exec(next)![0].length <= width;
}

const SEGMENTER = new Intl.Segmenter("en", { granularity: "sentence" });

/** Yields start and end of each sentence in a block, without blanks around it. */
function* sentencesIn(
  text: string,
  start: number,
  end: number,
): Generator<readonly [start: number, end: number]> {
  // Blanks in place of line ends keep the length.
  const block = text.slice(start, end).replace(/\s/g, " ");
  const isSmall = /^["'(]*\p{Ll}/u.test(block);
  const stops = new Set([...SEGMENTER.segment(block)].map(({ index }) => index));
  for (const { 0: stop, index } of block.matchAll(STOP)) stops.add(index + stop.length);
  let from = 0;
  for (const at of [...[...stops].sort((a, b) => a - b).slice(1), block.length]) {
    const before = block.slice(Math.max(from, at - LOOK_BACK), at);
    if (at < block.length && !isStop(before, block.slice(at, at + LOOK_BACK), isSmall)) continue;
    const part = block.slice(from, at);
    const first = start + at - part.trimStart().length;
    const last = start + from + part.trimEnd().length;
    from = at;
    if (first < last) yield [first, last];
  }
}

/**
 * Returns true if a sentence may end between two texts, the first of which ends in a full stop.
 *
 * @param isSmall The report begins its sentences with small letters.
 */
function isStop(before: string, next: string, isSmall: boolean): boolean {
  const ending = before.trimEnd().replace(/["')\]]+$/, "");
  if (ABBREVIATION.test(ending) || /(?:^|\s)[Nn]o\.$/.test(ending) && /^\d/.test(next)) {
    return false;
  }
  if (ENDING.test(ending)) return /^["'(]*\p{Lu}\p{Ll}+(?!\p{L})/u.test(next);
  if (!/^["'(]*\p{Ll}/u.test(next)) return true;
  return /\s[.!?]$/.test(ending) || isSmall && !UNIT.test(ending);
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function skipBlanks(text: string, at: number): number {
  return at + matchAt(/[ \t]*/y, text, at)![0].length;
}

/** Makes each letter of a pattern match in both cases; patterns with other flags need that. */
function insensitive(pattern: string): string {
  return pattern.replace(/\p{Ll}/gu, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
