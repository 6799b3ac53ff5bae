import { InputError } from "../../base/errors.ts";
import { CATALOG, findModel, methodsOf } from "../../hub/catalog.ts";
import { DATASETS, findDataset } from "../../hub/datasets.ts";
import { fetchedFolder } from "../../hub/models_folder.ts";
import { datasetState, type ModelState, modelState } from "../../hub/record.ts";
import { resolve } from "../../base/paths.ts";
import { nearName } from "./flags.ts";

const folderFlag = (things: string, defaultText: string) =>
  ({
    type: "string",
    placeholder: "DIR",
    defaultText,
    description: `Folder with the ${things} that deno task get fetched.`,
  }) as const;

/** Option for the folder with the models that were fetched. */
export const MODELS_FLAGS = {
  models: folderFlag("models", "GROUNDRAY_MODELS, or groundray/models in the user's cache"),
};

/** Option for the folder with the datasets that were fetched. */
export const DATA_FLAGS = {
  data: folderFlag("datasets", "GROUNDRAY_DATA, or groundray/data in the user's cache"),
};

/**
 * Folder with the fetched models or datasets, or the folder of one of the catalog, fetched or not.
 *
 * @param kind Models, or the data of datasets.
 * @param given Value of `--models` or `--data`; by default the user's folder.
 */
export function folderOfFetched(
  kind: "models" | "data",
  given: string | undefined,
  row?: { readonly name: string },
): string {
  const folder = given ?? fetchedFolder(kind, Deno.env.get);
  return row ? resolve(folder, row.name) : folder;
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
    if (isDirectory === undefined) {
      refuseMisspelling("load model", "folder", "model", nameOrPath, CATALOG);
    }
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
  const folder = folderOfFetched("models", models, model);
  return wholeFolder("open model", model, folder, modelState(model, folder));
}

/** Refuses a path without a file whose text is nearly a name of the catalog. */
function refuseMisspelling(
  action: string,
  expected: string,
  kind: string,
  text: string,
  rows: readonly { readonly name: string }[],
): void {
  const name = nearName(text, rows.map(({ name }) => name));
  if (name === undefined) return;
  throw new InputError(
    `Cannot ${action} "${text}": there is no such ${expected}; did you mean the ${kind} "${name}"?`,
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

/**
 * Path of the dataset in an option's value. A file or folder at this path comes first, then a fetched
 * dataset of this name.
 *
 * @param nameOrPath Value of the option.
 * @param data Folder with the fetched datasets; by default the user's.
 * @param isChecked The sizes of the files were compared before.
 * @throws {InputError} If the dataset is not here, a file does not have its recorded size, or no path
 * is like this but a name nearly is.
 */
export function datasetPath(nameOrPath: string, data?: string, isChecked = false): string {
  if (statOf(nameOrPath)) return nameOrPath;
  const dataset = findDataset(nameOrPath);
  if (!dataset) {
    refuseMisspelling("read dataset", "file or folder", "dataset", nameOrPath, DATASETS);
    return nameOrPath;
  }
  const folder = folderOfFetched("data", data, dataset);
  return isChecked ? folder : wholeFolder("read dataset", dataset, folder, datasetState(folder));
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
