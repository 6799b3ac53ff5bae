/**
 * Opens the model with which `deno task ground` grounds phrases in single images.
 *
 * @module
 */

import {
  type ATTENTION_RANGES,
  attentionGrids,
  attentionVariants,
  type Bundle,
  drawAttention,
  type GrayImage,
  type GroundImageOptions,
  type ScoredPhrase,
  type Variant,
} from "../mod.ts";
import type { Sample } from "../datasets/sample.ts";
import { type BaselineName, openMethod } from "../models/open_method.ts";
import { item } from "../pipeline/flow.ts";
import { groundRequests } from "../pipeline/ground.ts";
import { finishGrid } from "../pipeline/methods/grid_heatmap.ts";
import { noteReading } from "../pipeline/methods/ground_by_method.ts";
import { cropRegion } from "../images/preprocess.ts";
import type { ResultRecord } from "../reports/result_json.ts";
import {
  type CACHE_FLAGS,
  chooseModel,
  describeRun,
  describeVersions,
  groundSettings,
  type METHOD_FLAGS,
  type MODEL_FLAGS,
  openPlace,
} from "./kit/common.ts";
import type { FlagValues } from "./kit/flags.ts";
import type { Progress } from "./kit/progress.ts";

/** A phrase with the parts of its result that the command shows and writes. */
export interface ShownPhrase extends
  Pick<
    ScoredPhrase,
    "constant" | "heatmap" | "image" | "originalBox" | "sample" | "size" | "threshold"
  > {
  /** Draws the phrase's attention by layer and step as SVG; present if `--attention` is given. */
  readonly drawSheet?: () => Promise<string>;
}

/** Values of the options of the attention sheet. */
interface SheetValues {
  readonly attention?: typeof ATTENTION_RANGES[number] | undefined;
  readonly "attention-columns"?: number | undefined;
}

/** A model that is loaded and ready to ground phrases. */
export interface Grounder {
  /** Method, settings, model and versions behind the results, for `result.json`. */
  readonly record: ResultRecord;
  /** Sentences for every result, for example that the model knows only phantoms. */
  readonly notes: readonly string[];
  /** Grounds phrases in an image; yields each phrase's result as soon as it is ready. */
  readonly ground: (
    gray: GrayImage,
    phrases: readonly string[],
    options: Pick<GroundImageOptions, "signal" | "onProgress" | "onNotice">,
  ) => AsyncIterable<ShownPhrase>;
  /** Frees the memory of the model. */
  readonly close: () => Promise<void>;
}

/** Opens the diffusion model. */
export async function openLdm(
  values: FlagValues<typeof MODEL_FLAGS & typeof METHOD_FLAGS & typeof CACHE_FLAGS> & SheetValues,
  progress: Progress,
): Promise<Grounder> {
  const { cache, attention: range, "attention-columns": columns } = values;
  const chosen = groundSettings(values);
  const chooseVariants = range && ((bundle: Bundle, layers: readonly number[]) => {
    const all = [...bundle.crossAttentionSides.keys()];
    const grid = { range, ...(columns !== undefined && { columns }) };
    return attentionVariants({ bundle, layers: all }, { ...chosen, layers, ...grid });
  });
  const choice = await chooseModel(values, chosen, progress, chooseVariants);
  const { gpu, settings, resolved } = choice;
  const model = await choice.open();
  // All variants after the first serve only the attention sheet.
  const [variant] = resolved.variants as [Variant];
  const { layers, start, end } = variant;
  return {
    record: await describeRun({
      ...choice,
      resolved: { ...resolved, layers, start, end, variants: [variant] },
    }),
    notes: choice.bundle.config.notice ? [choice.bundle.config.notice] : [],
    ground: async function* (gray, phrases, options) {
      const samples = samplesOf(phrases);
      const source = async function* () {
        yield await Promise.resolve(item({ image: gray, samples }));
      };
      const results = groundRequests(source(), {
        ...{ ...settings, model, ...options },
        ...(gpu && { gpu }),
        ...(cache && { cache }),
      });
      // Results of one phrase: first the heatmap, then the variants of the attention sheet.
      let made: ScoredPhrase[] = [];
      for await (const result of results) {
        if (result.kind === "dropped") {
          throw new Error(`Cannot ground "${result.sample.phrase}": ${result.reason}`);
        }
        made.push(result);
        if (made.length < resolved.variants.length) continue;
        const [shown] = made as [ScoredPhrase];
        const grid = range && attentionGrids(made)[0]!;
        yield { ...shown, ...(grid && { drawSheet: () => drawAttention(grid, resolved) }) };
        made = [];
      }
    },
    close: () => model.close(),
  };
}

/** Opens a baseline from the folder of its published files. */
export async function openBaseline(
  name: BaselineName,
  folder: string,
  values: Pick<FlagValues<typeof MODEL_FLAGS>, "runtime" | "device">,
  progress: Progress,
): Promise<Grounder> {
  const place = await openPlace(values, progress);
  const method = await openMethod(name, folder, place.runtime);
  const { view } = method;
  return {
    record: {
      ...{ method: name, view, model: { path: folder, sha256: await method.hash() } },
      versions: describeVersions(place),
    },
    notes: [],
    ground: async function* (gray, phrases, { signal, onProgress }) {
      const crop = cropRegion(gray.width, gray.height, view);
      const grids = await method.ground(gray, phrases, { ...(signal && { signal }) });
      onProgress?.(phrases.length);
      for (const [i, asked] of samplesOf(phrases).entries()) {
        const sample = noteReading(asked, method);
        const image = { gray, crop, samples: [sample] };
        const grid = grids[i]!;
        yield { ...finishGrid(grid), image, sample, size: grid.side, originalBox: undefined };
      }
    },
    close: () => method.close(),
  };
}

/** Turns phrases into the samples of one image. */
function samplesOf(phrases: readonly string[]): Sample[] {
  return phrases.map((phrase, i) => ({ id: String(i), image: "", phrase, boxes: [] }));
}
