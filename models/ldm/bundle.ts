/**
 * Finds, reads and checks the files of a latent diffusion model.
 *
 * @module
 */

import {
  type Checkpoint,
  fitLayout,
  type FitTensorsOptions,
  tellLayout,
} from "../checkpoint/mod.ts";
import type { Graph } from "../onnx/graph.ts";
import { firstFile, hashFiles, readJson, requireFile, requireFolder } from "../model_files.ts";
import { openWeights } from "../open_weights.ts";
import { openText, type TextModel } from "../text/open_text.ts";
import type { TextEncoderLayout } from "../text/text_encoder.ts";
import type { Tokenizer } from "../tokenizer.ts";
import {
  AUTOENCODER_SKIPPED,
  type AutoencoderConfig,
  buildEncoder,
  downsampling,
} from "./autoencoder.ts";
import { type LdmConfig, readFlatConfig, readMonaiConfig, readMonaiFiles } from "./config.ts";
import { buildUnet } from "./unet.ts";
import { AUTOENCODER_NAMES, GENERATIVE, UNET_NAMES } from "./weights.ts";

/** A latent diffusion model on disk: checked, without its weights in memory. */
export interface Bundle {
  /** Folder of the model. */
  readonly path: string;
  /** Architecture and noise schedule of the model. */
  readonly config: LdmConfig;
  /** Architecture of the text encoder. */
  readonly text: TextEncoderLayout;
  /** Turns phrases into token ids for the text encoder. */
  readonly tokenizer: Tokenizer;
  /** Checkpoint of each network. */
  readonly checkpoints: {
    readonly autoencoder: Checkpoint;
    readonly unet: Checkpoint;
    readonly textEncoder: Checkpoint;
  };
  /** Number of cross-attention layers of the U-Net. */
  readonly crossAttentionLayers: number;
  /** Side of each layer's square map, in forward order. */
  readonly crossAttentionSides: readonly number[];
  /** SHA-256 over the weights of the three networks, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
}

/** Options of {@linkcode loadBundle}. */
export interface LoadBundleOptions {
  /**
   * Folder of the text encoder and tokenizer, if the bundle does not hold them. The folder has
   * `text_encoder/` and `tokenizer/` inside, or the files of both side by side.
   *
   * @default {The bundle's own folder}
   */
  textEncoder?: string;
}

const CHECKPOINT_SUFFIXES = [".pth", ".safetensors", ".pt"];

/**
 * Loads a model from a folder in one of two layouts.
 *
 * - Our flat layout: `config.json`, `autoencoder.pth`, `diffusion_model.pth`, `text_encoder/`
 *   and `tokenizer/`. Checkpoints may have other endings.
 * - A MONAI bundle as downloaded: `configs/inference.json` and `models/*.pth` or `models/*.pt`.
 *   Its text encoder comes from another folder.
 *
 * Each network's tensors may have MONAI Generative's names, or MONAI's since version 1.4. Loading
 * reads only headers. It checks every tensor's name and shape against the configuration.
 *
 * @param path Folder of the model.
 * @param options Folder of the text encoder.
 * @throws {NotFound} If the folder or a file is missing.
 * @throws {TypeError} If the path is not a folder.
 * @throws {SyntaxError} If a file is malformed.
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
  const stated = file === flat
    ? readFlatConfig(json, `"${file}"`)
    : readMonaiConfig(json, `"${file}"`);
  const folder = file === flat ? path : `${path}/models`;
  const named = file === flat ? undefined : readMonaiFiles(json, `"${file}"`);

  const open = (network: "autoencoder" | "diffusion_model", what: string) => {
    const usual = CHECKPOINT_SUFFIXES.map((suffix) => network + suffix);
    const name = named?.[network];
    return openWeights([folder], name === undefined ? usual : [name, ...usual], what);
  };
  const stored = {
    autoencoder: await open("autoencoder", "the autoencoder's weights"),
    unet: await open("diffusion_model", "the U-Net's weights"),
  };
  const text = await openTexts(options.textEncoder ?? path, options.textEncoder !== undefined);

  const { positions } = text.tokenizer;
  const { imageSize } = stated;
  const { statedEncoder, unetGraph } = fromConfiguration(file, () => ({
    statedEncoder: buildEncoder(stated.autoencoder, imageSize),
    unetGraph: buildUnet(stated.unet, {
      latentSize: imageSize / downsampling(stated.autoencoder),
      tokens: positions,
    }),
  }));
  const layout = tellLayout(stored.autoencoder, tensorsOf(statedEncoder), AUTOENCODER_NAMES);
  const config = { ...stated, autoencoder: inLayout(stated.autoencoder, layout) };
  const encoder = tensorsOf(buildEncoder(config.autoencoder, imageSize));
  const checkpoints = {
    autoencoder: await fitLayout(
      stored.autoencoder,
      encoder,
      AUTOENCODER_NAMES,
      ignoring(AUTOENCODER_SKIPPED),
    ),
    unet: await fitLayout(stored.unet, tensorsOf(unetGraph.graph), UNET_NAMES),
    textEncoder: text.checkpoint,
  };
  if (config.unet.contextChannels !== text.layout.config.hidden) {
    throw new RangeError(
      `Cannot load model "${path}": the U-Net reads text of width ${config.unet.contextChannels}, ` +
        `but "${text.checkpoint.path}" gives ${text.layout.config.hidden}`,
    );
  }
  let hash: Promise<string> | undefined;
  return {
    path,
    config,
    text: text.layout,
    tokenizer: text.tokenizer,
    checkpoints,
    crossAttentionLayers: unetGraph.crossAttention.length,
    crossAttentionSides: unetGraph.crossAttention.map(({ side }) => side),
    hash: () => hash ??= hashFiles(Object.values(checkpoints).flatMap(({ files }) => files)),
  };
}

/** Builds graphs from a configuration; any error names the configuration's file as the cause. */
function fromConfiguration<T>(file: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw new RangeError(`Cannot use "${file}": ${(error as Error).message}`, { cause: error });
  }
}

/** Shape of each tensor that a graph's checkpoint must hold. */
function tensorsOf(graph: Graph): Map<string, readonly number[]> {
  return new Map([...graph.weights, ...graph.unused]);
}

function ignoring(skipped: readonly string[]): FitTensorsOptions {
  return { ignore: (name) => skipped.some((prefix) => name.startsWith(prefix)) };
}

/** Completes an architecture with the difference between MONAI Generative and MONAI. */
function inLayout(config: AutoencoderConfig, layout: number): AutoencoderConfig {
  const { attentionProjection = "applied", ...generative } = config;
  return layout === GENERATIVE ? generative : { ...generative, attentionProjection };
}

/** Opens text encoder and tokenizer in their subfolders, or in `folder` itself if `sideBySide`. */
async function openTexts(folder: string, sideBySide: boolean): Promise<TextModel> {
  const nested = `${folder}/text_encoder/config.json`;
  const configFile = await requireFile(
    sideBySide ? [nested, `${folder}/config.json`] : [nested],
    sideBySide
      ? "the text encoder"
      : "the text encoder (a MONAI bundle has none: give its folder too, in a command by --text-encoder)",
  );
  const own = `${folder}/tokenizer`;
  const names = ["vocab.json", "vocab.txt", "tokenizer.json"].map((name) => `${own}/${name}`);
  return await openText(
    configFile.slice(0, -"/config.json".length),
    await firstFile(names) ? own : folder,
  );
}
