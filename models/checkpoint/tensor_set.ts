import type { TensorEntry } from "./tensor_entry.ts";

/** A set of tensors in a checkpoint: a whole safetensors file, or one dictionary of a pickle. */
export interface TensorSet {
  /** Keys that lead to the set in a PyTorch file, outermost first; empty for the whole file. */
  readonly keys: readonly string[];
  /** Shape of each tensor by name, in the file's order. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Other names of the dictionary, with the unknown global that would make each value. */
  readonly unknown: ReadonlyMap<string, string>;
  /**
   * Finds the bytes of each tensor in the file.
   *
   * @throws {SyntaxError} If the file does not hold the tensors whole. The message is a reason
   * without the name of the file.
   */
  locate(): Promise<ReadonlyMap<string, TensorEntry>>;
}

/** Makes the set of a whole checkpoint from tensors that are located already. */
export function wholeSet(tensors: ReadonlyMap<string, TensorEntry>): TensorSet {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  return { keys: [], shapes, unknown: new Map(), locate: () => Promise.resolve(tensors) };
}
