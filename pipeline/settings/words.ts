import { InputTypeError } from "../../base/errors.ts";
import { UsageError } from "../../base/options.ts";
import { quote } from "../../base/text.ts";
import type { Sample } from "../../datasets/sample.ts";
import type { Tokenizer } from "../../models/tokenizer.ts";

/** Choices of words: by a stop list, all, those of the sample's class, or words by name. */
export type WordChoice = "content" | "all" | "class" | readonly string[];

/** A word of a phrase. */
export interface PlacedWord {
  /** The word as written, without white space. */
  readonly text: string;
  /** Positions of the word's tokens among the phrase's tokens; 0 is the start token. */
  readonly tokens: readonly number[];
}

/** Words of a phrase, as {@linkcode chooseWords} chooses them. */
export interface ChosenWords {
  /** The words, at least one, each with a token. */
  readonly words: readonly PlacedWord[];
  /** No word met the choice, so that these are all words of the phrase. */
  readonly areAll: boolean;
}

/**
 * Words without a place or a finding, in lower case: articles, prepositions, conjunctions,
 * pronouns, auxiliaries, negations and adverbs. The list is Groundray's. It stands in for a tagger
 * of parts of speech, which keeps adjectives, nouns and verbs.
 */
const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    "a an the this that these those there here it its he she his her they their we our you your i " +
    "of in on at to from into onto over under above below between behind beside along across " +
    "around about through throughout within with without by for as than per via near toward " +
    "towards up down off out and or nor but if then so because while where which who whose when " +
    "is are was were be been being am has have had having do does did may might can could should " +
    "would will shall must no not none neither either both each every any some all such other " +
    "also again only just very too more most less least now still already yet however otherwise " +
    "likely probably possibly perhaps presumably relatively slightly mildly moderately severely " +
    "markedly predominantly predominately mainly mostly particularly especially partially " +
    "completely newly recently previously currently bilaterally approximately further"
  ).split(" "),
);

/**
 * Words of each class of MS-CXR, in lower case. A word of a phrase belongs to the class if it
 * contains such a word (`MIMIC_STRING_TO_ATTENTION` in the code of Generate to Ground).
 */
const CLASS_WORDS: Readonly<Record<string, readonly string[]>> = {
  "Atelectasis": ["atelectasis", "atelectatic"],
  "Cardiomegaly": ["cardiomegaly", "cardiac"],
  "Consolidation": ["consolidation", "consolidations", "consolidative"],
  "Edema": ["edema"],
  "Lung Opacity": ["opacity", "opacities", "opacification"],
  "Pleural Effusion": ["pleural", "effusion", "effusions"],
  "Pneumonia": ["pneumonia"],
  "Pneumothorax": ["pneumothorax", "pneumothoraces"],
};

/**
 * Splits a phrase at white space, and finds the tokens of each word. A word counts as many tokens as
 * the tokenizer gives it alone. Tokens beyond the model's length are left out.
 */
export function placeWords(tokenizer: Tokenizer, phrase: string): PlacedWord[] {
  const end = tokenizer.encode(phrase).length - 1;
  const empty = tokenizer.encode("").length;
  let at = 1;
  return phrase.split(/\s+/).filter((text) => text !== "").map((text) => {
    const count = tokenizer.encode(text).length - empty;
    const tokens = Array.from({ length: count }, (_, i) => at + i).filter((token) => token < end);
    at += count;
    return { text, tokens };
  });
}

/**
 * The words of a sample's phrase that count, in the order in which the method takes them.
 *
 * - `content`: the words that the sample itself names; else all words outside a stop list and with a
 *   letter. If no such word is left, all words count.
 * - `all`: all words.
 * - `class`: the words that contain a word of the sample's class, once for each of the class's words;
 *   all words if there are none.
 * - names: these words, wherever they stand, whatever their case.
 *
 * @throws {InputTypeError} If the phrase lacks a named word, or no word with a token is left.
 */
export function chooseWords(
  tokenizer: Tokenizer,
  { phrase, category, words: stated }: Pick<Sample, "phrase" | "category" | "words">,
  choice: WordChoice,
): ChosenWords {
  const words = placeWords(tokenizer, phrase).filter(({ tokens }) => tokens.length > 0);
  if (words.length === 0) {
    throw new InputTypeError(`no word of the phrase has a token, expected at least one`);
  }
  const wanted = typeof choice !== "string" ? choice : choice === "content" ? stated : undefined;
  if (wanted) {
    const named = wanted.flatMap((name) => {
      const found = words.filter(({ text }) => bare(text) === bare(name));
      if (found.length > 0) return found;
      throw new InputTypeError(`the phrase has no word ${quote(name)} within the model's length`);
    });
    return { words: named, areAll: false };
  }
  const found = choice === "class"
    ? (CLASS_WORDS[category ?? ""] ?? []).flatMap((part) =>
      words.filter(({ text }) => text.toLowerCase().includes(part))
    )
    : choice === "content"
    ? words.filter(({ text }) => /\p{L}/u.test(text) && !STOP_WORDS.has(bare(text)))
    : [];
  return found.length > 0 ? { words: found, areAll: false } : { words, areAll: true };
}

/** Reads a choice of words: a name of a choice, or words with commas between them. */
export function parseWords(text: string): WordChoice {
  if (text === "content" || text === "all" || text === "class") return text;
  const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  if (words.length > 0) return words;
  throw new UsageError('Option "--words" must be content, all, class or words, got none');
}

/** A word in lower case, without punctuation at its ends. */
function bare(word: string): string {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
}

/** Notes on a sample's words: the words that are read, and if no word met the choice. */
export function choiceNotes({ words, areAll }: ChosenWords, choice: WordChoice): string[] {
  if (choice === "all") return [];
  if (!areAll) {
    return [
      `of the phrase counted ${[...new Set(words.map(({ text }) => quote(text)))].join(", ")}`,
    ];
  }
  return [
    choice === "class"
      ? "no word belongs to the class; all words counted"
      : "all words are on the stop list; all counted",
  ];
}
