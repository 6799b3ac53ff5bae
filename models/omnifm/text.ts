/**
 * OmniFM-DR's texts: instructions to token ids, and answers back to text.
 *
 * @module
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { InputRangeError, InputSyntaxError } from "../../base/errors.ts";
import { parseJson } from "../../base/json.ts";
import { quote } from "../../base/text.ts";
import { byteLevelModel, mergeLines, readMerges, readVocabulary } from "../tokenizer.ts";
import { END, START, UNKNOWN } from "./beam_search.ts";

/** Ways to turn an instruction into tokens, each with the wording that belongs to it. */
export const PROMPTS = {
  /** `construct_sample` and `ask_answer` of `demo_base.py`. */
  demo: "Which region does the text {phrase} describe?",
  /** `joint_multi_instructs_dataset.py` and `pre_caption` of `ofa_dataset.py`. */
  training: "Give the accurate bbox of {phrase}.",
} as const;

/** Name of a way in {@linkcode PROMPTS}. */
export type PromptStyle = keyof typeof PROMPTS;

/** Part of a prompt that the phrase replaces. */
export const PHRASE = "{phrase}";

/** Contents of the files that hold the vocabulary, as in `utils/BPE` of the released code. */
export interface TextFiles {
  /** `dict.txt`: ids of byte pairs in the order of the model's embeddings. */
  readonly dictionary: string;
  /** `encoder.json`: byte pair to id. */
  readonly encoder: string;
  /** `vocab.bpe`: two parts of a byte pair per line, best first. */
  readonly merges: string;
}

/** Numbers of tokens beside those of `dict.txt`. */
export interface TokenCounts {
  /** Rows of the model's embeddings. */
  readonly rows: number;
  /** Number of coordinates, the last tokens. */
  readonly bins: number;
  /** Number of tokens of pictures before the coordinates; by default the rest of the rows. */
  readonly codes?: number | undefined;
}

/** Turns instructions into tokens, and tokens into text. */
export interface Texts {
  /** Id of the first coordinate. */
  readonly firstBin: number;
  /**
   * Encodes an instruction for a phrase.
   *
   * @param prompt The instruction; the phrase replaces `{phrase}` in it.
   * @returns Ids of the start token, the instruction and the end token.
   * @throws {RangeError} If the phrase or the instruction has no token.
   * @throws {SyntaxError} If the vocabulary lacks a byte of the instruction.
   */
  encode(phrase: string, prompt: string, style: PromptStyle): number[];
  /** Notes on how the model reads an instruction, one clause each. */
  notes(phrase: string, prompt: string, style: PromptStyle): string[];
  /** Text of an answer; coordinates have the form `<bin_7>`. */
  decode(tokens: readonly number[]): string;
}

/** Most words of an instruction in training (`max_src_length` of the training script). */
const MAX_WORDS = 256;

/** GPT-2's pre-tokenizer: contractions, words, numbers, other sequences and blanks. */
const PIECES =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Blanks at which Python's `split()` cuts; `\s` of JavaScript differs. */
const BLANKS = /\p{White_Space}+/u;

/** A word that stands for a token of the dictionary (`encode_text`, `demo_base.py`). */
const SYMBOL = /^<(code|bin)_/;

/**
 * Makes the texts of a model from its vocabulary.
 *
 * @throws {SyntaxError} If a file is malformed, or does not fit the number of embeddings.
 */
