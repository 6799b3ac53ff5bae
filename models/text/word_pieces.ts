/**
 * BERT's word pieces on top of `@huggingface/tokenizers`: with hi-ml-multimodal's preparation of
 * phrases, or with the padding and truncation of diffusion models.
 *
 * @module
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { InputRangeError, InputSyntaxError } from "../../base/errors.ts";
import { isObject, parseJson } from "../../base/json.ts";
import { quote, show } from "../../base/text.ts";
import { fitPhrase, MIN_SPELLED, type Tokenizer, wordNotes } from "../tokenizer.ts";

/** Turns phrases into token ids. */
export interface WordPieces {
  /**
   * Encodes a phrase without "!", "?" and "." at its end.
   *
   * @returns Ids of the start token, the phrase and the end token.
   * @throws {RangeError} If the phrase has more tokens than the model has positions.
   * @throws {SyntaxError} If the phrase contains a special token of BERT other than [MASK].
   */
  encode(phrase: string): number[];
  /**
   * Notes on how the tokenizer reads a phrase, one clause each. They name words that the
   * vocabulary lacks, and words that the tokenizer reads letter by letter.
   */
  notes(phrase: string): string[];
}

/** Kind and text of the file that holds a vocabulary. */
export type VocabularyFile =
  | { readonly kind: "vocab.txt"; readonly text: string }
  | { readonly kind: "tokenizer.json"; readonly text: string };

/** Options of {@linkcode createWordPieces}. */
export interface WordPiecesOptions {
  /** Most tokens of a phrase, start and end included. */
  readonly positions: number;
  /** Number of token ids that the text encoder knows; every id must be below it. */
  readonly vocabulary: number;
}

const PADDING = "[PAD]";
const UNKNOWN = "[UNK]";
const START = "[CLS]";
const END = "[SEP]";
const MASK = "[MASK]";
const SPECIAL = [PADDING, UNKNOWN, START, END, MASK];

/** Most letters of a word; longer words become one unknown token (WordpieceTokenizer). */
const MAX_LETTERS = 100;

function readVocabulary({ kind, text }: VocabularyFile): Map<string, number> {
  if (kind === "vocab.txt") {
    const tokens = text.split(/\r\n?|\n/);
    if (tokens.at(-1) === "") tokens.pop();
    return new Map(tokens.map((token, id) => [token, id]));
  }
  const json = parseJson(text, "tokenizer.json");
  // `assemble` replaces every other field by BERT's own: a stranger's pattern can run for years.
  const model = isObject(json) && isObject(json.model) ? json.model : {};
  const ids = isObject(model.vocab) ? Object.entries(model.vocab) : [];
  if (model.type !== "WordPiece" || ids.length === 0) {
    throw new SyntaxError("Cannot read tokenizer.json: expected a WordPiece model");
  }
  return new Map(ids as [string, number][]);
}

