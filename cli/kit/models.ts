import { InputError } from "../../base/errors.ts";
import { CATALOG, type CatalogModel, findModel, methodsOf } from "../../hub/catalog.ts";
import { type CatalogDataset, DATASETS, findDataset } from "../../hub/datasets.ts";
import { dataFolder, modelsFolder } from "../../hub/models_folder.ts";
import { datasetState, type ModelState, modelState } from "../../hub/record.ts";
import { resolve } from "../../base/paths.ts";
import { nearName } from "./flags.ts";

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
  return wholeFolder("open model", model, folder, modelState(model, folder));
}

function refuseMisspelling(text: string): void {
  const name = nearName(text, CATALOG.map(({ name }) => name));
  if (name === undefined) return;
  throw new InputError(
    `Cannot load model "${text}": there is no such folder; did you mean the model "${name}"?`,
  );
}

/** Facts about a path; `undefined` if there is nothing, or this thread may not look. */
function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    // Also a path that this thread may not read: it may read every folder that an option names.
    return undefined;
  }
}

/** Option for the folder with the datasets that were fetched. */
export const DATA_FLAGS = {
  data: {
    type: "string",
    placeholder: "DIR",
    description: "Folder with the datasets that deno task get fetched.",
    defaultText: "GROUNDRAY_DATA, or groundray/data in the user's cache",
  },
} as const;

/** Folder with the fetched datasets: the value of `--data`, or by default the user's folder. */
export function folderOfData(data: string | undefined): string {
  return data ?? dataFolder(Deno.env.get);
}

/** Folder of a dataset of the catalog, fetched or not. */
export function folderOfDataset({ name }: CatalogDataset, data: string | undefined): string {
  return resolve(folderOfData(data), name);
}

/**
 * Path of the dataset in an option's value. A file or folder at this path comes first, then a fetched
 * dataset of this name.
 *
 * @param nameOrPath Value of the option.
 * @param data Folder with the fetched datasets; by default the user's.
 * @throws {InputError} If the dataset is not here, a file does not have its recorded size, or no path
 * is like this but a name nearly is.
 */
export function datasetPath(nameOrPath: string, data?: string): string {
  if (statOf(nameOrPath)) return nameOrPath;
  const dataset = findDataset(nameOrPath);
  if (!dataset) {
    const name = nearName(nameOrPath, DATASETS.map(({ name }) => name));
    if (name === undefined) return nameOrPath;
    throw new InputError(
      `Cannot read dataset "${nameOrPath}": there is no such file or folder; did you mean the ` +
        `dataset "${name}"?`,
    );
  }
  const folder = folderOfDataset(dataset, data);
  return wholeFolder("read dataset", dataset, folder, datasetState(folder));
}

/**
 * The folder of a model or dataset, if all of it is here.
 *
 * @throws {InputError} If it is not here, or a file does not have its recorded size.
 */
function wholeFolder(
  action: string,
  { name }: { readonly name: string },
  folder: string,
  state: ModelState,
): string {
  if (state.kind === "here") return folder;
  const why = {
    absent: `it is not in "${folder}" yet`,
    partial: `its download into "${folder}" is not finished`,
    damaged: state.kind === "damaged" ? state.reason : "",
  };
  throw new InputError(
    `Cannot ${action} "${name}": ${why[state.kind]}; fetch it by "deno task get ${name}"`,
  );
}
