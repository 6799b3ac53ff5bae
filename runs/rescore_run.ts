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

/** Message to a helping thread. */
interface Task {
  readonly folder: string;
  readonly options: RescoreOptions;
  /** The first place that no thread has claimed, `[1]`, in memory that all threads share. */
  readonly next: Int32Array;
}

/** Answer of a helping thread; a fault leaves out the results. */
interface Answer {
  /** Place of the sample in the run's order. */
  readonly place: number;
  readonly results?: readonly SampleResult[];
  readonly plain?: readonly SampleResult[];
}

/**
 * Claims a sample for a thread, unless another thread has the sample. Each thread asks for all
 * places in order.
 */
function claim(next: Int32Array, place: number): boolean {
  return Atomics.compareExchange(next, 0, place, place + 1) === place;
}

/**
 * Scores samples of a run in a helping thread, for {@linkcode rescoreRun} in another thread. The
 * threads claim one sample after another. After a fault the other thread scores the claimed sample
 * itself, and meets the fault.
 *
 * @param port Port to the other thread.
 */
export function helpRescoring(port: MessagePort): void {
  port.onmessage = async ({ data: { folder, options, next } }: MessageEvent<Task>) => {
    let own = -1;
    const take = (place: number) => {
      const isOwn = claim(next, place);
      if (isOwn) own = place;
      return isOwn;
    };
    try {
      const { samples } = await rescoreShare(folder, options, [], take);
      for await (const { results, plain } of samples) {
        port.postMessage({ place: own, results, ...(plain && { plain }) } satisfies Answer);
      }
    } catch {
      port.postMessage({ place: own } satisfies Answer);
    }
  };
}

/** Samples that may wait, scored or not, for an earlier sample of a helping thread. */
const MOST_AHEAD = 8;

/** The helping threads of a run, and their answers. */
class Team {
  readonly #next: Int32Array;
  readonly #answers = new Map<number, Answer>();
  #wake = () => {};

  constructor(ports: readonly MessagePort[], folder: string, options: RescoreOptions) {
    this.#next = new Int32Array(ports.length === 0 ? new ArrayBuffer(4) : new SharedArrayBuffer(4));
    for (const port of ports) {
      port.onmessage = ({ data }: MessageEvent<Answer>) => {
        this.#answers.set(data.place, data);
        this.#wake();
      };
      port.postMessage({ folder, options, next: this.#next } satisfies Task);
    }
  }

  /** Claims a sample for this thread. */
  claim(place: number): boolean {
    return claim(this.#next, place);
  }

  hasAnswer(place: number): boolean {
    return this.#answers.has(place);
  }

  /** Waits for the next answer of any thread. */
  news(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  takeAnswer(place: number): Answer {
    const answer = this.#answers.get(place)!;
    this.#answers.delete(place);
    return answer;
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

type RescoredSample = RescoredRun["samples"] extends AsyncIterable<infer Sample> ? Sample : never;

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
  return await rescoreShare(folder, options, helpers);
}

/**
 * Scores a run again, for {@linkcode rescoreRun} in this thread or in another.
 *
 * @param take Claims a sample for a helping thread, which skips all others.
 */
async function rescoreShare(
  folder: string,
  asked: RescoreOptions,
  helpers: readonly MessagePort[],
  take?: (place: number) => boolean,
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
    const [first] = keptOf(record) && !take ? before.filter(hasHeatmap) : [];
    return first ? [await run.kept(first)] : [];
  };
  const score = async (before: readonly SampleResult[]): Promise<RescoredSample> => {
    const heatmaps = await heatmapsOf(before);
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
    const kept = await keptBy(before);
    return { before, results, ...(isLifted && { plain }), heatmaps, kept };
  };
  async function* takenSamples(take: (place: number) => boolean) {
    using _ = run;
    let place = 0;
    for await (const before of run.samples()) if (take(place++)) yield await score(before);
  }
  async function* samples() {
    using _ = run;
    const team = new Team(helpers, folder, asked);
    const source = run.samples();
    let end = 0;
    let fault: { readonly error: unknown } | undefined;
    // A fault must wait until all samples before it are out.
    const read = async () => {
      const { value: before } = await source.next().catch((error) => {
        fault = { error };
        return { value: undefined };
      });
      if (!before) return;
      const place = end++;
      const own = team.claim(place) ? score(before) : undefined;
      await own?.catch(() => {});
      return { before, place, own };
    };
    const ahead: NonNullable<Awaited<ReturnType<typeof read>>>[] = [];
    while (true) {
      const next = ahead.shift() ?? await read();
      if (!next) break;
      const { before, place, own } = next;
      if (own) {
        yield await own;
        continue;
      }
      // This thread scores further samples while another thread scores this sample.
      while (!team.hasAnswer(place)) {
        const further = ahead.length < MOST_AHEAD ? await read() : undefined;
        if (further) ahead.push(further);
        else if (!team.hasAnswer(place)) await team.news();
      }
      const { results, plain } = team.takeAnswer(place);
      yield results
        ? {
          ...{ before, results, ...(plain && { plain }) },
          heatmaps: await heatmapsOf(before),
          kept: await keptBy(before),
        }
        : await score(before);
    }
    if (fault) throw fault.error;
  }
  return { record: chosen, samples: take ? takenSamples(take) : samples() };
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