/** Makes the `tokenizer.json` that transformers would write for BERT. */
function assemble(vocabulary: ReadonlyMap<string, number>, lowercase: boolean) {
  return {
    version: "1.0",
    added_tokens: SPECIAL.map((content) => ({
      id: vocabulary.get(content)!,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: null,
    decoder: null,
    model: {
      type: "WordPiece",
      unk_token: UNKNOWN,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: MAX_LETTERS,
      vocab: Object.fromEntries(vocabulary),
    },
  };
}

/**
 * Drops invisible characters, as transformers does. The library keeps unassigned and private-use
 * characters.
 */
function dropInvisible(text: string): string {
  return text.replace(/(?![\t\n\r])\p{C}/gu, "");
}

/** Reads texts by a vocabulary. */
interface Reader {
  /** Id of a special token. */
  id(token: string): number;
  /** Ids of a text without special tokens. */
  read(text: string): number[];
  /** Words of a text that the vocabulary lacks, and words that are read letter by letter. */
  oddWords(text: string): { unknown: string[]; spelled: string[] };
}

function openReader(file: VocabularyFile, size: number, lowercase = true): Reader {
  const vocabulary = readVocabulary(file);
  for (const [token, id] of vocabulary) {
    if (!(Number.isInteger(id) && id >= 0 && id < size)) {
      throw new SyntaxError(
        `Cannot read ${file.kind}: expected token ids below ${size}, as many as the text encoder ` +
          `knows, got ${show(id)} for ${quote(token)}`,
      );
    }
  }
  const id = (token: string) => {
    const found = vocabulary.get(token);
    if (found !== undefined) return found;
    throw new SyntaxError(`Cannot read ${file.kind}: it has no token "${token}"`);
  };
  SPECIAL.forEach(id);
  const inner = new HuggingFaceTokenizer(assemble(vocabulary, lowercase), {
    clean_up_tokenization_spaces: false,
  });
  const read = (text: string): number[] =>
    inner.encode(dropInvisible(text), { add_special_tokens: false }).ids;
  return {
    id,
    read,
    oddWords(text) {
      const [unknown, spelled] = [new Set<string>(), new Set<string>()];
      for (const [word] of dropInvisible(text).matchAll(/[\p{L}\p{M}]+/gu)) {
        const ids = read(word);
        const letters = word.match(/\p{L}/gu)?.length ?? 0;
        if (ids.includes(id(UNKNOWN))) unknown.add(word);
        else if (letters >= MIN_SPELLED && ids.length >= letters) spelled.add(word);
      }
      return { unknown: [...unknown], spelled: [...spelled] };
    },
  };
}

/**
 * Makes a tokenizer from a vocabulary, for BioViL.
 *
 * @throws {SyntaxError} If the file is malformed, has an id beyond the text encoder's, or lacks a
 * special token.
 */
export function createWordPieces(
  file: VocabularyFile,
  { positions, vocabulary }: WordPiecesOptions,
): WordPieces {
  const { id, read, oddWords } = openReader(file, vocabulary);
  return {
    encode(phrase) {
      const special = SPECIAL.find((token) => token !== MASK && phrase.includes(token));
      if (special) {
        throw new InputSyntaxError(
          `Cannot read phrase ${quote(phrase)}: "${special}" has a meaning of its own in BERT`,
        );
      }
      const ids = [id(START)];
      const bare = phrase.replace(/[!?.]+$/, "");
      for (const [i, part] of bare.split(MASK).entries()) {
        if (i > 0) ids.push(id(MASK));
        ids.push(...read(part));
      }
      ids.push(id(END));
      if (ids.length > positions) {
        throw new InputRangeError(
          `Cannot read phrase ${quote(phrase)}: it has ${ids.length} tokens, and the text ` +
            `encoder takes ${positions}`,
        );
      }
      return ids;
    },
    notes(phrase) {
      const { unknown, spelled } = oddWords(phrase.replaceAll(MASK, " "));
      return wordNotes(unknown, spelled);
    },
  };
}

/** Options of {@linkcode createBertTokenizer}. */
export interface BertTokenizerOptions extends WordPiecesOptions {
  /**
   * Token that fills the positions after the end token.
   *
   * @default {"[PAD]"}
   */
  readonly padToken?: string;
  /**
   * Capitals become lower case, and letters lose their accents.
   *
   * @default {true}
   */
  readonly lowercase?: boolean;
}

/** The special tokens in a phrase; the brackets keep them when a phrase is split. */
const SPECIAL_TOKENS = new RegExp(`(${SPECIAL.map(RegExp.escape).join("|")})`, "g");

/**
 * Makes BERT's tokenizer as diffusion models use it: the phrase as it is, its end cut off if it is
 * too long, and padding. A special token in the phrase stands for itself, as in transformers.
 *
 * @throws {SyntaxError} If the file is malformed, has an id beyond the text encoder's, or lacks a
 * special token.
 */
export function createBertTokenizer(
  file: VocabularyFile,
  { positions, vocabulary, padToken = PADDING, lowercase }: BertTokenizerOptions,
): Tokenizer {
  const { id, read, oddWords } = openReader(file, vocabulary, lowercase);
  const pad = id(padToken);
  return {
    positions,
    encode(phrase) {
      const parts = phrase.split(SPECIAL_TOKENS);
      const ids = parts.flatMap((part) => SPECIAL.includes(part) ? [id(part)] : read(part));
      const { unknown, spelled } = oddWords(phrase.replaceAll(SPECIAL_TOKENS, " "));
      return {
        ...fitPhrase([id(START), ...ids, id(END)], positions, pad),
        ...(spelled.length > 0 && { spelled }),
        ...(unknown.length > 0 && { unknown }),
      };
    },
  };
}
