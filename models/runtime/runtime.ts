/**
 * The interface of a runtime, which is the same for every library.
 *
 * @module
 */

import type { Gpu } from "../../shaders/device.ts";

/** Float32 numbers in memory, or in a buffer on the runtime's GPU. */
export type TensorData = Float32Array | GPUBuffer;

/** An input of a session. */
export interface Tensor {
  /** Row-major elements; a buffer only if the runtime has a GPU. */
  readonly data: TensorData | BigInt64Array;
  /** Size of each axis. */
  readonly dims: readonly number[];
}

/** A float32 output of a session. */
export interface OutputTensor extends Tensor {
  /** Row-major elements; on the GPU if the runtime has one. */
  readonly data: TensorData;
  /** Frees the tensor's memory. Call it after submitting every command that reads the tensor. */
  release(): void;
}

/** A model that is ready to run. */
export interface Session {
  /**
   * Runs the model once.
   *
   * @param feeds Inputs of the model by name.
   * @param fetches Names of the outputs to return.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: readonly string[],
  ): Promise<Record<string, OutputTensor>>;
  /** Frees the model's memory. */
  release(): Promise<void>;
}

/** A byte range of a file that a model refers to as external data. */
export interface ExternalData {
  /** Path of the file. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
  /**
   * Whether to load the range's float32 numbers as float16.
   *
   * @default {false}
   */
  readonly asFloat16?: boolean;
  /**
   * The range's bfloat16 numbers are loaded as float32.
   *
   * @default {false}
   */
  readonly asFloat32?: boolean;
}

/** Number of bytes that a range has once it is loaded. */
export function loadedLength({ length, asFloat16, asFloat32 }: ExternalData): number {
  return asFloat16 ? length / 2 : asFloat32 ? 2 * length : length;
}

/** A model's reference to a byte range of a file. */
export interface ExternalReference {
  /** Name by which the runtime finds the file, or this one range of it. */
  readonly location: string;
  /** First byte, counted from the start of the file or range that the name stands for. */
  readonly offset: number;
}

/** Options of {@linkcode Runtime.load}. */
export interface LoadOptions {
  /**
   * Whether float16 weights stay float16 in memory, if the runtime can widen them at every use.
   *
   * @default {false}
   */
  readonly keepFloat16?: boolean;
  /**
   * Memory of a run returns to the system at its end, where the runtime can do so. A network that
   * runs once an image should not hold the memory of its largest layers beside other networks.
   *
   * @default {false}
   */
  readonly freesMemory?: boolean;
}

/** Names of the GPUs' libraries in `onnxruntime-node`. */
export type ProviderName = "webgpu-native" | "cuda" | "coreml" | "dml";

/** Place where a model runs: native code, WebAssembly or a GPU. */
export type RuntimeName = "native" | "wasm" | "webgpu" | ProviderName;

/** A library that runs ONNX models on one device. */
export interface Runtime {
  /** Name of the runtime in records; `webgpu` shares its GPU with the shaders. */
  readonly name: RuntimeName;
  /** Library and version, such as `onnxruntime-node 1.30.0`. */
  readonly version: string;
  /** Why this runtime was chosen, as a clause for the first line of a run. */
  readonly reason: string;
  /** Name of the GPU that runs the model; absent if the CPU does. */
  readonly adapter?: string;
  /** The GPU that the runtime shares with the shaders; absent if the results come to memory. */
  readonly gpu?: Gpu;
  /**
   * Use of float16 weights: `kept` in memory and widened for each product, or `multiplied` as they
   * are, with sums in float32. Absent if the runtime has neither.
   */
  readonly float16?: "kept" | "multiplied";
  /** Opens the runtime once more, after the loss of its GPU; absent if the CPU runs the model. */
  reopen?(): Promise<Runtime>;
  /** Makes the reference by which a model for this runtime finds a weight in its file. */
  refer(data: ExternalData): ExternalReference;
  /**
   * Loads a model.
   *
   * @param model Bytes of the `.onnx` file.
   * @param external All byte ranges that the model refers to; the files lie in one folder.
   * @throws {Error} If the model cannot be loaded, such as for lack of memory.
   */
  load(
    model: Uint8Array,
    external?: readonly ExternalData[],
    options?: LoadOptions,
  ): Promise<Session>;
}
