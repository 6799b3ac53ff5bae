/**
 * Models that the commands find by name.
 *
 * @module
 */

import { InputError } from "../../base/errors.ts";
import { type CatalogModel, findModel } from "../../hub/catalog.ts";
import { modelsFolder } from "../../hub/models_folder.ts";
import { modelState } from "../../hub/record.ts";
import { resolve } from "../../base/paths.ts";

/** Option for the folder with the models that were fetched. */
export const MODELS_FLAGS = {
  models: {
    type: "string",
    placeholder: "DIR",
    description: "Folder with the models that deno task get fetched.",
    defaultText: "GROUNDRAY_MODELS, or groundray/models in the user's cache",
  },
} as const;

/** Folder of a model of the catalog, fetched or not. */
export function folderOfModel({ name }: CatalogModel, models: string | undefined): string {
  return resolve(models ?? modelsFolder(Deno.env.get), name);
}

/**
 * Folder of the model in an option's value. A folder at this path comes first, then a fetched model of
 * this name.
 *
 * @param nameOrPath Value of the option.
 * @param models Folder with the fetched models; by default the user's.
 * @throws {InputError} If the model is not here, or a file does not have its recorded size.
 */
export function modelFolder(nameOrPath: string, models?: string): string {
  const model = isFolder(nameOrPath) ? undefined : findModel(nameOrPath);
  if (!model) return nameOrPath;
  const folder = folderOfModel(model, models);
  const state = modelState(model, folder);
  if (state.kind === "here") return folder;
  const why = {
    absent: `it is not in "${folder}" yet`,
    partial: `its download into "${folder}" is not finished`,
    damaged: state.kind === "damaged" ? state.reason : "",
  };
  throw new InputError(
    `Cannot open model "${model.name}": ${
      why[state.kind]
    }; fetch it by "deno task get ${model.name}"`,
  );
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    // A path without permission counts as none: the thread may read every folder in its options.
    return false;
  }
}
