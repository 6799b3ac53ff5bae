/**
 * CLIP's byte-pair tokenizer on top of `@huggingface/tokenizers`, with the padding
 * and truncation that Stable Diffusion's text encoder expects.
 *
 * @module
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { InputTypeError } from "../base/errors.ts";
import { isObject, parseJson } from "../base/json.ts";
import { quote, show } from "../base/text.ts";

/** The token ids of a phrase for the text encoder. */
export interface EncodedPhrase {
  /** Start token, phrase, end token and padding: one id per position of the text encoder. */
  readonly ids: readonly number[];
  /** Number of tokens before the padding, start and end included. */
  readonly length: number;
  /** Number of tokens that did not fit and were cut off; absent if there are none. */
  readonly cut?: number;
  /** Words that the tokenizer reads letter by letter; absent if there are none. */
  readonly spelled?: readonly string[];
  /** Words that the vocabulary lacks; absent if there are none. */
  readonly unknown?: readonly string[];
  /**
   * The text encoder hides the padding from attention; the U-Net sees the padding always.
   *
   * @default {false}
   */
  readonly masked?: boolean;
}

/** Turns phrases into token ids. */
export interface Tokenizer {
  /** Number of token positions of the text encoder, padding included. */
  readonly positions: number;
  /**
   * Encodes a phrase. Tokens that do not fit are cut off before the end token.
   *
   * @param phrase Any text; `""` gives start, end and padding.
   */
  encode(phrase: string): EncodedPhrase;
}

/** Texts of the files that a tokenizer is made from. */
export interface TokenizerFiles {
  /** `tokenizer.json`; unused if both `vocab` and `merges` are given. */
  readonly tokenizerJson?: string;
  /** `vocab.json`: token to id. */
  readonly vocab?: string;
  /** `merges.txt`: one pair of tokens per line, best first. */
  readonly merges?: string;
}

/** Options of {@linkcode createTokenizer}. */
export interface TokenizerOptions {
  /**
   * Number of token positions of the text encoder.
   *
   * @default {77}
   */
  positions?: number;
  /**
   * Token that fills the positions after the end token. Stable Diffusion 2.1 pads with "!",
   * which has id 0; Stable Diffusion 1 pads with the end token.
   *
   * @default {"!"}
   */
  padToken?: string;
  /**
   * Number of token ids that the text encoder knows; every id must be below it.
   *
   * @default {1_000_000}
   */
  vocabulary?: number;
}

const START = "<|startoftext|>";
const END = "<|endoftext|>";
const END_OF_WORD = "</w>";

/** CLIP's pre-tokenizer: special tokens, contractions, words, single digits, other sequences. */
const WORDS =
  /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

/** The ideographs of `BasicTokenizer._is_chinese_char` in transformers 4.57. */
const CJK =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B820}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

/** Fewest letters of a word that a vocabulary should have; shorter words are often units. */
export const MIN_SPELLED = 3;

/** Pairs of tokens to join, best first. */
export type Merges = readonly (readonly [string, string])[];

/** Bound on token ids if the caller does not say how many the text encoder knows. */
const MAX_ID = 1_000_000;

/**
 * Checks a vocabulary of tokens.
 *
 * @param file Name of the file for messages.
 * @param size Number that every id must be below.
 * @throws {SyntaxError} If the value is no object of ids.
 */
export function readVocabulary(
  value: unknown,
  file: string,
  size: number = MAX_ID,
): Map<string, number> {
  if (!isObject(value)) {
    throw new SyntaxError(`Cannot read ${file}: expected an object of token ids`);
  }
  const tokens = new Map<string, number>();
  for (const [token, id] of Object.entries(value)) {
    if (!(Number.isInteger(id) && (id as number) >= 0 && (id as number) < size)) {
      throw new SyntaxError(
        `Cannot read ${file}: expected an object of token ids below ${size}, ` +
          `got ${show(id)} for ${quote(token)}`,
      );
    }
    tokens.set(token, id as number);
  }
  return tokens;
}

/** The lines of a file of merges that hold a pair. */
export function mergeLines(text: string): string[] {
  return text.split(/\r\n?|\n/)
    .filter((line) => line.trim() !== "" && !line.startsWith("#version"));
}

