/**
 * Models that the commands find by name.
 *
 * @module
 */

import { InputError } from "../../base/errors.ts";
import { CATALOG, type CatalogModel, findModel, methodsOf } from "../../hub/catalog.ts";
import { modelsFolder } from "../../hub/models_folder.ts";
import { modelState } from "../../hub/record.ts";
import { resolve } from "../../base/paths.ts";
import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** Option for the folder with the models that were fetched. */
export const MODELS_FLAGS = {
  models: {
    type: "string",
    placeholder: "DIR",
    description: "Folder with the models that deno task get fetched.",
    defaultText: "GROUNDRAY_MODELS, or groundray/models in the user's cache",
  },
} as const;

/** Folder with the fetched models: the value of `--models`, or by default the user's folder. */
export function folderOfModels(models: string | undefined): string {
  return models ?? modelsFolder(Deno.env.get);
}

/** Folder of a model of the catalog, fetched or not. */
export function folderOfModel({ name }: CatalogModel, models: string | undefined): string {
  return resolve(folderOfModels(models), name);
}

/**
 * Folder of the model in an option's value. A folder at this path comes first, then a fetched model of
 * this name.
 *
 * @param nameOrPath Value of the option.
 * @param models Folder with the fetched models; by default the user's.
 * @param method Method that is to run the model; by default the model's own.
 * @throws {InputError} If the model is not here or is for another method, a file does not have its
 * recorded size, or no path is like this but a name nearly is.
 */
export function modelFolder(nameOrPath: string, models?: string, method?: string): string {
  const isDirectory = statOf(nameOrPath)?.isDirectory;
  const model = isDirectory ? undefined : findModel(nameOrPath);
  if (!model) {
    if (isDirectory === undefined) refuseMisspelling(nameOrPath);
    return nameOrPath;
  }
  // A method of the user's own may run any model.
  const methods = methodsOf(model);
  const isKnown = CATALOG.some((other) => methodsOf(other).some((name) => name === method));
  if (isKnown && !methods.some((name) => name === method)) {
    throw new InputError(
      `Cannot open model "${model.name}": it is for --method ${methods.join(" or ")}, ` +
        `not for ${method}`,
    );
  }
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

function refuseMisspelling(text: string): void {
  if (/[/\\]/.test(text)) return;
  const name: string = closestString(text.toLowerCase(), CATALOG.map(({ name }) => name));
  if (levenshteinDistance(text.toLowerCase(), name) > name.length / 3) return;
  throw new InputError(
    `Cannot load model "${text}": there is no such folder; did you mean the model "${name}"?`,
  );
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    // Also a path that this thread may not read: it may read every folder that an option names.
    return undefined;
  }
}
