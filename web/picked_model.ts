/**
 * Finds a model in a folder that the user picked.
 *
 * @module
 */

import type { PickedFile, PickedModel } from "./engine_messages.ts";

/** Paths of a model's folders, below `model/` and `text encoder/`. */
export interface FoundModel {
  /** Path of the model's folder. */
  readonly path: string;
  /** Path of the text encoder's folder; absent if the model's folder holds the text encoder. */
  readonly textEncoder?: string;
}

/**
 * Finds the model's folder in the picked files. Finds the text encoder's folder too, unless the
 * model's folder holds a text encoder.
 *
 * The picked folder may hold both folders, such as a downloads folder.
 */
export function findModel({ files, textEncoder }: PickedModel): FoundModel {
  const models = folders(files, "configs/inference.json").concat(
    folders(files, "config.json").filter((folder) =>
      files.some(({ path }) => path.startsWith(`${folder}/diffusion_model.`))
    ),
  );
  // Without a match take the picked folder: loading it then gives the precise error.
  const model = nearest(models) ?? root(files);
  const path = `model/${model}`;
  if (files.some((file) => file.path === `${model}/text_encoder/config.json`)) return { path };
  if (textEncoder) {
    const text = nearest([
      ...folders(textEncoder, "text_encoder/config.json"),
      ...folders(textEncoder, "config.json").filter((folder) => !/\/text_encoder$/.test(folder)),
    ]) ?? root(textEncoder);
    return { path, textEncoder: `text encoder/${text}` };
  }
  const beside = nearest(folders(files, "text_encoder/config.json"));
  return beside === undefined ? { path } : { path, textEncoder: `model/${beside}` };
}

/** Lists the folders that hold a file; `name` is the file's path below the folder. */
function folders(files: readonly PickedFile[], name: string): string[] {
  return files.flatMap(({ path }) =>
    path.endsWith(`/${name}`) ? [path.slice(0, -name.length - 1)] : []
  );
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