/**
 * Checks pairs of tokens to join.
 *
 * @param values A pair, or a text with a blank between two tokens, for each merge.
 * @param file Name of the file for messages.
 * @throws {SyntaxError} If an entry is no pair.
 */
export function readMerges(values: readonly unknown[], file: string): Merges {
  return values.map((value, i) => {
    const pair = typeof value === "string" ? value.trim().split(" ") : value;
    if (
      !Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === "string")
    ) {
      throw new SyntaxError(
        `Cannot read ${file}: merge ${i + 1} must be two tokens, got ${show(value)}`,
      );
    }
    return pair as [string, string];
  });
}

/**
 * Reads the vocabulary, added tokens included, and the merges of a `tokenizer.json`.
 *
 * This module replaces every other field by CLIP's own. The patterns in a `tokenizer.json` are
 * a kind of code: a stranger's pattern can run for years.
 */
function readTokenizerJson(text: string, size: number): [Map<string, number>, Merges] {
  const file = "tokenizer.json";
  const json = parseJson(text, file);
  const model = isObject(json) ? json.model : undefined;
  const isClips = isObject(model) && isObject(model.vocab) && Array.isArray(model.merges) &&
    model.end_of_word_suffix === END_OF_WORD;
  if (!isClips) {
    throw new SyntaxError(
      `Cannot read ${file}: expected a byte-pair model whose words end in "${END_OF_WORD}"`,
    );
  }
  const vocabulary = readVocabulary(model.vocab, file, size);
  const { added_tokens: added = [] } = json as { added_tokens?: unknown };
  const isAdded = Array.isArray(added) &&
    added.every((token) => isObject(token) && typeof token.content === "string");
  if (!isAdded) {
    throw new SyntaxError(`Cannot read ${file}: "added_tokens" must be a list of tokens`);
  }
  for (const { content, id } of added) {
    for (const [token, checked] of readVocabulary({ [content]: id }, file, size)) {
      if (!vocabulary.has(token)) vocabulary.set(token, checked);
    }
  }
  return [vocabulary, readMerges(model.merges as unknown[], file)];
}

/**
 * Makes the content of a `tokenizer.json` that tokenizes one word at a time.
 *
 * @param vocabulary Ids by token.
 * @param merges Pairs of tokens to join, best first.
 * @param marks Token of unknown bytes, and ending of each word; by default there is neither.
 */
export function byteLevelModel(
  vocabulary: ReadonlyMap<string, number>,
  merges: Merges,
  marks: { readonly unknown?: string; readonly endOfWord?: string } = {},
) {
  return {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: false,
    },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      unk_token: marks.unknown ?? null,
      continuing_subword_prefix: "",
      end_of_word_suffix: marks.endOfWord ?? null,
      fuse_unk: false,
      vocab: Object.fromEntries(vocabulary),
      merges: merges.map(([left, right]): [string, string] => [left, right]),
    },
  };
}

/**
 * Cleans a text as `BasicTokenizer` of transformers 4 does for CLIP. Invisible characters are
 * dropped, each CJK character becomes a word of its own, and capitals become lower case.
 */
function clean(text: string): string {
  return text
    .replace(/(?![\t\n\r])\p{C}|\uFFFD/gu, "")
    .replace(CJK, " $& ")
    .normalize("NFC")
    .toLowerCase();
}

/**
 * Makes a tokenizer from its files.
 *
 * @throws {SyntaxError} If a file is malformed or lacks the start, end or padding token.
 * @throws {TypeError} If neither `tokenizerJson` nor both other files are given.
 */
