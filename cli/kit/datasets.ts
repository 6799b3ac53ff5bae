/**
 * Datasets that the commands find by name.
 *
 * @module
 */

import { InputError } from "../../base/errors.ts";
import { resolve } from "../../base/paths.ts";
import { type CatalogDataset, DATASETS, findDataset } from "../../hub/datasets.ts";
import { dataFolder } from "../../hub/models_folder.ts";
import { datasetState } from "../../hub/record.ts";
import { nearName, statOf } from "./models.ts";

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
  const state = datasetState(folder);
  if (state.kind === "here") return folder;
  const why = {
    absent: `it is not in "${folder}" yet`,
    partial: `its download into "${folder}" is not finished`,
    damaged: state.kind === "damaged" ? state.reason : "",
  };
  throw new InputError(
    `Cannot read dataset "${dataset.name}": ${why[state.kind]}; fetch it by "deno task get ` +
      `${dataset.name}"`,
  );
}
