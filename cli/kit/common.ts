/**
 * Options of the model and the method that several commands share.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import {
  type Bundle,
  type GroundSettings,
  type LdmModel,
  loadBundle,
  NOISE_KINDS,
  openModel,
  openRuntime,
  type ResolvedSettings,
  resolveSettings,
  type Runtime,
  TOKEN_KINDS,
  variantLayers,
  type VariantSettings,
} from "../../mod.ts";
import { chooseLayers, defaultLayers } from "../../models/ldm/model.ts";
import { requireWeights } from "../../models/ldm/networks.ts";
import { WEIGHT_TYPES, type WeightType } from "../../models/ldm/weights.ts";
import { DEVICES, requireGpu, RUNTIMES } from "../../models/runtime/mod.ts";
import type { Gpu } from "../../shaders/device.ts";
import { quietenDriver } from "./driver.ts";
import { type Flags, type FlagValues, UsageError } from "./flags.ts";
import { modelFolder, MODELS_FLAGS } from "./models.ts";
import { parseLayers, parseSelect } from "./parsers.ts";
import type { Progress } from "./progress.ts";
import { SCORE_FLAGS } from "./score_flags.ts";

/** Folder of the bundled model. */
export const DEMO: string = decodeURIComponent(
  new URL("../../models/demo", import.meta.url).pathname,
)
  .replace(/^\/([A-Za-z]:)/, "$1");

/** Options that choose the model and where it runs. */
export const MODEL_FLAGS = {
  model: {
    type: "string",
    placeholder: "NAME",
    description:
      "The model: a folder in our flat layout or a MONAI bundle; or, where no such folder is, a name that deno task get lists, such as ldm.",
    defaultText: "the bundled one",
  },
  ...MODELS_FLAGS,
  "text-encoder": {
    type: "string",
    placeholder: "DIR",
    description: "Folder of the text encoder and tokenizer, when the model's folder has none.",
  },
  runtime: {
    type: "string",
    choices: RUNTIMES,
    default: "auto",
    placeholder: "NAME",
    description: "What runs the model.",
  },
  device: {
    type: "string",
    choices: DEVICES,
    default: "auto",
    placeholder: "WHERE",
    description: "Where model and heatmaps are computed; auto takes the GPU where it is hardware.",
  },
  weights: {
    type: "string",
    choices: WEIGHT_TYPES,
    default: "float32",
    placeholder: "TYPE",
    description:
      "What weights are kept as; float16 takes half the GPU's memory, differs a little and needs --runtime webgpu.",
  },
  layers: {
    type: "string",
    placeholder: "LIST",
    description: "Cross-attention layers to read, counted from 0, such as 3,4,6,7 or 3-7, or all.",
    defaultText: "3,4,6,7; the bundled model states its own",
  },
} as const satisfies Flags;

type ModelValues = Pick<FlagValues<typeof MODEL_FLAGS>, "model" | "models" | "text-encoder">;

/** Folder of the chosen model. */
export function chosenFolder({ model, models }: Pick<ModelValues, "model" | "models">): string {
  return model === undefined ? DEMO : modelFolder(model, models);
}

/** Paths of the chosen model, which the run must be allowed to read. */
export function modelPaths(values: ModelValues): (string | undefined)[] {
  return [chosenFolder(values), values["text-encoder"]];
}

/** Options of the method. */
export const METHOD_FLAGS = {
  steps: {
    type: "integer",
    min: 1,
    placeholder: "T",
    description: "Number of inversion steps T, which spaces the timesteps.",
    defaultText: "300; the bundled model states its own",
  },
  select: {
    type: "string",
    placeholder: "RANGE",
    description:
      "Steps to read attention at, half-open: indices such as 120..180, or shares of T such as 40%..60%.",
    defaultText: "the middle fifth, 120..180 of 300; the bundled model states its own",
  },
  sigma: { ...SCORE_FLAGS.sigma, default: 2.5 },
  otsu: {
    type: "boolean",
    default: true,
    description: "Leave the heatmap whole: do not cut it at Otsu's threshold.",
  },
  tokens: {
    type: "string",
    choices: TOKEN_KINDS,
    default: "phrase",
    placeholder: "WHICH",
    description:
      "Tokens to average: the phrase's own; its start and end tokens (ends) too; those from the first to the last of its class name, for datasets with classes (class); or these without the last of several, as the released code has them (class-released).",
  },
  noise: {
    type: "string",
    choices: NOISE_KINDS,
    default: "inversion",
    placeholder: "KIND",
    description:
      "Where noisy latents come from: DDIM inversion, the reverse process after it, or a sample of Gaussian noise.",
  },
  seed: {
    type: "integer",
    min: 0,
    default: 0,
    placeholder: "N",
    description: "Seed of what is random: the Gaussian noise of --noise sample.",
  },
} as const satisfies Flags;

/** Option for the folder that keeps noisy latents between runs. */
export const CACHE_FLAGS = {
  cache: {
    type: "string",
    placeholder: "DIR",
    description:
      "Folder to keep noisy latents in, so that other phrases, layers or smoothing of an image take only the phrases' passes.",
  },
} as const satisfies Flags;

