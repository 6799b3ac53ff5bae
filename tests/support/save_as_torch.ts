import { dict, pickle, type Piece, tensor, torchZip } from "./torch_file.ts";
import { openCheckpoint, readTensor, writeSafetensors } from "../../models/checkpoint/mod.ts";

/**
 * Writes a copy of a checkpoint in the format of `torch.save`.
 *
 * @param rename Returns the new name of a tensor; a tensor without a new name is left out.
 * @param wrap Wraps the state dict in the other saved objects.
 */
export async function saveAsTorch(
  from: string,
  to: string,
  rename: (name: string) => string | undefined = (name) => name,
  wrap: (state: Piece) => Piece = (state) => state,
): Promise<void> {
  const checkpoint = await openCheckpoint(from);
  const entries = [...checkpoint.tensors.values()].flatMap(({ name, shape }) => {
    const renamed = rename(name);
    return renamed === undefined ? [] : [{ name, shape, renamed }];
  });
  const storages = await Promise.all(entries.map(({ name }) => readTensor(checkpoint, name)));
  const state = dict(entries.map(({ shape, renamed }, key) => {
    const strides = shape.map((_, axis) =>
      shape.slice(axis + 1).reduce((step, size) => step * size, 1)
    );
    const count = storages[key]!.length;
    return [renamed, tensor({ key: String(key), count, shape, strides })];
  }));
  await Deno.writeFile(to, await torchZip(pickle(wrap(state)), ...storages));
}

/** Writes a copy of a checkpoint as safetensors: the kept tensors, under new names. */
export async function saveRenamed(
  from: string,
  to: string,
  rename: (name: string) => string,
  isKept: (index: number) => boolean = () => true,
): Promise<string[]> {
  const checkpoint = await openCheckpoint(from);
  const kept = [...checkpoint.tensors.values()].filter((_, index) => isKept(index));
  const tensors = await Promise.all(kept.map(async ({ name, shape }) => {
    const values = await readTensor(checkpoint, name);
    return { name: rename(name), shape, data: () => values };
  }));
  await writeSafetensors(to, tensors);
  return tensors.map(({ name }) => name);
}
