import type { ReportSentence } from "../../base/report/report_sentences.ts";
import type { Size } from "../../base/geometry.ts";
import { boxTexts } from "../../reports/box_text.ts";
import type { Answer } from "../../reports/detection.ts";
import { safe } from "../../reports/tables/table_html.ts";
import { plainPage } from "./_plain_page.ts";
import pageStyle from "../page/style.css" with { type: "text" };
import ownStyle from "./linked_report.css" with { type: "text" };

/** A sentence of a report with its answer. */
export interface LinkedSentence extends ReportSentence, Answer {}

/** Content of the page. */
export interface LinkedReport {
  /** Names of the files of report and X-ray, without folders. */
  readonly report: string;
  readonly image: string;
  readonly size: Size;
  /** The X-ray alone: a JPEG file. */
  readonly plain: Uint8Array;
  readonly sentences: readonly LinkedSentence[];
  /** Sentences about the method and the model. */
  readonly notes: readonly string[];
}

const CAVEAT =
  "Warm colours show where a sentence applies, light blue lines its boxes. The existence " +
  "score is the mean of the map before it is scaled to its own highest value: it compares the " +
  "sentences of one X-ray, and is no probability. Research only, not for clinical use.";

/**
 * Makes the page of a report beside its X-ray as HTML with all pictures: a sentence chosen shows
 * where it applies. It needs no script: radio buttons choose, by keyboard and touch alike.
 */
export async function linkedReportHtml(
  { report, image, size, plain, sentences, notes }: LinkedReport,
): Promise<string> {
  const chosen = (i: number) => `main:has(#s${i}:checked) #p${i}`;
  const rules = [...sentences.keys(), sentences.length].map(chosen).join(",\n");
  const style = `${pageStyle}${ownStyle}@media screen {\n${rules} {\n  display: block;\n}\n}\n`;
  const title = `${report} on ${image}`;
  const parts = [
    `<header><h1>${safe(title)}</h1>\n<p class="quiet">`,
    `${sentences.length} sentences, ${size.width} × ${size.height} pixels</p></header>\n`,
    "<main><fieldset><legend>Choose a sentence to see where it applies</legend>\n",
    radio(sentences.length, "The X-ray alone", "", ' checked=""'),
    ...sentences.flatMap((sentence, i) => [
      ...(sentence.heading && sentence.heading !== sentences[i - 1]?.heading
        ? [`<h2>${safe(sentence.heading)}</h2>`]
        : []),
      radio(i, sentence.sentence, factsOf(sentence), "", sentence.negated),
    ]),
    '</fieldset><div id="pictures">\n',
    figure(sentences.length, plain, `The X-ray ${image}`, "The X-ray alone"),
    ...sentences.map((sentence, i) => {
      const alt = `The X-ray with the map of: ${sentence.sentence}`;
      return figure(i, sentence.picture ?? plain, alt, captionOf(sentence));
    }),
    '</div></main>\n<footer class="quiet">',
    ...[...notes, CAVEAT].map((note) => `<p>${safe(note)}</p>`),
    "</footer>",
  ];
  return await plainPage(title, style, parts.join(""));
}

/** Facts below a sentence in the list. */
function factsOf({ negated, detected, error }: LinkedSentence): string {
  const existence = detected && `existence ${detected.existence.mean.toFixed(3)}`;
  const facts = [negated && "says that nothing is there", existence, error && "not grounded"];
  return facts.filter(Boolean).join(" · ");
}

function captionOf({ sentence, detected, error }: LinkedSentence): string {
  if (!detected) return `${sentence} ${error ?? ""}`;
  const { boxes, confidence } = detected;
  const [first = "no box"] = boxTexts(boxes, confidence);
  const more = boxes.length > 1 ? ` and ${boxes.length - 1} more` : "";
  return `${sentence} In pixels: ${first}${more}.`;
}

function radio(i: number, text: string, facts: string, attributes = "", denies = false): string {
  const small = facts && `<small>${safe(facts)}</small>`;
  return `<label${denies ? ' class="denies"' : ""}>` +
    `<input type="radio" name="sentence" id="s${i}"${attributes}>` +
    `<span>${safe(text)}</span>${small}</label>\n`;
}

function figure(i: number, picture: Uint8Array, alt: string, caption: string): string {
  return `<figure id="p${i}"><img alt="${safe(alt)}" ` +
    `src="data:image/jpeg;base64,${picture.toBase64()}">` +
    `<figcaption>${safe(caption)}</figcaption></figure>\n`;
}
