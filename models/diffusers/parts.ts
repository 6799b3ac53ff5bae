/**
 * Finds the parts of a model in the layout of diffusers, each in its own folder.
 *
 * @module
 */

import { folderOf } from "../../base/paths.ts";
import { firstFile, requireFile } from "../model_files.ts";

/** Folders of parts that lie elsewhere than in the model's folder. */
export interface PartFolders {
  /**
   * Folder of the U-Net, or a folder with `unet/` or `unet_ema/` inside.
   *
   * @default {`unet/`, or else `unet_ema/`, in the model's folder}
   */
  unet?: string;
  /**
   * Folder of the autoencoder, or a folder with `vae/` inside.
   *
   * @default {`vae/` in the model's folder}
   */
  vae?: string;
  /**
   * Folder of the text encoder and tokenizer, if the bundle does not hold them. The folder has
   * `text_encoder/` and `tokenizer/` inside, or the files of both side by side.
   *
   * @default {The bundle's own folder}
   */
  textEncoder?: string;
  /**
   * Folder of the tokenizer, or a folder with `tokenizer/` inside.
   *
   * @default {The folder of the text encoder}
   */
  tokenizer?: string;
  /**
   * Folder of `scheduler_config.json`, or a folder with `scheduler/` inside.
   *
   * @default {`scheduler/` in the model's folder}
   */
  scheduler?: string;
}

/** Paths of a model's parts. */
export interface Parts {
  /** Folder of the U-Net: `config.json` and weights. */
  readonly unet: string;
  /** Folder of the autoencoder: `config.json` and weights. */
  readonly vae: string;
  /** Folder of the text encoder: `config.json` and weights. */
  readonly textEncoder: string;
  /** Folder of the tokenizer's files. */
  readonly tokenizer: string;
  /** The file of the noise schedule. */
  readonly scheduler: string;
}

/** Names of the files that tell the content of a tokenizer's folder. */
export const TOKENIZER_MARKS = ["vocab.json", "vocab.txt", "tokenizer.json"];

/** Names of the files of a tokenizer. */
const TOKENIZER_FILES = [
  ...TOKENIZER_MARKS,
  "merges.txt",
  "special_tokens_map.json",
  "tokenizer_config.json",
];

/**
 * Tells a model in the layout of diffusers: its folder has `model_index.json`, or a part.
 *
 * @param path Folder of the model.
 */
export async function hasParts(path: string): Promise<boolean> {
  const marks = ["model_index", "unet/config", "unet_ema/config", "vae/config"];
  return await firstFile(marks.map((mark) => `${path}/${mark}.json`)) !== undefined;
}

/**
 * Finds the parts of a model.
 *
 * @param path Folder of the model.
 * @param elsewhere Folders of parts that lie elsewhere.
 * @throws {NotFound} If a part is missing.
 */
export async function findParts(path: string, elsewhere: PartFolders): Promise<Parts> {
  const find = async (
    what: string,
    option: string,
    own: string | undefined,
    folders: readonly string[],
    marks: readonly string[] = ["config.json"],
  ) => {
    const inside = folders.map((folder) => `${own ?? path}/${folder}`);
    const places = own === undefined ? inside : [...inside, own];
    return await requireFile(
      places.flatMap((place) => marks.map((mark) => `${place}/${mark}`)),
      own === undefined
        ? `${what} (in another folder: name it, in a command by --${option})`
        : what,
    );
  };
  const { unet, vae, textEncoder, tokenizer = textEncoder, scheduler } = elsewhere;
  const words = tokenizer === undefined ? ["tokenizer", "text_encoder"] : ["tokenizer"];
  const text = ["text_encoder"];
  const schedule = ["scheduler_config.json"];
  return {
    unet: folderOf(await find("the U-Net", "unet", unet, ["unet", "unet_ema"])),
    vae: folderOf(await find("the autoencoder", "vae", vae, ["vae"])),
    textEncoder: folderOf(await find("the text encoder", "text-encoder", textEncoder, text)),
    tokenizer: folderOf(
      await find("the tokenizer", "tokenizer", tokenizer, words, TOKENIZER_MARKS),
    ),
    scheduler: await find("the noise schedule", "scheduler", scheduler, ["scheduler"], schedule),
  };
}

/** The files beside the weights that decide a model's results, in a fixed order. */
export async function settingFiles(parts: Parts): Promise<string[]> {
  const { unet, vae, textEncoder, tokenizer, scheduler } = parts;
  const files = [unet, vae, textEncoder].map((folder) => `${folder}/config.json`);
  for (const name of TOKENIZER_FILES) {
    const file = await firstFile([`${tokenizer}/${name}`]);
    if (file !== undefined) files.push(file);
  }
  return [...files, scheduler];
}
