/**
 * CLIP's byte-pair tokenizer, by `@huggingface/tokenizers`, with the padding
 * and truncation that Stable Diffusion's text encoder expects.
 *
 * @module
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { printable, quote, show } from "../base/text.ts";

/** A phrase as the text encoder reads it. */
export interface EncodedPhrase {
  /** Start token, the phrase, end token, then padding; as many as the model has positions. */
  readonly ids: readonly number[];
  /** Tokens before the padding, start and end included. */
  readonly length: number;
  /** Tokens that did not fit and were cut off; absent where there are none. */
  readonly cut?: number;
  /** Words that are read letter by letter, in lower case; absent where there are none. */
  readonly spelled?: readonly string[];
}

/** Turns phrases into token ids. */
export interface Tokenizer {
  /** Positions of the text encoder, padding included. */
  readonly positions: number;
  /**
   * Encodes a phrase; what does not fit is cut off before the end token.
   *
   * @param phrase Any text; `""` gives start, end and padding.
   */
  encode(phrase: string): EncodedPhrase;
}

/** The files a tokenizer is made from, as text. */
export interface TokenizerFiles {
  /** `tokenizer.json`; otherwise `vocab` and `merges` are both needed. */
  readonly tokenizerJson?: string;
  /** `vocab.json`: token to id. */
  readonly vocab?: string;
  /** `merges.txt`: one pair a line, best first. */
  readonly merges?: string;
}

/** Options of {@linkcode createTokenizer}. */
export interface TokenizerOptions {
  /**
   * Positions of the text encoder.
   *
   * @default {77}
   */
  positions?: number;
  /**
   * Token after the end token. Stable Diffusion 2.1 pads with "!", which is id
   * 0, and not with the end token as Stable Diffusion 1 does.
   *
   * @default {"!"}
   */
  padToken?: string;
  /**
   * How many token ids the text encoder knows; they are below it.
   *
   * @default {1_000_000}
   */
  vocabulary?: number;
}

const START = "<|startoftext|>";
const END = "<|endoftext|>";
const END_OF_WORD = "</w>";

/** CLIP's pre-tokenizer: special tokens, contractions, words, single digits, runs of anything else. */
const WORDS =
  /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

/** The ideographs of `BasicTokenizer._is_chinese_char` in transformers 4.57. */
const CJK =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B820}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

/** Fewer letters, such as a unit's, are no word that a vocabulary should have. */
export const MIN_SPELLED = 3;

/** Pairs of tokens that are joined, best first. */
type Merges = readonly (readonly [string, string])[];

