import { type ReportSentence, reportSentences } from "../../base/report/report_sentences.ts";
import { input, make, makeButton, part, show } from "./parts_of_page.ts";
import { isTyping } from "./tools.ts";

/** Lists the sentences of a report, and reports the choice of one. */
export class ReportText {
  readonly #onChoice: (index: number | undefined) => void;
  #sentences: readonly ReportSentence[] = [];
  #chosen = 0;

  /** @param onChoice Called with the index of the chosen sentence, or without a report. */
  constructor(onChoice: (index: number | undefined) => void) {
    this.#onChoice = onChoice;
    document.addEventListener("keydown", (event) => {
      const by = { j: 1, k: -1 }[event.key.toLowerCase()];
      if (by && !isTyping(event)) this.#choose(this.#chosen + by);
    });
  }

  /** Reads the form's text: the sentences of a report, or nothing if the text has phrases. */
  read(): readonly ReportSentence[] | undefined {
    if (!input("is-report").checked) return undefined;
    return reportSentences(part("phrases", HTMLTextAreaElement).value);
  }

  /** Lists the marks of a shown sentence, by its index. */
  marks(index: number): string[] {
    return this.#sentences[index]?.negated ? ["says that nothing is there"] : [];
  }

  /** Shows the sentences beside the pictures, and chooses the first; none hide the list. */
  show(sentences: readonly ReportSentence[]): void {
    this.#sentences = sentences;
    show("sentences", sentences.length > 0);
    part("sentences", HTMLElement).replaceChildren(
      ...sentences.flatMap(({ sentence, heading }, i) => {
        const marks = this.marks(i).flatMap((mark) => [" ", make("small", mark)]);
        const button = makeButton([sentence, ...marks], () => this.#choose(i));
        const isNew = heading !== null && heading !== sentences[i - 1]?.heading;
        return isNew ? [make("h2", heading), button] : [button];
      }),
    );
    if (sentences.length > 0) this.#choose(0);
    else this.#onChoice(undefined);
  }

  #choose(index: number): void {
    if (!this.#sentences[index]) return;
    this.#chosen = index;
    part("sentences", HTMLElement).querySelectorAll("button").forEach((button, i) => {
      button.ariaPressed = String(i === index);
      if (i === index) button.scrollIntoView({ block: "nearest" });
    });
    this.#onChoice(index);
  }
}
