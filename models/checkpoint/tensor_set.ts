import type { TensorEntry } from "./tensor_entry.ts";

/** Tensors of a checkpoint that stand together: all of a safetensors file, a dictionary of a pickle. */
export interface TensorSet {
  /** The keys that lead to them in a PyTorch file, outermost first; none for the whole file. */
  readonly keys: readonly string[];
  /** Shape of each by name, in the file's order. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Names that stand beside them for what only executing the pickle would make, with what makes it. */
  readonly unknown: ReadonlyMap<string, string>;
  /**
   * Finds where they lie.
   *
   * @throws {SyntaxError} If the file does not hold them whole. The message is a reason without the
   * name of the file.
   */
  locate(): Promise<ReadonlyMap<string, TensorEntry>>;
}
