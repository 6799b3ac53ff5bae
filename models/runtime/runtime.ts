/**
 * What a runtime offers, whichever library stands behind it.
 *
 * @module
 */

import type { Gpu } from "../../shaders/device.ts";

/** Float32 numbers where a runtime keeps them: in memory, or on its GPU. */
export type Values = Float32Array | GPUBuffer;

/** A tensor on its way into a session. */
export interface Tensor {
  /** Row-major elements; on the GPU only for a runtime that has one. */
  readonly data: Values | BigInt64Array;
  /** Size of each axis. */
  readonly dims: readonly number[];
}

/** A float32 tensor that came out of a session. */
export interface OutputTensor extends Tensor {
  /** Row-major elements, on the GPU where the runtime has one. */
  readonly data: Values;
  /** Gives its memory back, once all that reads it is submitted. */
  release(): void;
}

/** A model that is ready to run. */
export interface Session {
  /**
   * Runs the model once.
   *
   * @param feeds Its inputs by name.
   * @param fetches Names of the outputs to return.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: readonly string[],
  ): Promise<Record<string, OutputTensor>>;
  /** Frees its memory. */
  release(): Promise<void>;
}

/** A stretch of a file that a model refers to as external data. */
export interface ExternalData {
  /** Path of the file. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
  /**
   * Whether the float32 numbers there are to be loaded as float16.
   *
   * @default {false}
   */
  readonly asFloat16?: boolean;
}

/** How a model is to refer to a stretch of a file. */
export interface ExternalReference {
  /** Name that the runtime finds it by. */
  readonly location: string;
  /** First byte of what the name stands for. */
  readonly offset: number;
}

/** How a model is loaded. */
export interface LoadOptions {
  /**
   * Whether float16 weights take no more memory than that, where the runtime can
   * widen them at every use.
   *
   * @default {false}
   */
  readonly keepFloat16?: boolean;
}

/** Names of the runtimes. */
export type RuntimeName = "native" | "wasm" | "webgpu";

/** Something that runs ONNX models. */
export interface Runtime {
  /** Which one it is. */
  readonly name: RuntimeName;
  /** Library and version, such as `onnxruntime-node 1.30.0`. */
  readonly version: string;
  /** Why it was chosen, for the first line of a run. */
  readonly reason: string;
  /** The device that it runs on and shares with the shaders; none where it runs on the CPU. */
  readonly gpu?: Gpu;
  /** How a model that is meant for this runtime refers to its weights. */
  refer(data: ExternalData): ExternalReference;
  /**
   * Loads a model.
   *
   * @param model Bytes of the `.onnx` file.
   * @param external All that the model refers to, from files of one folder.
   * @throws {Error} If the model cannot be loaded, such as for want of memory.
   */
  load(
    model: Uint8Array,
    external?: readonly ExternalData[],
    options?: LoadOptions,
  ): Promise<Session>;
}
