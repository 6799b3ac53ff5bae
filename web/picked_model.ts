/**
 * Finds a model in a folder that the user picked.
 *
 * @module
 */

import type { PickedFile, PickedModel } from "./protocol.ts";

/** Paths of a model, below `model/` and `text encoder/`. */
export interface FoundModel {
  /** Of the model's folder. */
  readonly path: string;
  /** Of the text encoder's, where it is another. */
  readonly textEncoder?: string;
}

/**
 * Finds the folder of the model, and that of the text encoder where the model's holds none: what
 * was picked, or a folder in it, such as one that both were downloaded to.
 */
export function findModel({ files, textEncoder }: PickedModel): FoundModel {
  const models = folders(files, "configs/inference.json").concat(
    folders(files, "config.json").filter((folder) =>
      files.some(({ path }) => path.startsWith(`${folder}/diffusion_model.`))
    ),
  );
  // What is wrong with a folder that is none is said when it is loaded.
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

/** Folders that hold a file, by its path below them. */
function folders(files: readonly PickedFile[], name: string): string[] {
  return files.flatMap(({ path }) =>
    path.endsWith(`/${name}`) ? [path.slice(0, -name.length - 1)] : []
  );
}

/** The least deep folder. */
function nearest(paths: readonly string[]): string | undefined {
  const depth = (path: string) => path.split("/").length;
  return paths.toSorted((a, b) => depth(a) - depth(b))[0];
}

/** The folder that was picked. */
function root(files: readonly PickedFile[]): string {
  return files[0]?.path.split("/")[0] ?? "";
}
