import { ByteFile } from "./byte_file.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { sniffFormat } from "./sniff.ts";
import type { TensorEntry } from "./tensor_entry.ts";
import { readTorchZip } from "./pytorch/torch_zip.ts";

/** What a checkpoint file holds, without its data. */
export interface Checkpoint {
  /** Path of the file. */
  readonly path: string;
  /** Format that the content has, whatever the file's name. */
  readonly format: "safetensors" | "pytorch";
  /** The tensors by name, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Free-form notes of a safetensors file, such as `format: pt`; empty for PyTorch. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Opens a safetensors file or a zip made by `torch.save`, told apart by content.
 *
 * Only headers are read: a checkpoint of any size opens at once, and the file is closed again. A
 * PyTorch file is a pickle, and is never executed: anything in it but tensors in plain containers
 * is an error.
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
      return { path, format: "safetensors", ...await readSafetensorsHeader(file) };
    }
    return {
      path,
      format: "pytorch",
      tensors: await readTorchZip(file),
      metadata: new Map(),
    };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`Cannot read "${path}": ${cause.message}`, { cause });
  }
}
