/**
 * Scores a run again, without the model.
 *
 * @module
 */

import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { protocolFacts } from "../scoring/protocols.ts";
import { DHS } from "../scoring/sharpen.ts";
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

/** A thread's share of a run's samples: every sample whose place leaves this remainder. */
interface Share {
  readonly remainder: number;
  readonly threads: number;
}

/** Message to a helping thread. */
interface Task {
  readonly folder: string;
  readonly options: RescoreOptions;
  readonly share: Share;
}

/** Results of a sample by a helping thread. */
interface Answer {
  readonly results: readonly SampleResult[];
  readonly plain?: readonly SampleResult[];
}

/**
 * Scores a share of a run in a helping thread, for {@linkcode rescoreRun} in another thread. If the
 * run cannot be scored, the other thread gets no further results, and meets the fault itself.
 *
 * @param port Port to the other thread.
 */
export function helpRescoring(port: MessagePort): void {
  port.onmessage = async ({ data: { folder, options, share } }: MessageEvent<Task>) => {
    try {
      const { samples } = await rescoreShare(folder, options, [], share);
      for await (const { results, plain } of samples) {
        port.postMessage({ results, ...(plain && { plain }) } satisfies Answer);
      }
    } catch {
      port.postMessage(undefined);
    }
  };
}

/** Asks a helping thread for its share; the answers come in order, and end at a fault. */
async function* askHelper(port: MessagePort, task: Task): AsyncGenerator<Answer, void> {
  const waiting: (Answer | undefined)[] = [];
  let wake = () => {};
  port.onmessage = ({ data }: MessageEvent<Answer | undefined>) => {
    waiting.push(data);
    wake();
  };
  port.postMessage(task);
  while (true) {
    if (waiting.length === 0) await new Promise<void>((resolve) => wake = resolve);
    const answer = waiting.shift();
    if (!answer) return;
    yield answer;
  }
}

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
    /** The results after scoring again without the lift, if a lift was chosen. */
    readonly plain?: readonly SampleResult[];
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
 * @param helpers Ports of threads that share the work.
 * @returns The record, and the samples; each sample is scored when the caller iterates to it.
 * @throws {RangeError} If a choice does not fit the run.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function rescoreRun(
  folder: string,
  options: RescoreOptions = {},
  helpers: readonly MessagePort[] = [],
): Promise<RescoredRun> {
  return await rescoreShare(folder, options, helpers, { remainder: 0, threads: 1 });
}

/** Scores a share of a run again, for {@linkcode rescoreRun} in this thread or in another. */
async function rescoreShare(
  folder: string,
  asked: RescoreOptions,
  helpers: readonly MessagePort[],
  share: Share,
): Promise<RescoredRun> {
  const { layers, select, ...options } = asked;
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
  const { margin, protocols, lift, ...finish } = { ...own, ...options };
  const { protocols: _, protocolVersions: _versions, lift: _lift, ...facts } = record.facts;
  const chosen: RunRecord = {
    ...record,
    facts: {
      ...withSettings(facts, { ...choice, ...finish }),
      margin,
      ...protocolFacts(protocols),
      ...(lift === DHS.name && { lift: DHS }),
    },
  };
  const isLifted = options.lift === DHS.name;
  // Controls that ask nothing have no heatmap of their own.
  if (isLifted && run.isEmpty && record.plan.length > 0) {
    throw new RangeError(`Cannot lift heatmaps of "${folder}": it has boxes or nothing at all`);
  }
  /** Stored heatmaps of a sample, averaged anew if layers or steps are chosen. */
  const heatmapsOf = async (before: readonly SampleResult[]) => {
    const attention = stored && await readAttentionOf(run, stored, before);
    const heatmaps: StoredHeatmap[] = [];
    for (const result of before) {
      if (!hasHeatmap(result)) continue;
      const own = await run.stored(result);
      heatmaps.push(choice && attention ? { ...own, layers: attention.read(choice) } : own);
    }
    return heatmaps;
  };
  const keptBy = async (before: readonly SampleResult[]) => {
    // A helping thread passes on results alone.
    const [first] = keptOf(record) && share.threads === 1 ? before.filter(hasHeatmap) : [];
    return first ? [await run.kept(first)] : [];
  };
  async function* samples() {
    using _ = run;
    const threads = helpers.length + 1;
    const answers = helpers.map((port, i) =>
      askHelper(port, { folder, options: asked, share: { remainder: i + 1, threads } })
    );
    let place = 0;
    for await (const before of run.samples()) {
      const at = place++;
      if (at % share.threads !== share.remainder) continue;
      const { value: answer } = await answers[at % threads - 1]?.next() ?? {};
      const heatmaps = await heatmapsOf(before);
      const kept = await keptBy(before);
      if (answer) {
        yield { before, ...answer, heatmaps, kept };
        continue;
      }
      const results: SampleResult[] = [];
      const plain: SampleResult[] = [];
      const left = heatmaps.values();
      for (const result of before) {
        if (!hasHeatmap(result)) {
          const isBoxed = isGrounded(result);
          const scored = isBoxed ? await rescoreBoxes(result, protocols, folder) : result;
          results.push(scored);
          plain.push(scored);
          continue;
        }
        const heatmap = left.next().value!;
        try {
          const settings = { ...run.settingsOf(result.setting), ...options };
          const truth = result.masks && await resultTruth(result, heatmap.image, folder);
          results.push(rescore(result, heatmap, settings, truth));
          if (isLifted) plain.push(rescore(result, heatmap, { ...settings, lift: "none" }, truth));
        } catch (error) {
          throw run.fault(result, (error as Error).message, error);
        }
      }
      yield { before, results, ...(isLifted && { plain }), heatmaps, kept };
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
