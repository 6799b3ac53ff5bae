/**
 * Finds, reads and checks the files of a latent diffusion model.
 *
 * @module
 */

import { type Checkpoint, fitTensors } from "../checkpoint/mod.ts";
import type { Graph } from "../onnx/graph.ts";
import {
  firstFile,
  hashFiles,
  isFile,
  readJson,
  readText,
  requireFile,
  requireFolder,
} from "../model_files.ts";
import { openWeights } from "../open_weights.ts";
import { createTokenizer, type Tokenizer, type TokenizerOptions } from "../tokenizer.ts";
import { AUTOENCODER_SKIPPED, buildEncoder, downsampling } from "./autoencoder.ts";
import { buildTextEncoder, CLIP_TEXT_SKIPPED } from "./clip_text.ts";
import {
  type LdmConfig,
  readFlatConfig,
  readMonaiConfig,
  readTextConfig,
  type TextEncoderLayout,
} from "./config.ts";
import { buildUnet } from "./unet.ts";

/** A latent diffusion model on disk: checked, with nothing of its weights in memory. */
export interface Bundle {
  /** The folder it was loaded from. */
  readonly path: string;
  /** Its architecture. */
  readonly config: LdmConfig;
  /** Its text encoder's architecture. */
  readonly text: TextEncoderLayout;
  /** Turns phrases into the ids its text encoder reads. */
  readonly tokenizer: Tokenizer;
  /** Where the weights of each network are. */
  readonly checkpoints: {
    readonly autoencoder: Checkpoint;
    readonly unet: Checkpoint;
    readonly textEncoder: Checkpoint;
  };
  /** Number of cross-attention layers that can be read. */
  readonly crossAttentionLayers: number;
  /** Side of the square map of each, in forward order. */
  readonly crossAttentionSides: readonly number[];
  /** SHA-256 over the weights of the three networks, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
}

/** Options of {@linkcode loadBundle}. */
export interface LoadBundleOptions {
  /**
   * Folder of the text encoder and tokenizer, when the bundle does not hold
   * them: with `text_encoder/` and `tokenizer/` inside, or with their files
   * side by side.
   *
   * @default {The bundle's own folder}
   */
  textEncoder?: string;
}

const CHECKPOINT_SUFFIXES = [".pth", ".safetensors", ".pt"];

/**
 * Loads a model: our flat layout (`config.json`, `autoencoder.pth`,
 * `diffusion_model.pth`, `text_encoder/`, `tokenizer/`; other endings will do
 * as well) or a MONAI bundle as downloaded (`configs/inference.json`,
 * `models/*.pth`) with a text encoder from elsewhere. Only headers are read
 * here; every tensor's name and shape is checked against the configuration.
 *
 * @param path The folder.
 * @param options Where the text encoder is.
 * @throws {NotFound} If a file is missing.
 * @throws {SyntaxError} If a file is not what it should be.
 * @throws {RangeError} If the weights do not match the configuration.
 *
 * @example Usage
 * ```ts
 * import { loadBundle } from "../../mod.ts";
 *
 * const bundle = await loadBundle("models/demo");
 * console.log(bundle.tokenizer.encode("left pleural effusion").length);
 * ```
 */
export async function loadBundle(path: string, options: LoadBundleOptions = {}): Promise<Bundle> {
  await requireFolder(path);
  const flat = `${path}/config.json`;
  const monai = `${path}/configs/inference.json`;
  const file = await requireFile([flat, monai], `the configuration of model "${path}"`);
  const json = await readJson(file);
  const config = file === flat
    ? readFlatConfig(json, `"${file}"`)
    : readMonaiConfig(json, `"${file}"`);
  const folder = file === flat ? path : `${path}/models`;

  const open = (name: string, what: string) =>
    openWeights([folder], CHECKPOINT_SUFFIXES.map((suffix) => name + suffix), what);
  const stored = {
    autoencoder: await open("autoencoder", "the autoencoder's weights"),
    unet: await open("diffusion_model", "the U-Net's weights"),
  };
  const texts = await openText(options.textEncoder ?? path, options.textEncoder !== undefined);

  const { positions } = texts.layout.config;
  const { encoder, unetGraph, textGraph } = fromConfiguration(file, () => ({
    encoder: buildEncoder(config.autoencoder, config.imageSize),
    unetGraph: buildUnet(config.unet, {
      latentSize: config.imageSize / downsampling(config.autoencoder),
      tokens: positions,
    }),
    textGraph: buildTextEncoder(texts.layout.config),
  }));
  const { dropped } = texts.layout;
  const textSkipped = [...CLIP_TEXT_SKIPPED, ...(dropped ? [dropped] : [])];
  const checkpoints = {
    autoencoder: await strict(stored.autoencoder, encoder, AUTOENCODER_SKIPPED),
    unet: await strict(stored.unet, unetGraph.graph, []),
    textEncoder: await strict(texts.checkpoint, textGraph, textSkipped),
  };
  if (config.unet.contextChannels !== texts.layout.config.hidden) {
    throw new RangeError(
      `Cannot load model "${path}": the U-Net reads text of width ${config.unet.contextChannels}, ` +
        `but "${texts.checkpoint.path}" gives ${texts.layout.config.hidden}`,
    );
  }
  let hash: Promise<string> | undefined;
  return {
    path,
    config,
    text: texts.layout,
    tokenizer: texts.tokenizer,
    checkpoints,
    crossAttentionLayers: unetGraph.crossAttention.length,
    crossAttentionSides: unetGraph.crossAttention.map(({ side }) => side),
    hash: () => hash ??= hashFiles(Object.values(checkpoints).flatMap(({ files }) => files)),
  };
}

/** Builds what a configuration describes; what cannot be built is the configuration's fault. */
function fromConfiguration<T>(file: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw new RangeError(`Cannot use "${file}": ${(error as Error).message}`, { cause: error });
  }
}

