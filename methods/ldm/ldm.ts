import { isObject } from "../../base/json.ts";
import { type FlagValues, UsageError } from "../../base/options.ts";
import { type Bundle, loadBundle, type LoadBundleOptions } from "../../models/ldm/bundle.ts";
import { chooseLayers, defaultLayers, openModel } from "../../models/ldm/model.ts";
import { requireWeights } from "../../models/ldm/networks.ts";
import { attentionVariants, keptColumns } from "../../pipeline/attention_grid.ts";
import { groundRequests } from "../../pipeline/ground.ts";
import {
  type GroundSettings,
  type ResolvedSettings,
  resolveSettings,
} from "../../pipeline/settings/settings.ts";
import { isOfClass } from "../../pipeline/settings/token_range.ts";
import {
  tableTwoVariants,
  type Variant,
  variantLayers,
  type VariantSettings,
} from "../../pipeline/settings/variants.ts";
import { TrajectoryCache } from "../../pipeline/trajectory_cache.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";
import { expectTime, measurePasses } from "./expectation.ts";
import { LDM_EVAL_FLAGS, LDM_FLAGS, LDM_GROUND_FLAGS, type PART_FLAGS } from "./flags.ts";
import { keepColumns, keptBytes } from "./keep.ts";
import { parseLayers, parseSelect, parseSetting } from "./parsers.ts";

/** Folder of the bundled model. */
export const DEMO: string = decodeURIComponent(
  new URL("../../models/demo", import.meta.url).pathname,
)
  .replace(/^\/([A-Za-z]:)/, "$1");

/** Values of the method's options; a command without an option has no value for it. */
type Values =
  & FlagValues<typeof LDM_FLAGS>
  & Partial<FlagValues<typeof LDM_EVAL_FLAGS> & FlagValues<typeof LDM_GROUND_FLAGS>>;

/** Files of every method of a diffusion model. */
export const LDM_SOURCE = {
  option: "model",
  needs: "the folder of its files",
  default: DEMO,
  part: "unet",
} as const;

/** The registry's row of the paper's latent diffusion model. */
export const LDM = {
  label: "Ours (ldm)",
  gives: "heatmaps",
  source: LDM_SOURCE,
  flags: LDM_FLAGS,
  evalFlags: LDM_EVAL_FLAGS,
  groundFlags: LDM_GROUND_FLAGS,
  aloneFlags: Object.keys(LDM_EVAL_FLAGS),
  paths: (values) => ({ read: partPaths(values), write: [values.cache] }),
  trained: trainedOfDemo,
  choose: chooseLdm,
} as const satisfies MethodRow<typeof LDM_FLAGS>;

/** SHA-256 of the bundled model's weights. */
export const DEMO_SHA256 = "6f4942cda9a4db68ded49eb3bc906e3e1e9030ef268cdde8acf204009ec456e6";

/** Training data of the bundled model, which the facts of any method of a diffusion model name. */
export function trainedOfDemo({ model }: Readonly<Record<string, unknown>>) {
  return isObject(model) && model.sha256 === DEMO_SHA256 ? [{ dataset: "phantoms" }] : undefined;
}

