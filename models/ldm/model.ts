import type { Runtime } from "../runtime/runtime.ts";
import { Scheduler } from "../scheduler.ts";
import type { Bundle } from "./bundle.ts";
import { type Networks, openNetworks } from "./networks.ts";
import type { WeightType } from "./weights.ts";

/** A latent diffusion model in a runtime, with the operations that the pipeline needs. */
export interface LdmModel extends Networks {
  /** Bundle that the model was loaded from. */
  readonly bundle: Bundle;
  /** Noise schedule of the model. */
  readonly scheduler: Scheduler;
  /** Cross-attention layers that {@linkcode LdmModel.attend} reads, ascending. */
  readonly layers: readonly number[];
  /** {@linkcode LdmModel.attend} reduces maps to the asked columns on the GPU too. */
  readonly tokenSums: boolean;
  /** Type that memory keeps float32 weights of U-Net and text encoder in. */
  readonly weights: WeightType;
  /**
   * Frees the networks and loads them into another runtime, such as after the loss of the GPU. On
   * the CPU the weights become float32. All earlier values and conditionings become invalid.
   *
   * @param open Opens the runtime. A library may open a lost GPU again only after all sessions
   * there are freed. If the networks do not load, the runtime's device is destroyed.
   */
  move(open: () => Promise<Runtime>): Promise<void>;
}

/** Options of {@linkcode openModel}. */
export interface OpenModelOptions {
  /**
   * Cross-attention layers to read, counted from 0 in forward order, or all.
   *
   * @default {The layers that the bundle states, or else [3, 4, 6, 7]}
   */
  layers?: readonly number[] | "all";
  /**
   * Whether each layer has an output of its own on the GPU too. Variants that average different
   * layers need this.
   *
   * @default {false}
   */
  separate?: boolean;
  /**
   * {@linkcode LdmModel.attend} returns a map of each head, not their mean. Each layer then
   * has an output of its own.
   *
   * @default {false}
   */
  eachHead?: boolean;
  /**
   * {@linkcode LdmModel.attend} reduces maps to the asked columns on the GPU too. The
   * stages of the seed method need it for the tokens `content` alone.
   *
   * @default {false}
   */
  tokenSums?: boolean;
  /**
   * Type that memory keeps float32 weights of U-Net and text encoder in. `float16` halves their
   * memory on the GPU and rounds each weight to 11 bits. It needs WebGPU and a GPU with the
   * feature `shader-f16`, where all computation stays in float32, or CUDA, where products with
   * weights are in float16.
   *
   * @default {"float32"}
   */
  weights?: WeightType;
}

/** Layers that the released code reads; the paper counts from 1 (docs/method.md, section 4). */
export const DEFAULT_LAYERS: readonly number[] = [3, 4, 6, 7];

/**
 * Loads a bundle's networks into a runtime.
 *
 * @throws {RangeError} If the model lacks a chosen layer.
 * @throws {TypeError} If the weights are to be float16 and no GPU supports it.
 */
export async function openModel(
  bundle: Bundle,
  runtime: Runtime,
  options: OpenModelOptions = {},
): Promise<LdmModel> {
  const layers = chooseLayers(options.layers ?? defaultLayers(bundle), bundle.crossAttentionLayers);
  const { separate = false, eachHead = false, tokenSums = false } = options;
  const open = (runtime: Runtime, weights: WeightType) =>
    openNetworks(bundle, runtime, { layers, weights, separate, eachHead, tokenSums });
  const { weights = "float32" } = options;
  const model: LdmModel = {
    ...await open(runtime, weights),
    bundle,
    layers,
    tokenSums,
    weights,
    scheduler: new Scheduler(bundle.config.scheduler),
    async move(openNext) {
      // A lost device may refuse to release its sessions.
      await model.close().catch(() => {});
      const runtime = await openNext();
      const weights = runtime.float16 ? model.weights : "float32";
      const networks = await open(runtime, weights).catch((error) => {
        runtime.gpu?.destroy();
        throw error;
      });
      Object.assign(model, networks, { weights });
    },
  };
  return model;
}

/** Layers to read if the caller chooses none: the bundle's, or else the released code's. */
export function defaultLayers({ config }: Bundle): readonly number[] {
  return config.layers ?? DEFAULT_LAYERS;
}

/** Sorts the chosen layers in ascending order, and checks that the model has them. */
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
