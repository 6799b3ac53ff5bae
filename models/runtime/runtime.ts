/**
 * What a runtime offers, whichever library stands behind it.
 *
 * @module
 */

/** A tensor on its way into or out of a session. */
export interface Tensor {
  /** Row-major elements. */
  readonly data: Float32Array | BigInt64Array;
  /** Size of each axis. */
  readonly dims: readonly number[];
}

/** A model that is ready to run. */
export interface Session {
  /**
   * Runs the model once.
   *
   * @param feeds Its inputs by name.
   * @param fetches Names of the outputs to return; only these are copied out.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: readonly string[],
  ): Promise<Record<string, Tensor>>;
  /** Frees its memory. */
  release(): Promise<void>;
}

/** A file that a model's weights lie in. */
export interface WeightFile {
  /** Name that the model refers to it by. */
  readonly location: string;
  /** Where it is. */
  readonly path: string;
}

/** Names of the runtimes. */
export type RuntimeName = "native" | "wasm";

/** Something that runs ONNX models. */
export interface Runtime {
  /** Which one it is. */
  readonly name: RuntimeName;
  /** Library and version, such as `onnxruntime-node 1.30.0`. */
  readonly version: string;
  /** Why it was chosen, for the first line of a run. */
  readonly reason: string;
  /**
   * Loads a model.
   *
   * @param model Bytes of the `.onnx` file.
   * @param weights The file of its external weights, where it has some.
   * @throws {Error} If the model cannot be loaded, such as for want of memory.
   */
  load(model: Uint8Array, weights?: WeightFile): Promise<Session>;
}
