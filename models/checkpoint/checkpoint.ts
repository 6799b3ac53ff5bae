import { ByteFile } from "./byte_file.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { sniffFormat } from "./sniff.ts";
import type { TensorEntry } from "./tensor_entry.ts";
import type { TensorSet } from "./tensor_set.ts";
import { readTorchZip } from "./pytorch/torch_zip.ts";

/** What a checkpoint file holds, without its data. */
export interface Checkpoint {
  /** Path of the file, or of the index of several. */
  readonly path: string;
  /** The files that hold tensors. */
  readonly files: readonly string[];
  /** Format that the content has, whatever the file's name. */
  readonly format: "safetensors" | "pytorch";
  /** The tensors by name, in the file's order; of several dictionaries those of the largest. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** All sets of tensors that it holds, outer before inner ones. */
  readonly sets: readonly TensorSet[];
  /** Free-form notes of a safetensors file, such as `format: pt`; empty for PyTorch. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Opens a safetensors file or a zip made by `torch.save`, told apart by content.
 *
 * Only headers are read: a checkpoint of any size opens at once, and the file is closed again. A
 * PyTorch file is a pickle, and is never executed: what is no tensor in a plain container is left out.
 *
 * @param path Path of the file.
 * @throws {NotFound} If there is no such file.
 * @throws {PermissionDenied} If the system does not let it be read.
 * @throws {TypeError} If the path is not that of a regular file.
 * @throws {SyntaxError} If the content is malformed, truncated, forbidden or another format.
 *
 * @example
 * ```ts ignore
 * import { openCheckpoint, readTensor } from "./mod.ts";
 *
 * const checkpoint = await openCheckpoint("diffusion_model.pth");
 * const weight = await readTensor(checkpoint, "conv_in.conv.weight");
 * ```
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  using file = await ByteFile.open(path);
  try {
    if (await sniffFormat(file) === "safetensors") {
      const { tensors, metadata } = await readSafetensorsHeader(file);
      const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
      const set = { keys: [], shapes, unknown: new Map(), locate: () => Promise.resolve(tensors) };
      return { path, files: [path], format: "safetensors", tensors, sets: [set], metadata };
    }
    const sets = await readTorchZip(file);
    const largest = sets.reduce((most, set) => set.shapes.size > most.shapes.size ? set : most);
    return {
      path,
      files: [path],
      format: "pytorch",
      tensors: await largest.locate(),
      sets,
      metadata: new Map(),
    };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`Cannot read "${path}": ${cause.message}`, { cause });
  }
}
