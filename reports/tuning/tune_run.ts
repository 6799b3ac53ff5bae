import { cropRegion } from "../../images/preprocess.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { smoothAttention } from "../../pipeline/postprocess.ts";
import { type Units, unitsOf } from "../../runs/patients.ts";
import { scoreFinished } from "../../runs/rescore.ts";
import { resultTruth } from "../../runs/result_truth.ts";
import { Run } from "../../runs/run.ts";
import { type HeatmapResult, isGrounded } from "../../runs/run_folder.ts";
import { methodsOf } from "../../runs/scoring_settings.ts";
import {
  readAttentionOf,
  type SampleAttention,
  storedAttention,
} from "../../runs/stored_layers.ts";
import type { ProtocolName } from "../../scoring/protocols.ts";
import { entriesOf, PAPER_PROTOCOL } from "../statistics/scored_numbers.ts";
import { NO_CLASS } from "../tables/summary.ts";
import { type Candidate, candidatesOf, cut, type Grid } from "./candidates.ts";
import { crossValidate, type CrossValidation, type ScoredSample } from "./cross_validate.ts";
import { unitsIn } from "./folds.ts";
import type { Metric } from "./metric.ts";

/** Options of {@linkcode tuneRun}. */
export interface TuneOptions {
  readonly metric: Metric;
  /** Number of folds, at least 2. */
  readonly folds: number;
  readonly seed: number;
  /** Values to combine. */
  readonly grid: Grid;
  /**
   * Setting of the run to compare with.
   *
   * @default {The run's first setting of the diffusion model}
   */
  readonly setting?: string;
  /** Called once with the number of candidates, before the first sample. */
  readonly onBegin?: (candidates: number) => void;
  /** Called after each sample with the number of samples done and of all samples. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops the tuning. */
  readonly signal?: AbortSignal;
}

/** A tuned run. */
export interface Tuning extends CrossValidation {
  readonly metric: Metric;
  readonly folds: number;
  readonly seed: number;
  /** The candidates; the first is the fixed setting. */
  readonly candidates: readonly Candidate[];
  /** Samples in the order of their ids, and their unit. */
  readonly samples: readonly ScoredSample[];
  readonly unit: Units["unit"];
  readonly units: number;
  /** Number of samples that the run was to do. */
  readonly planned: number;
}