export function createTexts(files: TextFiles, counts: TokenCounts): Texts {
  const symbols = readDictionary(files.dictionary, counts);
  const ids = new Map(symbols.map((symbol, id) => [symbol, id]));
  const vocabulary = readVocabulary(parseJson(files.encoder, "encoder.json"), "encoder.json");
  const inner = new HuggingFaceTokenizer(
    byteLevelModel(vocabulary, readMerges(mergeLines(files.merges), "vocab.bpe")),
    { clean_up_tokenization_spaces: false },
  );
  const show = (pairs: readonly number[]): string =>
    pairs.length > 0 ? inner.decode([...pairs], { skip_special_tokens: false }) : "";
  const readPiece = (piece: string): number[] => {
    const pairs = inner.encode(piece, { add_special_tokens: false }).ids;
    // The library leaves out a byte that the vocabulary lacks.
    if (show(pairs) === piece.toWellFormed()) {
      return pairs.map((pair) => ids.get(String(pair)) ?? UNKNOWN);
    }
    throw new InputSyntaxError(`Cannot read ${quote(piece)}: encoder.json lacks a part of it`);
  };
  const readText = (text: string): number[] => (text.match(PIECES) ?? []).flatMap(readPiece);
  const read = (text: string, style: PromptStyle): number[] =>
    style === "training"
      ? readText(clean(text).split(" ").slice(0, MAX_WORDS).join(" "))
      : wordsOf(text).flatMap((word) =>
        SYMBOL.test(word) ? [ids.get(word) ?? UNKNOWN] : readText(` ${word}`)
      );
  const fill = (phrase: string, prompt: string) => prompt.replaceAll(PHRASE, () => phrase);
  return {
    firstBin: counts.rows - counts.bins,
    encode(phrase, prompt, style) {
      if (read(phrase, style).length === 0) {
        throw new InputRangeError(`Cannot read phrase ${quote(phrase)}: it comes to no token`);
      }
      const tokens = read(fill(phrase, prompt), style);
      if (tokens.length === 0) {
        throw new InputRangeError(`Cannot read prompt ${quote(prompt)}: it comes to no token`);
      }
      return [START, ...tokens, END];
    },
    notes(phrase, prompt, style) {
      const text = fill(phrase, prompt);
      const words = style === "training" ? clean(text).split(" ").length : 0;
      return [
        ...(words > MAX_WORDS
          ? [`the instruction has ${words} words, of which the model reads the first ${MAX_WORDS}`]
          : []),
        ...(read(text, style).includes(UNKNOWN)
          ? ["the dictionary of the model lacks a part of the instruction"]
          : []),
      ];
    },
    decode(tokens) {
      let text = "";
      // Bytes of one letter may lie in several tokens.
      let pairs: number[] = [];
      const rest = tokens.filter((token) => token !== START && token !== END);
      for (const symbol of rest.map((token) => symbols[token] ?? `<${token}>`)) {
        if (/^\d+$/.test(symbol)) {
          pairs.push(Number(symbol));
          continue;
        }
        text += `${show(pairs)} ${symbol} `;
        pairs = [];
      }
      return (text + show(pairs)).replace(/ {2,}/g, " ").trim();
    },
  };
}

/** Reads the symbols of all token ids, in the order of the ids (`OFATask.setup_task`). */
function readDictionary(text: string, { rows, bins, codes }: TokenCounts): string[] {
  const lines = text.split(/\r\n?|\n/);
  if (lines.at(-1) === "") lines.pop();
  const own = lines.map((line, i) => {
    const [, symbol] = /^(.+) \d+\s*$/.exec(line) ?? [];
    if (symbol !== undefined) return symbol;
    throw new SyntaxError(
      `Cannot read dict.txt: expected a symbol and a count in line ${i + 1}, got ${quote(line)}`,
    );
  });
  const seen = new Set<string>();
  const twice = own.find((symbol) => seen.size === seen.add(symbol).size);
  if (twice !== undefined) {
    throw new SyntaxError(`Cannot read dict.txt: it has ${quote(twice)} twice`);
  }
  const before = ["<s>", "<pad>", "</s>", "<unk>", ...own, "<mask>"];
  const pictures = codes ?? rows - before.length - bins;
  if (pictures < 0 || before.length + pictures + bins !== rows) {
    throw new SyntaxError(
      `Cannot read dict.txt: it has ${own.length} symbols, and the model has embeddings of ` +
        `${rows - (codes ?? 0) - bins - before.length + own.length}`,
    );
  }
  const list = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => `<${name}_${i}>`);
  return [...before, ...list("code", pictures), ...list("bin", bins)];
}

/** Words of an instruction in lower case, as the demo cuts them. */
function wordsOf(text: string): string[] {
  return text.toLowerCase().split(BLANKS).filter((word) => word !== "");
}

/** Cleans an instruction as `pre_caption` does in training. */
function clean(text: string): string {
  return text.toLowerCase()
    .replace(/^[,.!?*#:;~]+/, "")
    .replace(/[-/]/g, " ")
    .replaceAll("<person>", "person")
    .replace(/\p{White_Space}{2,}/gu, " ")
    .replace(/\n+$/, "")
    .replace(/^ +| +$/g, "");
}