/** Largest token id, where the text encoder does not say how many it knows. */
const MAX_ID = 1_000_000;

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = printable((error as Error).message);
    throw new SyntaxError(`Cannot read ${file}: it is not valid JSON (${reason})`);
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function readVocabulary(value: unknown, file: string, size: number): Map<string, number> {
  if (!isRecord(value)) {
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

function readMerges(values: readonly unknown[], file: string): Merges {
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
 * Vocabulary and merges of a `tokenizer.json`. All else in it is CLIP's as it stands here: its
 * patterns are code of a kind, and one from a stranger can run for years.
 */
function readTokenizerJson(text: string, size: number): [Map<string, number>, Merges] {
  const file = "tokenizer.json";
  const json = parseJson(text, file);
  const model = isRecord(json) ? json.model : undefined;
  const isClips = isRecord(model) && isRecord(model.vocab) && Array.isArray(model.merges) &&
    model.end_of_word_suffix === END_OF_WORD;
  if (!isClips) {
    throw new SyntaxError(
      `Cannot read ${file}: expected a byte-pair model whose words end in "${END_OF_WORD}"`,
    );
  }
  const vocabulary = readVocabulary(model.vocab, file, size);
  const { added_tokens: added = [] } = json as { added_tokens?: unknown };
  const isAdded = Array.isArray(added) &&
    added.every((token) => isRecord(token) && typeof token.content === "string");
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

/** A `tokenizer.json` with CLIP's vocabulary and merges, for one word at a time. */
function assemble(vocabulary: ReadonlyMap<string, number>, merges: Merges) {
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
    decoder: null,
    model: {
      type: "BPE",
      unk_token: END,
      continuing_subword_prefix: "",
      end_of_word_suffix: END_OF_WORD,
      fuse_unk: false,
      vocab: Object.fromEntries(vocabulary),
      merges: merges.map(([left, right]): [string, string] => [left, right]),
    },
  };
}

/**
 * Cleans a text as `BasicTokenizer` of transformers 4 does for CLIP: what cannot be seen is left
 * out, and each CJK character stands alone.
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
 * @throws {SyntaxError} If a file is not what it should be.
 * @throws {TypeError} If neither `tokenizerJson` nor both other files are given.
 */
export function createTokenizer(files: TokenizerFiles, options: TokenizerOptions = {}): Tokenizer {
  const { positions = 77, padToken = "!", vocabulary: size = MAX_ID } = options;
  let vocabulary: Map<string, number>;
  let merges: Merges;
  if (files.vocab !== undefined && files.merges !== undefined) {
    vocabulary = readVocabulary(parseJson(files.vocab, "vocab.json"), "vocab.json", size);
    const lines = files.merges.split(/\r\n?|\n/);
    merges = readMerges(
      lines.filter((line) => line.trim() !== "" && !line.startsWith("#version")),
      "merges.txt",
    );
  } else if (files.tokenizerJson !== undefined) {
    [vocabulary, merges] = readTokenizerJson(files.tokenizerJson, size);
  } else {
    throw new TypeError("Cannot make a tokenizer: vocab.json and merges.txt are needed");
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
  // Start, end, truncation and padding are ours: they are part of the method.
  const inner = new HuggingFaceTokenizer(assemble(vocabulary, merges), {
    clean_up_tokenization_spaces: false,
  });
  const special = new Map([[START, start], [END, end], [padToken, pad]]);
  // The longest first, as in transformers.
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
            // Cleaning lowers a start or end token in capitals, which is then read as the token.
            const pieces = word === START || word === END
              ? [id(word)]
              : inner.encode(word, { add_special_tokens: false }).ids;
            ids.push(...pieces);
            if (isSpelled(word, pieces.length)) spelled.add(word);
          }
        }
      }
      ids.push(end);
      const cut = ids.length - positions;
      if (cut > 0) ids.splice(positions - 1, cut);
      return {
        length: ids.length,
        ids: [...ids, ...Array(positions - ids.length).fill(pad)],
        ...(cut > 0 && { cut }),
        ...(spelled.size > 0 && { spelled: [...spelled] }),
      };
    },
  };
}

/**
 * Whether no two letters of a word share a token. A letter of several bytes that the vocabulary
 * lacks has several tokens.
 */
function isSpelled(word: string, tokens: number): boolean {
  const letters = [...word].length;
  return /^\p{L}/u.test(word) &&
    (tokens > letters || letters >= MIN_SPELLED && tokens === letters);
}

/**
 * What is to be known of how a text encoder reads a phrase, a clause each; none where it reads all
 * of it in words and parts of words.
 */
export function phraseNotes({ length, cut, spelled }: EncodedPhrase): string[] {
  const notes: string[] = [];
  if (cut !== undefined) {
    const read = length - 2;
    notes.push(`the phrase has ${read + cut} tokens, of which the model reads the first ${read}`);
  }
  if (spelled) notes.push(`the tokenizer reads ${listWords(spelled)} letter by letter`);
  return notes;
}

/** Whether a sample's note says how its phrase is read, by whichever tokenizer. */
export function isReadingNote(note: string): boolean {
  return note.startsWith("the phrase has ") || note.startsWith("the tokenizer ");
}

/** Most words that a note names. */
const MAX_NAMED = 5;

/** Words of a phrase for a note, the first few by name. */
export function listWords(words: Iterable<string>): string {
  const all = [...words];
  const named = all.slice(0, MAX_NAMED).map((word) => quote(word));
  const others = all.length - named.length;
  return [...named, ...(others > 0 ? [`${others} more`] : [])].join(", ").replace(
    /, ([^,]*)$/,
    " and $1",
  );
}
