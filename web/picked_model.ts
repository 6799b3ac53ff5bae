/**
 * Finds a model in a folder that the user picked.
 *
 * @module
 */

import { InputTypeError } from "../base/errors.ts";
import { folderOf, nameOf, stemOf } from "../base/paths.ts";
import { type BiovilVariant, PUBLISHED } from "../models/biovil/bundle.ts";
import type { PartFolders } from "../models/diffusers/parts.ts";
import { PICKED_PARTS, type PickedFile, type PickedModel } from "./engine_messages.ts";

/** Paths of a model's folders, below `model/`, `text encoder/` and the names of other parts. */
export interface FoundModel extends PartFolders {
  /** Path of the model's folder. */
  readonly path: string;
  /** The baseline that the folder holds; absent for a diffusion model. */
  readonly baseline?: BiovilVariant;
}

/** Baselines, which the names of their image encoders tell. */
const BASELINES = Object.keys(PUBLISHED) as BiovilVariant[];

/** Files that tell a folder in the layout of diffusers. */
const DIFFUSERS = ["model_index", "unet/config", "unet_ema/config", "vae/config"];

/**
 * Finds the model's folder in the picked files. Finds the text encoder's folder too, unless the
 * model's folder holds a text encoder.
 *
 * The picked folder may hold both folders, such as a downloads folder. In the layout of diffusers
 * every part that was picked for itself replaces the model's own. Without a method in the choice, a
 * baseline is found where the files hold no diffusion model.
 *
 * @throws {InputTypeError} If the files hold two baselines, and no method is chosen.
 */
export function findModel({ method, files, textEncoder, parts = {} }: PickedModel): FoundModel {
  const diffusers = DIFFUSERS.flatMap((name) => folders(files, `${name}.json`));
  const models = folders(files, "configs/inference.json").concat(
    folders(files, "config.json").filter((folder) =>
      files.some(({ path }) => path.startsWith(`${folder}/diffusion_model.`))
    ),
    diffusers,
  );
  const isPart = Object.values(parts).some(({ length }) => length > 0);
  const baseline = findBaseline(files, method, models.length > 0 || isPart);
  if (baseline) return baseline;
  // Without a match take the picked folder: loading it then gives the precise error.
  const model = nearest(models) ?? root(files);
  const elsewhere = PICKED_PARTS.flatMap((part) => {
    const picked = parts[part] ?? [];
    return picked.length > 0 ? [[part, `${part}/${root(picked)}`]] : [];
  });
  const own: PartFolders = Object.fromEntries(elsewhere);
  const path = files.length === 0 && own.unet || `model/${model}`;
  const found = { path, ...own };
  const holdsText = files.some(({ path }) => path === `${model}/text_encoder/config.json`);
  if (holdsText && !(textEncoder && diffusers.includes(model))) return found;
  if (textEncoder) {
    const text = nearest([
      ...folders(textEncoder, "text_encoder/config.json"),
      ...folders(textEncoder, "config.json").filter((folder) => !/\/text_encoder$/.test(folder)),
    ]) ?? root(textEncoder);
    return { ...found, textEncoder: `text encoder/${text}` };
  }
  const beside = nearest(folders(files, "text_encoder/config.json"));
  return beside === undefined ? found : { ...found, textEncoder: `model/${beside}` };
}

/** Lists the folders that hold a file; `name` is the file's path below the folder. */
function folders(files: readonly PickedFile[], name: string): string[] {
  return files.flatMap(({ path }) =>
    path.endsWith(`/${name}`) ? [path.slice(0, -name.length - 1)] : []
  );
}

/**
 * Finds the chosen baseline, or without a choice a baseline that lies alone in the files.
 *
 * @param hasOther Whether the files hold a diffusion model.
 * @returns `undefined` for a diffusion model.
 */
function findBaseline(
  files: readonly PickedFile[],
  method: string | undefined,
  hasOther: boolean,
): FoundModel | undefined {
  if (method === undefined ? hasOther : !BASELINES.some((name) => name === method)) return;
  const names = BASELINES.filter((name) => method === undefined || name === method);
  const found = names.flatMap((baseline): FoundModel[] => {
    const folder = nearest(imageFolders(files, baseline));
    if (folder === undefined && method === undefined) return [];
    return [{ path: `model/${folder ?? root(files)}`, baseline }];
  });
  if (found.length > 1) {
    throw new InputTypeError(
      `Cannot tell which model to open, as "${root(files)}" holds ${names.join(" and ")}: ` +
        "choose the method beside the folder",
    );
  }
  return found[0];
}

/** Lists the folders that hold the image encoder of a baseline, under any usual ending. */
function imageFolders(files: readonly PickedFile[], baseline: BiovilVariant): string[] {
  const stem = stemOf(PUBLISHED[baseline].image).toLowerCase();
  return files.filter(({ path }) => nameOf(path).toLowerCase().startsWith(`${stem}.`))
    .map(({ path }) => folderOf(path));
}

/** Picks the folder with the shortest path; `undefined` if there is no folder. */
function nearest(paths: readonly string[]): string | undefined {
  const depth = (path: string) => path.split("/").length;
  return paths.toSorted((a, b) => depth(a) - depth(b))[0];
}

/** Name of the picked folder; empty without files. */
function root(files: readonly PickedFile[]): string {
  return files[0]?.path.split("/")[0] ?? "";
}
