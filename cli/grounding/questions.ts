import { isInputError } from "../../base/errors.ts";
import { nameOf } from "../../base/paths.ts";
import { type ReportSentence, reportSentences } from "../../base/report/report_sentences.ts";
import { chooseClasses, fillTemplate, TEMPLATES } from "../../datasets/layouts/detection.ts";
import { KNOWN_CLASSES } from "../../datasets/layouts/registry.ts";
import { CLASSES } from "../../datasets/sample.ts";
import { decodeText, notText } from "../../datasets/text.ts";
import { UsageError } from "../kit/flags.ts";

/** A phrase to ground, with the class or the sentence that it comes from. */
export interface Question {
  readonly phrase: string;
  readonly label?: string;
  readonly sentence?: ReportSentence;
}

/** Questions of one kind; the phrases of `--phrase` stand for themselves. */
export interface Questions {
  readonly kind: "phrases" | "classes" | "report";
  readonly list: readonly Question[];
  /** Facts for the file of all answers. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Values of the options that ask. */
interface Values {
  readonly phrase: readonly string[];
  readonly classes: readonly string[];
  readonly template: string | undefined;
  readonly report: string | undefined;
}

/** Largest report in bytes, and most sentences: each takes as long as a phrase. */
const [MAX_BYTES, MAX_SENTENCES] = [2 ** 20, 500];

/**
 * Reads the questions of the options.
 *
 * @throws {UsageError} If there is none, there are several kinds, or a class or template is wrong.
 * @throws {Error} If the report cannot be read or has no sentence.
 */
export async function readQuestions(values: Values): Promise<Questions> {
  const { phrase: phrases, classes, template = TEMPLATES[0], report } = values;
  const given = [phrases.length > 0, classes.length > 0, report !== undefined];
  const kinds = given.filter(Boolean).length;
  if (kinds !== 1) {
    throw new UsageError(
      kinds === 0
        ? 'Option "--phrase" is needed, or "--classes" or "--report"'
        : 'Options "--phrase", "--classes" and "--report" exclude each other',
    );
  }
  if (values.template !== undefined && classes.length === 0) {
    throw new UsageError('Option "--template" needs "--classes"');
  }
  const empty = phrases.findIndex((phrase) => phrase.trim() === "");
  if (empty >= 0) throw new UsageError(`Phrase ${empty + 1} is empty`);
  if (report !== undefined) {
    const list = (await readReport(report)).map((sentence) => ({
      ...{ phrase: sentence.sentence, sentence },
    }));
    return { kind: "report", list, facts: { report: nameOf(report) } };
  }
  try {
    const labels = chooseClasses(classes, KNOWN_CLASSES, CLASSES);
    const asked = labels.map((label) => ({ phrase: fillTemplate(template, label), label }));
    return classes.length > 0
      ? { kind: "classes", list: asked, facts: { template } }
      : { kind: "phrases", list: phrases.map((phrase) => ({ phrase })), facts: {} };
  } catch (error) {
    if (!isInputError(error)) throw error;
    throw new UsageError(error.message);
  }
}

/** Reads the sentences of a report. */
async function readReport(path: string): Promise<ReportSentence[]> {
  const bytes = await Deno.readFile(path).catch((error) => {
    throw new Error(`Cannot read report "${path}": ${error.message}`, { cause: error });
  });
  const refuse = (expected: string) => new Error(`Cannot read report "${path}": ${expected}`);
  if (bytes.length > MAX_BYTES) {
    throw refuse(`expected at most ${MAX_BYTES} bytes, found ${bytes.length}`);
  }
  const { text, isBroken } = decodeText(bytes);
  if (isBroken) throw notText(path);
  const sentences = reportSentences(text);
  if (sentences.length === 0) throw refuse("expected a sentence in it, found none");
  if (sentences.length > MAX_SENTENCES) {
    throw refuse(`expected at most ${MAX_SENTENCES} sentences, found ${sentences.length}`);
  }
  return sentences;
}