async function chooseLdm(
  folder: string,
  values: Values,
  context: MethodContext,
): Promise<ChosenMethod> {
  requireValues(values, context);
  const { cache, weights } = values;
  const layerList = values.layers === undefined ? undefined : parseLayers(values.layers);
  const settings = groundSettings(values);
  if (cache) await TrajectoryCache.open(cache);
  const bundle = await openBundle(folder, values);
  const count = bundle.crossAttentionLayers;
  const chosen = chooseLayers(layerList ?? defaultLayers(bundle), count);
  const variants = chooseVariants(bundle, chosen, settings, values);
  const read = variants ? variantLayers(variants, count) : chosen;
  const asked = { ...settings, ...(variants && { variants }) };
  const resolved = resolveSettings({ bundle, layers: read }, asked);
  const layers = values.keep ? chooseLayers("all", count) : read;
  const made = variants ?? [{ name: "", layers: chosen, otsu: resolved.otsu }];
  const kept = values.keep &&
    keptColumns({ bundle, layers }, { ...settings, variants: made }, values.keep);
  const own = kept ? { ...settings, variants: [...made, ...kept] } : asked;
  const { runtime, gpu } = await context.backend();
  requireWeights(weights, runtime);
  const { notice } = bundle.config;
  if (notice) context.warn(notice);
  const sha256 = await bundle.hash();
  const separate = own.variants !== undefined;
  return {
    facts: {
      settings: {
        ...describeSettings(values.attention ? firstVariant(resolved) : resolved, weights),
        ...(kept && {
          kept: { layers, steps: kept.map(({ select: { start, end } }) => [start, end]) },
        }),
      },
      model: { sha256 },
    },
    source: {
      model: { path: bundle.path, ...(bundle.hasParts && partFolders(values)), sha256 },
    },
    variants: resolved.variants.map(({ name }) => name),
    notes: notice ? [notice] : [],
    settings: resolved,
    ...(kept && { keptBytes: keptBytes(bundle.crossAttentionSides, kept.length) }),
    open: async () => {
      const model = await openModel(bundle, runtime, {
        layers,
        weights,
        separate,
        tokenSums: resolved.tokens === "content",
      });
      const run = { ...own, model, ...(gpu && { gpu }), ...(cache && { cache }) };
      return {
        keepsOwnOrder: true,
        ground: (source, options) => {
          const results = groundRequests(source, { ...run, ...options });
          return kept ? keepColumns(results, kept.map(({ name }) => name)) : results;
        },
        // A phrase takes the bundled model a second.
        ...(folder !== DEMO && {
          expect: async (images: number, phrases: number) => {
            const times = await measurePasses(model, resolved.noise !== "sample");
            return expectTime(model, own, times, images, phrases);
          },
        }),
        close: () => model.close(),
      };
    },
  };
}

/** Values of the options that name parts of a model. */
type PartValues = Partial<FlagValues<typeof PART_FLAGS>>;

/** Folders that the options for parts of a model name, for the confinement of a command. */
export function partPaths(values: PartValues): (string | undefined)[] {
  return Object.values(partFolders(values));
}

/** Opens a bundle, with parts from other folders if the options say so. */
export async function openBundle(folder: string, values: PartValues): Promise<Bundle> {
  return await loadBundle(folder, partFolders(values));
}

/** Folders of parts, by the options that name them. */
export function partFolders(values: PartValues): LoadBundleOptions {
  const { "text-encoder": textEncoder, unet, vae, tokenizer, scheduler } = values;
  return {
    ...(textEncoder && { textEncoder }),
    ...(unet && { unet }),
    ...(vae && { vae }),
    ...(tokenizer && { tokenizer }),
    ...(scheduler && { scheduler }),
  };
}

/** @throws {UsageError} If options contradict each other. */
function requireValues(values: Values, { hasClasses }: MethodContext): void {
  if (!hasClasses && isOfClass(values.tokens)) {
    throw new UsageError(
      `Option "--tokens ${values.tokens}" needs samples with a class, as deno task eval has them`,
    );
  }
  if (values["attention-columns"] !== undefined && !values.attention) {
    throw new UsageError('Option "--attention-columns" needs "--attention"');
  }
  if (values.ablate && !values.otsu) {
    throw new UsageError('Option "--no-otsu" has no effect with "--ablate", which scores both');
  }
}

function groundSettings(
  { steps, select, sigma, otsu, tokens, noise, seed }: Values,
): GroundSettings {
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

/** The variants that the options ask for; `undefined` for the settings alone. */
function chooseVariants(
  bundle: Bundle,
  layers: readonly number[],
  settings: GroundSettings,
  { ablate, setting = [], otsu, attention: range, "attention-columns": columns }: Values,
): readonly VariantSettings[] | undefined {
  if (range) {
    const all = [...bundle.crossAttentionSides.keys()];
    const grid = { range, ...(columns !== undefined && { columns }) };
    return attentionVariants({ bundle, layers: all }, { ...settings, layers, ...grid });
  }
  const extra = setting.map(parseSetting);
  if (!ablate && extra.length === 0) return undefined;
  const own = ablate ? tableTwoVariants(bundle, layers) : [{ name: "as chosen", layers, otsu }];
  return [...own, ...extra];
}

/** The settings of the first variant; the other variants serve only the attention sheet. */
function firstVariant(resolved: ResolvedSettings): ResolvedSettings {
  const [variant] = resolved.variants as [Variant];
  const { layers, start, end } = variant;
  return { ...resolved, layers, start, end, variants: [variant] };
}

/** The settings, for a run's record. */
function describeSettings(resolved: ResolvedSettings, weights: string): object {
  const { timesteps, variants, otsu, ...chosen } = resolved;
  return {
    ...chosen,
    timesteps: timesteps.length,
    weights,
    ...(variants.length > 1 ? { variants } : { otsu }),
  };
}
