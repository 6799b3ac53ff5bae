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
import { hasHeatmap, isGrounded, type RunRecord } from "./run_folder.ts";
import { hasAttention, methodsOf } from "./scoring_settings.ts";

/**
 * Choices that replace the run's own, which are the defaults. `sigma` and `otsu` need a run
 * with heatmaps of the diffusion model. `otsu` needs a run with one variant.
 */
export type RescoreOptions = Partial<RescoreSettings>;

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
  options: RescoreOptions,
  helpers: readonly MessagePort[],
  share: Share,
): Promise<RescoredRun> {
  const run = await Run.open(folder, "score");
  const { record, settings } = run;
  const { variants } = record;
  if (options.otsu !== undefined && variants.length > 1) {
    throw new RangeError(
      `Cannot choose Otsu's threshold for "${folder}": each of its ${variants.length} settings ` +
        "says for itself",
    );
  }
  const isFinishedAnew = FINISH.some((name) => options[name] !== undefined);
  if (isFinishedAnew) requireAttention(folder, record);
  // The run's Otsu is by variant, and stays in the facts unless the options replace it.
  const { otsu: _otsu, ...own } = settings;
  const { margin, protocols, lift, ...finish } = { ...own, ...options };
  const { protocols: _, protocolVersions: _versions, lift: _lift, ...facts } = record.facts;
  const chosen: RunRecord = {
    ...record,
    facts: {
      ...withSettings(facts, finish),
      margin,
      ...protocolFacts(protocols),
      ...(lift === DHS.name && { lift: DHS }),
    },
  };
  const isLifted = options.lift === DHS.name;
  if (isLifted && run.isEmpty) {
    throw new RangeError(`Cannot lift heatmaps of "${folder}": it has boxes or nothing at all`);
  }
  async function* samples() {
    using _ = run;
    const threads = helpers.length + 1;
    const answers = helpers.map((port, i) =>
      askHelper(port, { folder, options, share: { remainder: i + 1, threads } })
    );
    let place = 0;
    for await (const before of run.samples()) {
      const at = place++;
      if (at % share.threads !== share.remainder) continue;
      const { value: answer } = await answers[at % threads - 1]?.next() ?? {};
      if (answer) {
        const heatmaps: StoredHeatmap[] = [];
        for (const result of before) {
          if (hasHeatmap(result)) heatmaps.push(await run.stored(result));
        }
        yield { before, ...answer, heatmaps };
        continue;
      }
      const results: SampleResult[] = [];
      const plain: SampleResult[] = [];
      const heatmaps: StoredHeatmap[] = [];
      for (const result of before) {
        if (!hasHeatmap(result)) {
          const isBoxed = isGrounded(result);
          const scored = isBoxed ? await rescoreBoxes(result, protocols) : result;
          results.push(scored);
          plain.push(scored);
          continue;
        }
        const stored = await run.stored(result);
        try {
          const settings = { ...run.settingsOf(result.setting), ...options };
          const truth = result.masks && await resultTruth(result, stored.image);
          results.push(rescore(result, stored, settings, truth));
          if (isLifted) plain.push(rescore(result, stored, { ...settings, lift: "none" }, truth));
        } catch (error) {
          throw run.fault(result, (error as Error).message, error);
        }
        heatmaps.push(stored);
      }
      yield { before, results, ...(isLifted && { plain }), heatmaps };
    }
  }
  return { record: chosen, samples: samples() };
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