function strict(
  checkpoint: Checkpoint,
  graph: Graph,
  skipped: readonly string[],
): Promise<Checkpoint> {
  return fitTensors(checkpoint, new Map([...graph.weights, ...graph.unused]), {
    ignore: (name) => skipped.some((prefix) => name.startsWith(prefix)),
  });
}

/** Opens the text encoder and tokenizer in `folder`, or side by side there if they may be. */
async function openText(
  folder: string,
  sideBySide: boolean,
): Promise<{ layout: TextEncoderLayout; checkpoint: Checkpoint; tokenizer: Tokenizer }> {
  const nested = `${folder}/text_encoder/config.json`;
  const configFile = await requireFile(
    sideBySide ? [nested, `${folder}/config.json`] : [nested],
    sideBySide
      ? "the text encoder"
      : "the text encoder (a MONAI bundle has none: give its folder too, in a command by --text-encoder)",
  );
  const encoder = configFile.slice(0, -"/config.json".length);
  const layout = readTextConfig(await readJson(configFile), `"${configFile}"`);
  const checkpoint = await openWeights(
    [encoder],
    ["model.safetensors", "pytorch_model.bin"],
    "the text encoder's weights",
  );

  const own = `${folder}/tokenizer`;
  const tokenizerFolder = await firstFile([`${own}/vocab.json`, `${own}/tokenizer.json`])
    ? own
    : folder;
  // A whole CLIP model stands in for Stable Diffusion 2.1's text encoder, which pads with "!".
  const padToken = layout.dropped ? undefined : await readPadToken(tokenizerFolder);
  const tokenizer = await openTokenizer(tokenizerFolder, {
    positions: layout.config.positions,
    vocabulary: layout.config.vocabulary,
    ...(padToken !== undefined && { padToken }),
  });
  return { layout, checkpoint, tokenizer };
}

async function openTokenizer(
  folder: string,
  options: TokenizerOptions,
): Promise<Tokenizer> {
  const [vocab, merges, whole] = ["vocab.json", "merges.txt", "tokenizer.json"]
    .map((name) => `${folder}/${name}`) as [string, string, string];
  try {
    if (await isFile(vocab) && await isFile(merges)) {
      const [vocabText, mergesText] = await Promise.all(
        [vocab, merges].map(readText),
      );
      return createTokenizer({ vocab: vocabText!, merges: mergesText! }, options);
    }
    const file = await requireFile([whole], "the tokenizer (vocab.json and merges.txt)");
    return createTokenizer({ tokenizerJson: await readText(file) }, options);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`${error.message} in "${folder}"`);
  }
}

/**
 * The padding token that a tokenizer's files state. `special_tokens_map.json`
 * is asked first: in Stable Diffusion 2.1 it says "!", while
 * `tokenizer_config.json` still says the end token and is overruled.
 */
async function readPadToken(folder: string): Promise<string | undefined> {
  for (const name of ["special_tokens_map.json", "tokenizer_config.json"]) {
    const path = `${folder}/${name}`;
    if (!await isFile(path)) continue;
    const json = await readJson(path) as { pad_token?: unknown } | null;
    const token = json?.pad_token;
    const text = typeof token === "object"
      ? (token as { content?: unknown } | null)?.content
      : token;
    if (typeof text === "string" && text !== "") return text;
  }
}
