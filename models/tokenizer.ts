/**
 * CLIP's byte-pair tokenizer, by `@huggingface/tokenizers`, with the padding
 * and truncation that Stable Diffusion's text encoder expects.
 *
 * @module
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";

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
}

const START = "<|startoftext|>";
const END = "<|endoftext|>";

/** CLIP's pre-tokenizer: contractions, words, single digits, runs of anything else. */
const CLIP_PATTERN =
  `<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+`;

/** The parts of a `tokenizer.json` that are read here. */
interface TokenizerJson {
  added_tokens?: { id: number; content: string }[];
  post_processor?: unknown;
  truncation?: unknown;
  padding?: unknown;
  model?: { vocab?: Record<string, number>; merges?: unknown[] };
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(
      `Cannot read ${file}: it is not valid JSON (${(error as Error).message})`,
    );
  }
}

/** The `tokenizer.json` that transformers would write for CLIP's vocabulary and merges. */
function assemble(vocabText: string, mergesText: string): TokenizerJson {
  const vocab = parseJson(vocabText, "vocab.json");
  const isVocab = typeof vocab === "object" && vocab !== null && !Array.isArray(vocab) &&
    Object.values(vocab).every(Number.isInteger);
  if (!isVocab) throw new SyntaxError("Cannot read vocab.json: expected an object of token ids");
  const merges = mergesText.split(/\r?\n/)
    .filter((line) => line.trim() !== "" && !line.startsWith("#version"))
    .map((line, i) => {
      const pair = line.trim().split(" ");
      if (pair.length !== 2) {
        throw new SyntaxError(
          `Cannot read merges.txt: merge ${i + 1} must be two tokens, got "${line}"`,
        );
      }
      return pair;
    });
  const ids = vocab as Record<string, number>;
  const json = {
    version: "1.0",
    added_tokens: [START, END].map((content) => ({
      id: ids[content],
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
    decoder: null,
    model: {
      type: "BPE",
      unk_token: END,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab: ids,
      merges,
    },
  };
  return json as unknown as TokenizerJson;
}

/**
 * Makes a tokenizer from its files.
 *
 * @throws {SyntaxError} If a file is not what it should be.
 * @throws {TypeError} If neither `tokenizerJson` nor both other files are given.
 */
export function createTokenizer(files: TokenizerFiles, options: TokenizerOptions = {}): Tokenizer {
  const { positions = 77, padToken = "!" } = options;
  let json: TokenizerJson;
  if (files.vocab !== undefined && files.merges !== undefined) {
    json = assemble(files.vocab, files.merges);
  } else if (files.tokenizerJson !== undefined) {
    json = parseJson(files.tokenizerJson, "tokenizer.json") as TokenizerJson;
    if (!json?.model?.vocab || !Array.isArray(json.model.merges)) {
      throw new SyntaxError("Cannot read tokenizer.json: expected a byte-pair model");
    }
  } else {
    throw new TypeError("Cannot make a tokenizer: vocab.json and merges.txt are needed");
  }
  const added = new Map(json.added_tokens?.map(({ content, id }) => [content, id]));
  const id = (token: string) => {
    const found = json.model?.vocab?.[token] ?? added.get(token);
    if (found === undefined) {
      throw new SyntaxError(`Cannot make a tokenizer: the vocabulary has no token "${token}"`);
    }
    return found;
  };
  const [start, end, pad] = [id(START), id(END), id(padToken)];
  // Start, end, truncation and padding are ours: they are part of the method. A tokenizer.json
  // that was saved with "!" as padding takes every "!" of a phrase for padding; it is a word here.
  const special = json.added_tokens?.filter(({ content }) => [START, END].includes(content));
  const inner = new HuggingFaceTokenizer(
    { ...json, added_tokens: special, post_processor: null, truncation: null, padding: null },
    { clean_up_tokenization_spaces: false },
  );
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
