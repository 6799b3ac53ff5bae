import { isObject } from "../../base/json.ts";
import { show } from "../../base/text.ts";
import type { Checkpoint } from "../checkpoint/mod.ts";
import { Fields } from "../json_fields.ts";
import { isFile, namingFolder, readJson, readText, requireFile } from "../model_files.ts";
import { openWeights } from "../open_weights.ts";
import { createTokenizer, type Tokenizer } from "../tokenizer.ts";
import {
  fitTextEncoder,
  MAX_TOKENS,
  readTextConfig,
  type TextEncoderLayout,
} from "./text_encoder.ts";
import { createBertTokenizer, type VocabularyFile } from "./word_pieces.ts";

/** A text encoder on disk: checked, without its weights in memory. */
export interface TextModel {
  /** Architecture of the text encoder. */
  readonly layout: TextEncoderLayout;
  /** The encoder's tensors under the names of the graph of `buildTextEncoder()`. */
  readonly checkpoint: Checkpoint;
  /** Turns phrases into token ids; its positions are the tokens of a phrase. */
  readonly tokenizer: Tokenizer;
}

/**
 * Library that decides where the files of a CLIP leave something open. `monai`: a whole CLIP model
 * loses its last layer, and "!" is the padding. `diffusers`: a whole CLIP model keeps all layers,
 * and the end token is the padding.
 */
export type TextRules = "monai" | "diffusers";

/**
 * Opens a text encoder with its tokenizer: CLIP, or BERT such as CXR-BERT. Opening reads only
 * headers, and checks every tensor's name and shape.
 *
 * `model_max_length` in `tokenizer_config.json` is the number of tokens. `mask_padding` there is
 * Groundray's own key: `none`, `phrases` (all but the empty phrase) or `all`, where the encoder
 * hides the padding. Without this key the encoder's `use_attention_mask` decides.
 *
 * @param encoder Folder with the encoder's `config.json` and weights.
 * @param tokenizer Folder of the tokenizer's files.
 * @throws {NotFound} If a file is missing.
 * @throws {SyntaxError} If a file is malformed, or describes an encoder that is not supported.
 * @throws {RangeError} If the weights do not match the architecture.
 */
export async function openText(
  encoder: string,
  tokenizer: string,
  rules: TextRules = "monai",
): Promise<TextModel> {
  const config = await requireFile([`${encoder}/config.json`], "the text encoder");
  const layout = readTextConfig(await readJson(config), `"${config}"`, rules === "diffusers");
  const stored = await openWeights(
    [encoder],
    ["model.safetensors", "pytorch_model.bin"],
    "the text encoder's weights",
  );
  const words = await openTokenizer(tokenizer, layout, rules);
  return { layout, checkpoint: await fitTextEncoder(stored, layout), tokenizer: words };
}

/** Classes of tokenizers that are read, for each architecture; an absent class is no fault. */
const CLASSES = {
  clip: /^(CLIPTokenizer|PreTrainedTokenizer|TokenizersBackend)/,
  bert: /^(BertTokenizer|CXRBertTokenizer|PreTrainedTokenizer|TokenizersBackend)/,
};