export function createTokenizer(files: TokenizerFiles, options: TokenizerOptions = {}): Tokenizer {
  const { positions = 77, padToken = "!", vocabulary: size = MAX_ID } = options;
  let vocabulary: Map<string, number>;
  let merges: Merges;
  if (files.vocab !== undefined && files.merges !== undefined) {
    vocabulary = readVocabulary(parseJson(files.vocab, "vocab.json"), "vocab.json", size);
    merges = readMerges(mergeLines(files.merges), "merges.txt");
  } else if (files.tokenizerJson !== undefined) {
    [vocabulary, merges] = readTokenizerJson(files.tokenizerJson, size);
  } else {
    throw new InputTypeError("Cannot make a tokenizer: vocab.json and merges.txt are needed");
  }
  const id = (token: string) => {
    const found = vocabulary.get(token);
    if (found !== undefined) return found;
    throw new SyntaxError(
      `Cannot make a tokenizer: the vocabulary (vocab.json or tokenizer.json) has no token ` +
        quote(token),
    );
  };
  const [start, end, pad] = [id(START), id(END), id(padToken)];
  // The code below adds start, end and padding and truncates, because they belong to the method.
  const inner = new HuggingFaceTokenizer(
    byteLevelModel(vocabulary, merges, { unknown: END, endOfWord: END_OF_WORD }),
    {
      clean_up_tokenization_spaces: false,
    },
  );
  const special = new Map([[START, start], [END, end], [padToken, pad]]);
  // Transformers, too, looks for the longest special token first.
  const tokens = [...special.keys()].sort((a, b) => b.length - a.length).map(RegExp.escape);
  const boundaries = new RegExp(`(${tokens.join("|")})`, "u");
  return {
    positions,
    encode(phrase) {
      const ids = [start];
      const spelled = new Set<string>();
      for (const part of phrase.split(boundaries)) {
        const found = special.get(part);
        if (found !== undefined) ids.push(found);
        else {
          for (const word of clean(part).match(WORDS) ?? []) {
            // A start or end token in capitals becomes the token itself once it is in lower case.
            const pieces = word === START || word === END
              ? [id(word)]
              : inner.encode(word, { add_special_tokens: false }).ids;
            ids.push(...pieces);
            if (isSpelled(word, pieces.length)) spelled.add(word);
          }
        }
      }
      ids.push(end);
      return {
        ...fitPhrase(ids, positions, pad),
        ...(spelled.size > 0 && { spelled: [...spelled] }),
      };
    },
  };
}

/**
 * Brings a phrase to the number of positions. Tokens that do not fit are cut off before the end
 * token.
 *
 * @param ids Ids of start token, phrase and end token.
 * @param positions Number of positions.
 * @param pad Id of the padding.
 */
export function fitPhrase(ids: readonly number[], positions: number, pad: number): EncodedPhrase {
  const cut = ids.length - positions;
  const kept = cut > 0 ? [...ids.slice(0, positions - 1), ids.at(-1)!] : ids;
  return {
    length: kept.length,
    ids: [...kept, ...Array(positions - kept.length).fill(pad)],
    ...(cut > 0 && { cut }),
  };
}

/**
 * Whether no two letters of a word share a token. There are more tokens than letters if the
 * vocabulary lacks a letter of several bytes.
 */
function isSpelled(word: string, tokens: number): boolean {
  const letters = [...word].length;
  return /^\p{L}/u.test(word) &&
    (tokens > letters || letters >= MIN_SPELLED && tokens === letters);
}

/**
 * Notes on how a text encoder reads a phrase, one clause each. The list is empty if the encoder
 * reads the whole phrase as words and parts of words.
 */
export function phraseNotes({ length, cut, unknown, spelled }: EncodedPhrase): string[] {
  const notes: string[] = [];
  if (cut !== undefined) {
    const read = length - 2;
    notes.push(`the phrase has ${read + cut} tokens, of which the model reads the first ${read}`);
  }
  return [...notes, ...wordNotes(unknown, spelled)];
}

/** Notes on the words that a vocabulary lacks, and on the words that are read letter by letter. */
export function wordNotes(unknown: readonly string[] = [], spelled: readonly string[] = []) {
  return [
    ...(unknown.length > 0
      ? [`the tokenizer does not know ${listWords(unknown)} and reads "[UNK]" instead`]
      : []),
    ...(spelled.length > 0 ? [`the tokenizer reads ${listWords(spelled)} letter by letter`] : []),
  ];
}

/** Whether a sample's note says how a tokenizer reads the phrase. */
export function isReadingNote(note: string): boolean {
  return note.startsWith("the phrase has ") || note.startsWith("the tokenizer ");
}

/** Most words that a note names. */
const MAX_NAMED = 5;

/** Lists words of a phrase for a note: the first five, then the number of other words. */
function listWords(words: Iterable<string>): string {
  const all = [...words];
  const named = all.slice(0, MAX_NAMED).map((word) => quote(word));
  const others = all.length - named.length;
  return [...named, ...(others > 0 ? [`${others} more`] : [])].join(", ").replace(
    /, ([^,]*)$/,
    " and $1",
  );
}