/** Converts the method's options to its settings. */
export function groundSettings(values: FlagValues<typeof METHOD_FLAGS>): GroundSettings {
  const { steps, select, sigma, otsu, tokens, noise, seed } = values;
  return {
    sigma,
    otsu,
    tokens,
    noise,
    seed,
    ...(steps !== undefined && { steps }),
    ...(select !== undefined && { select: parseSelect(select) }),
  };
}

/** Runtime and GPU that a model runs on. */
export interface Place {
  /** Runtime that runs the model. */
  readonly runtime: Runtime;
  /** GPU that computes the heatmaps; absent if the CPU does. */
  readonly gpu?: Gpu;
}

/** A model that is ready to be loaded, and its settings. */
export interface ChosenModel extends Place {
  /** Bundle that the model is loaded from. */
  readonly bundle: Bundle;
  /** Settings, with the variants that depend on the model. */
  readonly settings: GroundSettings;
  /** Settings with all defaults filled in. */
  readonly resolved: ResolvedSettings;
  /** Number format of the weights in memory. */
  readonly weights: WeightType;
  /** Loads the model, which takes seconds. */
  open(): Promise<LdmModel>;
}

/**
 * Chooses a model by the options. Reports the runtime, the device and the model's notice. All
 * checks of the options happen here, before the model is loaded.
 *
 * @param progress Receives the reports.
 * @param chooseVariants Returns the variants, given the model and the chosen layers.
 */
export async function chooseModel(
  values: FlagValues<typeof MODEL_FLAGS>,
  settings: GroundSettings,
  progress: Progress,
  chooseVariants?: (bundle: Bundle, layers: readonly number[]) => readonly VariantSettings[],
): Promise<ChosenModel> {
  requirePlace(values);
  const layerList = values.layers === undefined ? undefined : parseLayers(values.layers);
  const bundle = await openChosenBundle(values);
  const chosen = layerList ?? defaultLayers(bundle);
  const count = bundle.crossAttentionLayers;
  const named = chooseLayers(chosen, count);
  const variants = chooseVariants?.(bundle, named);
  const layers = variants ? variantLayers(variants, count) : named;
  const own = { ...settings, ...(variants && { variants }) };
  const resolved = resolveSettings({ bundle, layers }, own);
  const place = await openPlace(values, progress);
  const { weights } = values;
  requireWeights(weights, place.runtime);
  if (bundle.config.notice) progress.warn(bundle.config.notice);
  const separate = variants !== undefined;
  return {
    ...place,
    bundle,
    settings: own,
    resolved,
    weights,
    open: () => openModel(bundle, place.runtime, { layers, weights, separate }),
  };
}

type PlaceValues = Pick<FlagValues<typeof MODEL_FLAGS>, "runtime" | "device">;

/** Opens the runtime and the device that the options choose; reports both and the reason. */
export async function openPlace(values: PlaceValues, progress: Progress): Promise<Place> {
  requirePlace(values);
  quietenDriver();
  const runtime = await openRuntime(values.runtime, values.device);
  const gpu = runtime.gpu ??
    (values.device === "gpu" ? await requireGpu("use the GPU") : undefined);
  progress.say(`Running on ${describePlace(runtime, gpu)}: ${runtime.reason}.`);
  return { runtime, ...(gpu && { gpu }) };
}

function requirePlace({ runtime, device }: PlaceValues): void {
  if (runtime === "webgpu" && device === "cpu") {
    throw new UsageError('Option "--runtime webgpu" needs the GPU, but "--device" says cpu');
  }
}

/** Describes the adapter and the runtime in words. */
function describePlace(runtime: Runtime, gpu: Gpu | undefined): string {
  const where = runtime.gpu ? runtime.gpu.adapter.name : "the CPU";
  const heatmaps = gpu && !runtime.gpu ? `, heatmaps on ${gpu.adapter.name}` : "";
  return `${where} with ${runtime.version} (${runtime.name})${heatmaps}`;
}

/** Opens the bundle that the options choose. */
export async function openChosenBundle(values: ModelValues): Promise<Bundle> {
  const textEncoder = values["text-encoder"];
  return await loadBundle(chosenFolder(values), { ...(textEncoder && { textEncoder }) });
}

/** Settings, model and versions behind the results, for the record. */
export async function describeRun(
  { bundle, runtime, gpu, resolved, weights }: ChosenModel,
) {
  const { timesteps, variants, otsu, ...chosen } = resolved;
  return {
    settings: {
      ...chosen,
      timesteps: timesteps.length,
      weights,
      ...(variants.length > 1 ? { variants } : { otsu }),
    },
    model: { path: bundle.path, sha256: await bundle.hash() },
    versions: describeVersions({ runtime, ...(gpu && { gpu }) }),
  };
}

/** Versions of the software, and the name of the GPU. */
export function describeVersions(place?: Place): Record<string, string> {
  return {
    groundray: manifest.version,
    ...(place && { runtime: `${place.runtime.version} (${place.runtime.name})` }),
    ...(place?.gpu && { gpu: place.gpu.adapter.name }),
    deno: Deno.version.deno,
  };
}