async function openTokenizer(
  folder: string,
  layout: TextEncoderLayout,
  rules: TextRules,
): Promise<Tokenizer> {
  const { kind = "clip" } = layout;
  const where = `"${folder}/tokenizer_config.json"`;
  const stated = await readOptional(`${folder}/tokenizer_config.json`);
  const fields = new Fields(stated, where);
  if (fields.has("tokenizer_class") && !CLASSES[kind].test(fields.text("tokenizer_class"))) {
    fields.fail("tokenizer_class", kind === "clip" ? "CLIPTokenizer" : "BertTokenizer");
  }
  const hidden = fields.choice(
    "mask_padding",
    ["none", "phrases", "all"],
    layout.hidesPadding ? "all" : "none",
  );
  if (kind === "clip" && hidden !== "none" && !layout.hidesPadding) {
    fields.fail("mask_padding", '"none" for a CLIP');
  }
  // A whole CLIP model without its last layer is Stable Diffusion 2's, which pads with "!".
  const isCut = layout.kind === undefined && layout.dropped !== undefined;
  const special = await readOptional(`${folder}/special_tokens_map.json`);
  const padToken = isCut ? undefined : padTokenOf(special) ?? padTokenOf(stated);
  const options = {
    positions: positionsOf(fields, layout),
    vocabulary: layout.config.vocabulary,
    ...(padToken !== undefined && { padToken }),
  };
  const plain = await namingFolder(folder, async (): Promise<Tokenizer> => {
    if (kind === "bert") {
      const lowercase = fields.flag("do_lower_case", true);
      const vocabulary = await readVocabularyFile([folder], "the tokenizer (vocab.txt)");
      return createBertTokenizer(vocabulary, { ...options, lowercase });
    }
    const standard = rules === "diffusers" ? { padToken: "<|endoftext|>" } : {};
    return createTokenizer(await readBytePairs(folder), { ...standard, ...options });
  });
  if (hidden === "none") return plain;
  return {
    ...plain,
    encode: (phrase) => ({
      ...plain.encode(phrase),
      ...((hidden === "all" || phrase !== "") && { masked: true }),
    }),
  };
}

/** Number of tokens of a phrase. Transformers writes 1e30 for a length that nobody stated. */
function positionsOf(fields: Fields, { kind, config: { positions } }: TextEncoderLayout): number {
  const stated = fields.has("model_max_length") ? fields.number("model_max_length") : Infinity;
  const most = Math.min(positions, MAX_TOKENS);
  if (Number.isInteger(stated) && stated >= 2 && stated <= most) return stated;
  // CLIP has as many positions as its training had tokens; BERT has more.
  if (kind === undefined && stated > positions) return positions;
  throw fields.error(
    `"model_max_length" must be the number of tokens that the model was trained with, from 2 to ` +
      `${most} (Generate to Ground has 77, RadEdit 128), got ` +
      (stated === Infinity ? "none" : show(stated)),
  );
}

/** Reads a JSON file; a missing file is an empty object. */
async function readOptional(path: string): Promise<unknown> {
  return await isFile(path) ? await readJson(path) : {};
}

/**
 * Reads BERT's vocabulary: `vocab.txt` or `tokenizer.json` of the first folder that holds one.
 *
 * @param what The vocabulary in words, for the message.
 * @throws {NotFound} If no folder holds either.
 */
export async function readVocabularyFile(
  folders: readonly string[],
  what: string,
): Promise<VocabularyFile> {
  const names = folders.flatMap((folder) => [`${folder}/vocab.txt`, `${folder}/tokenizer.json`]);
  const file = await requireFile(names, what);
  const kind = file.endsWith(".txt") ? "vocab.txt" : "tokenizer.json";
  return { kind, text: await readText(file) };
}

async function readBytePairs(folder: string) {
  const [vocab, merges] = ["vocab.json", "merges.txt"].map((name) => `${folder}/${name}`);
  if (await isFile(vocab!) && await isFile(merges!)) {
    return { vocab: await readText(vocab!), merges: await readText(merges!) };
  }
  const lacking = await isFile(vocab!) ? merges! : vocab!;
  const file = await requireFile(
    [lacking, `${folder}/tokenizer.json`],
    "the tokenizer (vocab.json and merges.txt)",
  );
  return { tokenizerJson: await readText(file) };
}

/**
 * Padding token of `special_tokens_map.json` or `tokenizer_config.json`. The first overrules the
 * second: in Stable Diffusion 2.1 the map says "!", and the configuration still says the end token.
 */
function padTokenOf(json: unknown): string | undefined {
  const token = isObject(json) ? json.pad_token : undefined;
  const text = isObject(token) ? token.content : token;
  return typeof text === "string" && text !== "" ? text : undefined;
}
