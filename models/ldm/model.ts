/**
 * A latent diffusion model that is ready to run.
 *
 * @module
 */

import type { Runtime } from "../runtime/runtime.ts";
import { Scheduler } from "../scheduler.ts";
import type { Bundle } from "./bundle.ts";
import { type Networks, openNetworks } from "./networks.ts";
import type { WeightType } from "./weights.ts";

/** The networks of a latent diffusion model behind what the pipeline asks of them. */
export interface LdmModel extends Networks {
  /** What it was loaded from. */
  readonly bundle: Bundle;
  /** Its noise schedule. */
  readonly scheduler: Scheduler;
  /** Cross-attention layers that {@linkcode LdmModel.attend} reads, ascending. */
  readonly layers: readonly number[];
  /** What float32 weights of its U-Net and text encoder are kept as. */
  readonly weights: WeightType;
  /**
   * Loads the networks anew into another runtime, such as after the GPU was
   * lost; on the CPU with float32 weights. What the old ones gave is void.
   */
  move(runtime: Runtime): Promise<void>;
}

/** Options of {@linkcode openModel}. */
export interface OpenModelOptions {
  /**
   * Cross-attention layers to read, counted from 0 in forward order, or all.
   *
   * @default {[3, 4, 6, 7], or what the bundle states}
   */
  layers?: readonly number[] | "all";
  /**
   * Whether each layer's maps come by themselves on the GPU too, for variants that
   * do not all average the same layers.
   *
   * @default {false}
   */
  separate?: boolean;
  /**
   * What float32 weights of U-Net and text encoder are kept as: `float16` takes half
   * the GPU's memory, rounds each weight to 11 bits, and needs runtime `webgpu` on a
   * GPU with the feature `shader-f16`. All is computed in float32 nevertheless.
   *
   * @default {"float32"}
   */
  weights?: WeightType;
}

/** Layers that the released code reads; the paper counts them from 1 (docs/method.md, section 4). */
export const DEFAULT_LAYERS: readonly number[] = [3, 4, 6, 7];

/**
 * Loads a bundle's networks into a runtime.
 *
 * @throws {RangeError} If a layer is asked for that the model does not have.
 * @throws {TypeError} If float16 is asked for where there is no GPU that has it.
 */
export async function openModel(
  bundle: Bundle,
  runtime: Runtime,
  options: OpenModelOptions = {},
): Promise<LdmModel> {
  const layers = chooseLayers(options.layers ?? defaultLayers(bundle), bundle.crossAttentionLayers);
  const { separate = false } = options;
  let { weights = "float32" } = options;
  let networks = await openNetworks(bundle, runtime, { layers, weights, separate });
  return {
    bundle,
    layers,
    scheduler: new Scheduler(bundle.config.scheduler),
    get runtime() {
      return networks.runtime;
    },
    get latentLength() {
      return networks.latentLength;
    },
    get batch() {
      return networks.batch;
    },
    get weights() {
      return weights;
    },
    encode: (...args) => networks.encode(...args),
    embed: (...args) => networks.embed(...args),
    project: (...args) => networks.project(...args),
    condition: (...args) => networks.condition(...args),
    attend: (...args) => networks.attend(...args),
    predict: (...args) => networks.predict(...args),
    step: (...args) => networks.step(...args),
    addNoise: (...args) => networks.addNoise(...args),
    read: (...args) => networks.read(...args),
    readAll: (...args) => networks.readAll(...args),
    free: (...args) => networks.free(...args),
    close: () => networks.close(),
    async move(runtime) {
      // A lost device may refuse to close what it held.
      await networks.close().catch(() => {});
      if (!runtime.gpu) weights = "float32";
      networks = await openNetworks(bundle, runtime, { layers, weights, separate });
    },
  };
}

/** Layers that are read where none are chosen: what the bundle states, or the released code's. */
export function defaultLayers({ config }: Bundle): readonly number[] {
  return config.layers ?? DEFAULT_LAYERS;
}

/** Chosen layers in ascending order, checked against how many there are. */
export function chooseLayers(layers: readonly number[] | "all", count: number): number[] {
  if (layers === "all") return Array.from({ length: count }, (_, layer) => layer);
  const chosen = [...new Set(layers)].sort((a, b) => a - b);
  const wrong = chosen.find((layer) => !Number.isInteger(layer) || layer < 0 || layer >= count);
  if (chosen.length === 0 || wrong !== undefined) {
    throw new RangeError(
      `Cannot read cross-attention ${wrong === undefined ? "of no layer" : `layer ${wrong}`}: ` +
        `the model has ${count}, numbered 0 to ${count - 1}`,
    );
  }
  return chosen;
}
