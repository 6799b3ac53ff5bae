/// <reference lib="dom" />
/**
 * A radiology report beside the pictures: choosing a sentence shows where it applies.
 *
 * @module
 */

import { type ReportSentence, reportSentences } from "../../base/report/report_sentences.ts";
import { make, part } from "./parts_of_page.ts";
import { isTyping } from "./tools.ts";

/** Mark of a sentence that says that nothing is there. */
export const DENIES = "says that nothing is there";

/** Lists the sentences of a report, and reports the choice of one. */
export class ReportText {
  readonly #onChoice: (index: number) => void;
  #sentences: readonly ReportSentence[] = [];
  #chosen = 0;

  /** @param onChoice Called with the index of the chosen sentence. */
  constructor(onChoice: (index: number) => void) {
    this.#onChoice = onChoice;
    document.addEventListener("keydown", (event) => {
      if (isTyping(event) || this.#sentences.length === 0) return;
      const by = { j: 1, k: -1 }[event.key.toLowerCase()];
      const next = this.#chosen + (by ?? 0);
      if (by && next >= 0 && next < this.#sentences.length) this.#choose(next);
    });
  }

  /** Reads the form's text: the sentences of a report, or nothing if the text has phrases. */
  read(): readonly ReportSentence[] | undefined {
    if (!part("is-report", HTMLInputElement).checked) return undefined;
    return reportSentences(part("phrases", HTMLTextAreaElement).value);
  }

  /** Shows the sentences beside the pictures, and chooses the first; none hide the list. */
  show(sentences: readonly ReportSentence[]): void {
    this.#sentences = sentences;
    part("sentences", HTMLElement).hidden = sentences.length === 0;
    part("sentences", HTMLElement).replaceChildren(
      ...sentences.flatMap(({ sentence, heading, negated }, i) => {
        const button = make("button", sentence, { type: "button" });
        if (negated) button.append(" ", make("small", DENIES));
        button.addEventListener("click", () => this.#choose(i));
        const isNew = heading !== null && heading !== sentences[i - 1]?.heading;
        return isNew ? [make("h2", heading), button] : [button];
      }),
    );
    if (sentences.length > 0) this.#choose(0);
  }

  #choose(index: number): void {
    this.#chosen = index;
    part("sentences", HTMLElement).querySelectorAll("button").forEach((button, i) => {
      button.ariaPressed = String(i === index);
      if (i === index) button.scrollIntoView({ block: "nearest" });
    });
    this.#onChoice(index);
  }
}
