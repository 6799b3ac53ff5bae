import { InputTypeError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { folderOf } from "../../base/paths.ts";
import { quote } from "../../base/text.ts";
import {
  type Checkpoint,
  closestShapes,
  fitLayout,
  fitTensors,
  ignoring,
  tellLayout,
} from "../checkpoint/mod.ts";
import {
  middleLayers,
  readAutoencoderConfig,
  readUnetConfig,
  requirePipeline,
} from "../diffusers/config.ts";
import {
  findParts,
  hasParts,
  type PartFolders,
  settingFiles,
  TOKENIZER_MARKS,
} from "../diffusers/parts.ts";
import { tensorsOf } from "../onnx/graph.ts";
import { firstFile, hashFiles, readJson, requireFile, requireFolder } from "../model_files.ts";
import { openWeights } from "../open_weights.ts";
import { readSchedulerConfig } from "../scheduler_config.ts";
import { openText, type TextModel } from "../text/open_text.ts";
import type { TextEncoderLayout } from "../text/text_encoder.ts";
import type { Tokenizer } from "../tokenizer.ts";
import {
  AUTOENCODER_SKIPPED,
  type AutoencoderConfig,
  buildEncoder,
  downsampling,
  MONAI_VARIANCE,
} from "./autoencoder.ts";
import {
  checked,
  type LdmConfig,
  readFlatConfig,
  readMonaiConfig,
  readMonaiFiles,
} from "./config.ts";
import { buildUnet } from "./unet.ts";
import {
  AUTOENCODER_NAMES,
  DIFFUSERS_AUTOENCODER_NAMES,
  GENERATIVE,
  UNET_NAMES,
} from "./weights.ts";

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
  /** The model has the layout of diffusers, and its parts may come from other folders. */
  readonly hasParts: boolean;
  /** Number of cross-attention layers of the U-Net. */
  readonly crossAttentionLayers: number;
  /** Side of each layer's square map, in forward order. */
  readonly crossAttentionSides: readonly number[];
  /** Name of each layer's module, such as `down_blocks.1.attentions.0.transformer_blocks.0.attn2`. */
  readonly crossAttentionNames: readonly string[];
  /** SHA-256 over the weights of the three networks, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
}

/** Options of {@linkcode loadBundle}: parts of the model from other folders. */
export type LoadBundleOptions = PartFolders;

const CHECKPOINT_SUFFIXES = [".pth", ".safetensors", ".pt"];

/**
 * Loads a model from a folder in one of three layouts.
 *
 * - Our flat layout: `config.json`, `autoencoder.pth`, `diffusion_model.pth`, `text_encoder/`
 *   and `tokenizer/`. Checkpoints may have other endings.
 * - A MONAI bundle as downloaded: `configs/inference.json` and `models/*.pth` or `models/*.pt`.
 *   Its text encoder comes from another folder.
 * - The layout of diffusers: `model_index.json`, and `unet/` or `unet_ema/`, `vae/`,
 *   `text_encoder/`, `tokenizer/` and `scheduler/`. Each part may come from another folder.
 *
 * Tensors of MONAI's networks may have MONAI Generative's names, or MONAI's since version 1.4.
 * Loading reads only headers. It checks every tensor's name and shape against the configuration.
 *
 * @param path Folder of the model; for a model of parts alone the folder in `options.unet`.
 * @param options Folders of parts that lie elsewhere.
 * @throws {NotFound} If the folder or a file is missing.
 * @throws {TypeError} If the path is not a folder, or a part that the layout does not have is given.
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
  const isOfParts = path === options.unet || await hasParts(path);
  const opened = await (isOfParts ? openDiffusers : openMonai)(path, options);
  const { file, vaeFile = file, stated, stored, text, settings } = opened;
  const { positions } = text.tokenizer;
  const { imageSize } = stated;
  const logVariance = closestShapes(stored.autoencoder, MONAI_VARIANCE).size === 2;
  const statedEncoder = fromConfiguration(
    vaeFile,
    () => buildEncoder(stated.autoencoder, imageSize, logVariance),
  );
  const latentSize = imageSize / downsampling(stated.autoencoder);
  const unetGraph = fromConfiguration(
    file,
    () => buildUnet(stated.unet, { latentSize, tokens: positions }),
  );
  const unetTensors = tensorsOf(unetGraph.graph);
  const isMonai = stated.autoencoder.diffusers === undefined;
  const encoderNames = isMonai ? AUTOENCODER_NAMES : DIFFUSERS_AUTOENCODER_NAMES;
  const sides = unetGraph.crossAttention.map(({ side }) => side);
  const statedTensors = tensorsOf(statedEncoder);
  const autoencoder = isMonai
    ? inLayout(stated.autoencoder, tellLayout(stored.autoencoder, statedTensors, encoderNames))
    : stated.autoencoder;
  const config = { ...stated, autoencoder, ...(!isMonai && { layers: middleLayers(sides) }) };
  const encoder = isMonai
    ? tensorsOf(buildEncoder(autoencoder, imageSize, logVariance))
    : statedTensors;
  const checkpoints = {
    autoencoder: await fitLayout(
      stored.autoencoder,
      encoder,
      encoderNames,
      ignoring(AUTOENCODER_SKIPPED),
    ),
    unet:
      await (isMonai
        ? fitLayout(stored.unet, unetTensors, UNET_NAMES)
        : fitTensors(stored.unet, unetTensors)),
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
    hasParts: !isMonai,
    crossAttentionLayers: sides.length,
    crossAttentionSides: sides,
    crossAttentionNames: unetGraph.crossAttention.map(({ name }) => name),
    hash: () =>
      hash ??= hashFiles([
        ...Object.values(checkpoints).flatMap(({ files }) => files),
        ...settings,
      ]),
  };
}

/** The files of a model, before their tensors are matched with the configuration. */
interface OpenedFiles {
  /** The file that states the architecture of the U-Net. */
  readonly file: string;
  /** The file that states the architecture of the autoencoder, if it is another. */
  readonly vaeFile?: string;
  /** The configuration as the files state it. */
  readonly stated: LdmConfig;
  readonly stored: { readonly autoencoder: Checkpoint; readonly unet: Checkpoint };
  readonly text: TextModel;
  /** Further files to hash, because they decide results. */
  readonly settings: readonly string[];
}

/** Opens our flat layout, or a MONAI bundle. */
async function openMonai(path: string, options: LoadBundleOptions): Promise<OpenedFiles> {
  const flat = `${path}/config.json`;
  const monai = `${path}/configs/inference.json`;
  const file = await requireFile(
    [flat, monai, `${path}/model_index.json`],
    `the configuration of model "${path}"`,
  );
  for (const part of ["unet", "vae", "tokenizer", "scheduler"] as const) {
    if (options[part] === undefined) continue;
    throw new InputTypeError(
      `Cannot take "${part}" of model "${path}" from "${options[part]}": expected the layout of ` +
        `diffusers, or the folder of a U-Net too, but the model has "${file}"`,
    );
  }
  const json = await readJson(file);
  if (isObject(json) && typeof json._class_name === "string") {
    throw new SyntaxError(
      `Cannot load model "${path}": "${file}" describes a ${quote(json._class_name)} alone; ` +
        "expected a folder with model_index.json, or with unet/ and vae/ inside",
    );
  }
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
  return { file, stated, stored, text, settings: [] };
}

/** Opens the layout of diffusers. */
async function openDiffusers(path: string, options: LoadBundleOptions): Promise<OpenedFiles> {
  const parts = await findParts(path, options);
  const file = `${parts.unet}/config.json`;
  const vaeFile = `${parts.vae}/config.json`;
  const unet = readUnetConfig(await readJson(file), `"${file}"`);
  const index = await firstFile([`${path}/model_index.json`]);
  if (index !== undefined) requirePipeline(await readJson(index), `"${index}"`);
  const vae = readAutoencoderConfig(await readJson(vaeFile), `"${vaeFile}"`);
  const stated = checked({
    autoencoder: vae.config,
    unet: unet.config,
    scheduler: readSchedulerConfig(await readJson(parts.scheduler), `"${parts.scheduler}"`),
    scaleFactor: vae.scaleFactor,
    imageSize: unet.latentSize * downsampling(vae.config),
  }, `"${file}"`);
  const open = (folder: string, what: string) =>
    openWeights(
      [folder],
      [".safetensors", ".bin"].map((ending) => `diffusion_pytorch_model${ending}`),
      what,
    );
  const stored = {
    autoencoder: await open(parts.vae, "the autoencoder's weights"),
    unet: await open(parts.unet, "the U-Net's weights"),
  };
  const text = await openText(parts.textEncoder, parts.tokenizer, "diffusers");
  return { file, vaeFile, stated, stored, text, settings: await settingFiles(parts) };
}

/** Builds graphs from a configuration; any error names the configuration's file as the cause. */
function fromConfiguration<T>(file: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw new RangeError(`Cannot use "${file}": ${(error as Error).message}`, { cause: error });
  }
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
  const marks = TOKENIZER_MARKS.map((mark) => `${own}/${mark}`);
  return await openText(folderOf(configFile), await firstFile(marks) ? own : folder);
}
