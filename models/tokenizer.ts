/**
 * CLIP's byte-pair tokenizer, by `@huggingface/tokenizers`, with the padding
 * and truncation that Stable Diffusion's text encoder expects.
 *
 * @module
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { printable, quote, show } from "./checkpoint/quote.ts";

/** A phrase as the text encoder reads it. */
export interface EncodedPhrase {
  /** Start token, the phrase, end token, then padding; as many as the model has positions. */
  readonly ids: readonly number[];
  /** Tokens before the padding, start and end included. */
  readonly length: number;
  /** Tokens that did not fit and were cut off; absent where there are none. */
  readonly cut?: number;
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

/** CLIP's pre-tokenizer: contractions, words, single digits, runs of anything else. */
const CLIP_PATTERN =
  `<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+`;

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

/** The `tokenizer.json` that transformers would write for CLIP's vocabulary and merges. */
function assemble(vocabulary: ReadonlyMap<string, number>, merges: Merges) {
  return {
    version: "1.0",
    added_tokens: [START, END].map((content) => ({
      id: vocabulary.get(content)!,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: content === START,
      special: true,
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: CLIP_PATTERN }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
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
    const lines = files.merges.split(/\r?\n/);
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
  return {
    positions,
    encode(phrase) {
      const { ids: tokens } = inner.encode(phrase, { add_special_tokens: false });
      const ids = [start, ...tokens.slice(0, positions - 2), end];
      const cut = tokens.length + 2 - ids.length;
      return {
        length: ids.length,
        ids: [...ids, ...Array(positions - ids.length).fill(pad)],
        ...(cut > 0 && { cut }),
      };
    },
  };
}
