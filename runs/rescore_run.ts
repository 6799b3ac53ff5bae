/**
 * Scores a run again, without the model.
 *
 * @module
 */

import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { protocolFacts } from "../scoring/protocols.ts";
import { rescore, rescoreBoxes, type RescoreSettings } from "./rescore.ts";
import { resultTruth } from "./result_truth.ts";
import { Run } from "./run.ts";
import { DEFAULT_FINISH, type FinishSettings } from "../pipeline/postprocess.ts";
import type { Selection } from "../pipeline/settings/selection.ts";
import { chooseSteps } from "../pipeline/settings/settings.ts";
import { hasHeatmap, isGrounded, keptOf, type RunRecord } from "./run_folder.ts";
import { hasAttention, methodsOf } from "./scoring_settings.ts";
import {
  type AttentionChoice,
  canRead,
  describeStored,
  readAttentionOf,
  type StoredAttention,
  storedAttention,
} from "./stored_layers.ts";

/**
 * Choices that replace the run's own, which are the defaults. `sigma`, `otsu`, `layers` and `select`
 * need a run with heatmaps of the diffusion model. All but `sigma` need a run with one variant.
 */
export interface RescoreOptions extends Partial<RescoreSettings> {
  /**
   * Layers to average, which the run must store; needs a run with one variant.
   *
   * @default {The run's own}
   */
  readonly layers?: readonly number[] | "all";
  /**
   * Steps to average, as of `layers`.
   *
   * @default {The run's own}
   */
  readonly select?: Selection;
}

/** Names of the settings by which a heatmap is finished. */
const FINISH = Object.keys(DEFAULT_FINISH) as (keyof FinishSettings)[];

/** A run scored again. */
export interface RescoredRun {
  /** The run's record with the new choices, as if the run had begun with them. */
  readonly record: RunRecord;
  /** Results of each sample in the run's order, with the stored heatmaps. */
  readonly samples: AsyncIterable<{
    /** The run's own results of the sample. */
    readonly before: readonly SampleResult[];
    /** The results after scoring again, in the same order. */
    readonly results: readonly SampleResult[];
    readonly heatmaps: readonly StoredHeatmap[];
    /** Kept attention of the sample; empty if the run keeps none. */
    readonly kept: readonly StoredHeatmap[];
  }>;
}

/**
 * Finishes and scores the heatmaps of a run again from its `heatmaps.bin`. Without options the
 * scores of a CPU run repeat to the last bit. The scores of a GPU run may change by the difference
 * between GPU and CPU.
 *
 * @param folder The run's folder.
 * @param options The new choices.
 * @returns The record, and the samples; each sample is scored when the caller iterates to it.
 * @throws {RangeError} If a choice does not fit the run.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function rescoreRun(
  folder: string,
  { layers, select, ...options }: RescoreOptions = {},
): Promise<RescoredRun> {
  const run = await Run.open(folder, "score");
  const { record, settings } = run;
  const { variants } = record;
  const isAveragedAnew = layers !== undefined || select !== undefined;
  if ((options.otsu !== undefined || isAveragedAnew) && variants.length > 1) {
    const what = isAveragedAnew ? "layers and steps" : "Otsu's threshold";
    throw new RangeError(
      `Cannot choose ${what} for "${folder}": each of its ${variants.length} settings ` +
        "says for itself",
    );
  }
  const isFinishedAnew = FINISH.some((name) => options[name] !== undefined);
  if (isFinishedAnew || isAveragedAnew) requireAttention(folder, record);
  const stored = isAveragedAnew ? storedAttention(run) : undefined;
  const choice = stored && chooseAttention(folder, stored, layers, select);
  // The run's Otsu is by variant, and stays in the facts unless the options replace it.
  const { otsu: _otsu, ...own } = settings;
  const { margin, protocols, ...finish } = { ...own, ...options };
  const { protocols: _, protocolVersions: _versions, ...facts } = record.facts;
  const chosen: RunRecord = {
    ...record,
    facts: {
      ...withSettings(facts, { ...choice, ...finish }),
      margin,
      ...protocolFacts(protocols),
    },
  };
  async function* samples() {
    using _ = run;
    for await (const before of run.samples()) {
      const results: SampleResult[] = [];
      const heatmaps: StoredHeatmap[] = [];
      const attention = stored && await readAttentionOf(run, stored, before);
      for (const result of before) {
        if (!hasHeatmap(result)) {
          const isBoxed = isGrounded(result);
          results.push(isBoxed ? await rescoreBoxes(result, protocols) : result);
          continue;
        }
        const own = await run.stored(result);
        const heatmap = choice && attention ? { ...own, layers: attention.read(choice) } : own;
        try {
          const settings = { ...run.settingsOf(result.setting), ...options };
          const truth = result.masks && await resultTruth(result, own.image);
          results.push(rescore(result, heatmap, settings, truth));
        } catch (error) {
          throw run.fault(result, (error as Error).message, error);
        }
        heatmaps.push(heatmap);
      }
      const [first] = keptOf(record) ? before.filter(hasHeatmap) : [];
      yield { before, results, heatmaps, kept: first ? [await run.kept(first)] : [] };
    }
  }
  return { record: chosen, samples: samples() };
}

/** Chooses layers and steps that a run with one variant stores. */
function chooseAttention(
  folder: string,
  stored: StoredAttention,
  layers: RescoreOptions["layers"],
  select: Selection | undefined,
): AttentionChoice {
  const [own] = stored.own.values();
  const { kept, steps } = stored;
  const wanted = layers === "all" ? (kept ?? own!).layers : layers;
  const choice = {
    ...own!,
    ...(wanted && { layers: wanted }),
    ...(select && chooseSteps(select, steps)),
  };
  const { start, end } = choice;
  if (canRead(stored, choice)) return { layers: choice.layers, start, end };
  throw new RangeError(
    `Cannot average layers ${choice.layers} at steps ${start}..${end} of "${folder}": ` +
      describeStored(stored),
  );
}

/** Changes settings of the diffusion model in a run's facts; without this model nothing changes. */
function withSettings(facts: RunRecord["facts"], chosen: object): RunRecord["facts"] {
  if (facts.methods === undefined) {
    return { ...facts, settings: { ...facts.settings as object, ...chosen } };
  }
  const { ldm } = methodsOf({ facts });
  if (!ldm) return facts;
  const methods = {
    ...facts.methods,
    ldm: { ...ldm, settings: { ...ldm.settings as object, ...chosen } },
  };
  return { ...facts, methods };
}

function requireAttention(folder: string, record: RunRecord): void {
  if (hasAttention(record)) return;
  throw new RangeError(
    `Cannot smooth or cut the heatmaps of "${folder}" anew: those of ` +
      `${Object.keys(methodsOf(record)).join(", ")} are what they are`,
  );
}
