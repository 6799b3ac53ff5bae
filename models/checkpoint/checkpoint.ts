import { ByteFile } from "./byte_file.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { sniffFormat } from "./sniff.ts";
import type { TensorEntry } from "./tensor_entry.ts";
import { type TensorSet, wholeSet } from "./tensor_set.ts";
import type { Setting } from "./pytorch/torch_pickle.ts";
import { readTorchZip } from "./pytorch/torch_zip.ts";

/** Content of a checkpoint, without the data of its tensors. */
export interface Checkpoint {
  /** Path of the file, or of the index of several files. */
  readonly path: string;
  /** The files that hold tensors. */
  readonly files: readonly string[];
  /** Format of the content; the file's name does not matter. */
  readonly format: "safetensors" | "pytorch";
  /** The tensors of the largest set by name, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** All sets of tensors in the file, outer sets before inner sets. */
  readonly sets: readonly TensorSet[];
  /** Free-form notes of a safetensors file, such as `format: pt`; empty for PyTorch. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Texts, numbers and truth values that a training script stored beside the weights, such as
   * `args.nheads`; absent for safetensors.
   */
  readonly settings?: ReadonlyMap<string, Setting>;
}

/**
 * Opens a safetensors file or a zip made by `torch.save`; the content decides which it is.
 *
 * Opening reads only headers, so a checkpoint of any size opens at once, and closes the file again.
 * A PyTorch file is a pickle, which is never executed. Only tensors in plain containers are kept.
 *
 * @param path Path of the file.
 * @throws {NotFound} If there is no such file.
 * @throws {PermissionDenied} If the system denies reading the file.
 * @throws {TypeError} If the path is not a regular file.
 * @throws {SyntaxError} If the content is malformed, truncated or forbidden, or has another format.
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
      const sets = [wholeSet(tensors)];
      return { path, files: [path], format: "safetensors", tensors, sets, metadata };
    }
    const { sets, settings } = await readTorchZip(file);
    const largest = sets.reduce((most, set) => set.shapes.size > most.shapes.size ? set : most);
    return {
      path,
      files: [path],
      format: "pytorch",
      tensors: await largest.locate(),
      sets,
      metadata: new Map(),
      settings,
    };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`Cannot read "${path}": ${cause.message}`, { cause });
  }
}