/**
 * Scores every candidate on every sample, chooses by class, and compares the choices with the run's
 * own setting on patients that the choice never saw.
 *
 * @throws {RangeError} If the run has nothing to choose from, or too few patients.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function tuneRun(folder: string, options: TuneOptions): Promise<Tuning> {
  using run = await Run.open(folder, "tune");
  const { metric, folds, seed, onProgress, signal } = options;
  const setting = requireSetting(run, options.setting);
  if (run.settings.lift !== "none") {
    throw nothing(run, `its heatmaps are lifted; rescore --lift none undoes the lift`);
  }
  const stored = storedAttention(run);
  const { layers, start, end } = stored.own.get(setting)!;
  const { sigma, otsu } = run.settingsOf(setting);
  const fixed: Candidate = {
    ...{ layers, steps: [start, end], sigma },
    threshold: typeof otsu === "number" ? otsu : otsu ? "otsu" : "none",
  };
  let candidates: readonly Candidate[] | undefined;
  const found: { result: HeatmapResult; entries: ScoredSample["entries"] }[] = [];
  const groups = new Map<string, string>();
  let done = 0;
  for await (const results of run.samples()) {
    signal?.throwIfAborted();
    onProgress?.(done++, run.record.plan.length);
    const result = results.find((result) => result.setting === (setting || undefined));
    if (!result || !isGrounded(result)) continue;
    const attention = await readAttentionOf(run, stored, results);
    if (!attention) continue;
    if (!candidates) {
      candidates = candidatesOf(stored, attention.sides, fixed, options.grid, folder);
      if (candidates.length === 1) throw nothing(run, "its options leave one setting to choose");
      options.onBegin?.(candidates.length);
    }
    const { margin } = run.settings;
    const scoring = { margin, protocols: protocolsOf(metric) };
    const entries = await scoreAll(run, result, attention, candidates, scoring);
    if (!entries) continue;
    found.push({ result, entries });
    const { category, group } = result;
    if (category !== undefined && group !== undefined) groups.set(category, group);
  }
  found.sort((a, b) => a.result.id < b.result.id ? -1 : 1);
  const { unit, names } = unitsOf(found.map(({ result }) => result));
  const samples = found.map((
    { result: { id, category = NO_CLASS }, entries },
    i,
  ): ScoredSample => ({
    ...{ id, category, unit: names[i]!, entries },
  }));
  const units = unitsIn(samples).length;
  if (units < folds) {
    throw new RangeError(
      `Cannot tune "${folder}" by ${folds} folds: its ${samples.length} samples with ` +
        `${metric.protocol} scores are of ${units} ${unit}s; expected at least ${folds} ${unit}s`,
    );
  }
  const validated = crossValidate(samples, candidates!.length, metric, { folds, seed, groups });
  const { length: planned } = run.record.plan;
  const outcome = { ...validated, metric, folds, seed, samples, unit, units, planned };
  return { ...outcome, candidates: candidates! };
}

function protocolsOf({ protocol }: Metric): readonly ProtocolName[] {
  return protocol === PAPER_PROTOCOL ? [] : [protocol as ProtocolName];
}

/** Chooses the setting to compare with; its heatmaps must be of the diffusion model. */
function requireSetting(run: Run, setting: string | undefined): string {
  const methods = run.record.facts.methods === undefined
    ? undefined
    : Object.keys(methodsOf(run.record));
  if (methods && !methods.includes("ldm")) {
    throw nothing(run, `it has no attention of the diffusion model, only ${methods.join(", ")}`);
  }
  const isMixed = methods !== undefined && methods.length > 1;
  const chosen = run.variant(setting ?? (isMixed ? "ldm" : undefined));
  if (!isMixed || chosen === "ldm") return chosen;
  throw nothing(run, `heatmaps of ${chosen} are what they are`);
}

function nothing({ folder }: Run, reason: string): RangeError {
  return new RangeError(`Cannot tune "${folder}": ${reason}`);
}

/** Scores a sample by all candidates; `undefined` if the protocol does not count the sample. */
async function scoreAll(
  run: Run,
  result: HeatmapResult,
  attention: SampleAttention,
  candidates: readonly Candidate[],
  scoring: Parameters<typeof scoreFinished>[3],
): Promise<ScoredSample["entries"] | undefined> {
  const { size, image } = attention.stored;
  const { protocols: [protocol = PAPER_PROTOCOL] = [] } = scoring;
  const crop = cropRegion(image.width, image.height);
  const values: number[] = [];
  const ends: number[] = [];
  try {
    const truth = result.masks && await resultTruth(result, image, run.folder);
    let last: Candidate | undefined;
    let smooth: ReturnType<typeof smoothAttention> | undefined;
    for (const candidate of candidates) {
      const { layers, steps: [start, end], sigma, threshold } = candidate;
      // Neighbouring candidates differ in the threshold alone.
      if (!(last?.layers === layers && last.steps === candidate.steps && last.sigma === sigma)) {
        smooth = smoothAttention(attention.read({ layers, start, end }), { size, sigma });
      }
      last = candidate;
      const finished = { ...cut(smooth!, size, threshold), crop };
      const scored: SampleResult = scoreFinished(result, finished, image, scoring, truth);
      values.push(...entriesOf(scored, protocol) ?? []);
      if (values.length === 0 && ends.length === 0) return undefined;
      ends.push(values.length);
    }
  } catch (error) {
    throw run.fault(result, (error as Error).message, error);
  }
  const all = Float64Array.from(values);
  return (candidate) => all.subarray(ends[candidate - 1] ?? 0, ends[candidate]);
}
