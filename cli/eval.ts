import {
  companionsOf,
  type Dataset,
  openDataset,
  pathsOutsideImages,
} from "../datasets/open_dataset.ts";
import { type Detection, TEMPLATES } from "../datasets/layouts/detection.ts";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { evaluate, type SampleResult } from "../pipeline/evaluate.ts";
import { SummaryByVariant } from "../reports/tables/summary.ts";
import { RESULTS, RunFolder, type RunRecord } from "../runs/run_folder.ts";
import { needsNegatives, protocolFacts, type ProtocolName } from "../scoring/protocols.ts";
import { requireBackend } from "./kit/backend.ts";
import { datasetPath } from "./kit/models.ts";
import { callOfProcess } from "./groundray/call.ts";
import { runCommand } from "./kit/confine.ts";
import { EXIT, sayError } from "./kit/exit.ts";
import { Failures, Notices, ReadingNotes, TooManyFailures } from "./kit/failures.ts";
import { makeOwnFolder, OUT, requireApart, requireRoom } from "./kit/files.ts";
import { readStudy } from "./study/config.ts";
import { type EvalControls, openControls } from "./study/eval_controls.ts";
import { chooseEarlier, EVAL_COMMAND, type EvalValues } from "./study/eval_flags.ts";
import { givenFlags, UsageError } from "./kit/flags.ts";
import { methodContext, methodPaths, methodSources, moduleReach } from "./kit/method_sources.ts";
import { parseProtocols, parseShard } from "./kit/parsers.ts";
import { announceTime, Progress } from "./kit/progress.ts";
import { printFiles, printSummary, writeSummary } from "./kit/summary.ts";
import { folderOf, stat } from "../base/paths.ts";
import { chooseMethods, type OpenMethods, trainingBefore } from "../methods/choose_methods.ts";
import { importMethod } from "../methods/outside_method.ts";
import { METHODS } from "../methods/registry.ts";
import { plainReason } from "../base/host/plain_reason.ts";
import { writeRunReport } from "../web/report/write_report.ts";
import { describeCounts } from "../reports/tables/result_table.ts";
import { given } from "../base/json.ts";

/** Seed of the phantoms that are drawn if no dataset is given. */
const PHANTOM_SEED = 1;

/** Finds the path of a dataset that is given by its name; see {@linkcode datasetPath}. */
function withDataset(values: EvalValues, isChecked: boolean): EvalValues {
  const { dataset, data } = values;
  return dataset === undefined
    ? values
    : { ...values, dataset: datasetPath(dataset, data, isChecked) };
}

/** The classes that every image is asked for; `undefined` if the dataset's phrases are grounded. */
function detectionOf({ classes, template }: EvalValues): Detection | undefined {
  return classes.length === 0 ? undefined : { classes, template: template ?? TEMPLATES[0] };
}

async function main(asGiven: EvalValues, signal: AbortSignal): Promise<number> {
  const { images, split, phrases, limit, margin, template } = asGiven;
  const needing = (["images", "split", "phrases"] as const).find((option) => asGiven[option]);
  if (!asGiven.dataset && needing) throw new UsageError(`Option "--${needing}" needs "--dataset"`);
  const detection = detectionOf(asGiven);
  if (!detection && template) throw new UsageError('Option "--template" needs "--classes"');
  if (detection && phrases) {
    throw new UsageError('Options "--classes" and "--phrases" exclude each other');
  }
  // The first thread has compared the sizes of the dataset's files.
  const values = withDataset(asGiven, true);
  requireBackend(values);
  const earlier = chooseEarlier(values);
  const shard = values.shard === undefined ? undefined : parseShard(values.shard, Deno.env.get);
  const protocols = parseProtocols([...values.protocol, ...(detection ? ["detection"] : [])]);
  const study = await readStudy(callOfProcess().args, EVAL_COMMAND.flags);
  const options = givenFlags(study.args, EVAL_COMMAND.flags);
  const sources = await methodSources(values, Object.keys(METHODS), options, importMethod);
  requireApart(values.out, methodPaths(sources, values).write);
  const training = trainingBefore(sources, values);
  const part = {
    ...given({ images, split, limit, shard, phrases }),
    ...(training.length > 0 && { training }),
    ...(detection && { detection }),
    ...(!detection && needsNegatives(protocols) && { negatives: true }),
  };
  const chosen = values.dataset === undefined ? undefined : await openDataset(values.dataset, part);
  const progress = new Progress(values.progress);
  progress.hold();
  const context = methodContext(values, progress, true);
  const methods = await chooseMethods(sources, values, context);
  const out = values.out ?? await makeOwnFolder("eval");
  const notices: string[] = [];
  const notice = (notice: string) => {
    progress.warn(notice);
    notices.push(notice);
  };
  const folder = await RunFolder.lock(out, notice);
  let controls: EvalControls | undefined;
  try {
    const { deno, ...compared } = await context.versions();
    const known = {
      ...methods.facts,
      margin,
      versions: compared,
      ...protocolFacts(protocols),
    };
    await folder.admit({ facts: known, ...(shard && { shard }) }, earlier);
    const path = values.dataset ??
      (await writePhantomSet(`${out}/phantoms`, { seed: PHANTOM_SEED })).csv;
    const dataset = chosen ?? await openDataset(path, part);
    const { kind, sha256, wordings, classes, attribution, negatives } = dataset;
    // `run.json` has the facts in this order.
    const facts = {
      ...methods.facts,
      dataset: {
        ...{ kind, sha256, split, limit },
        ...(wordings && { phrases: wordings }),
        ...(classes && { classes, template: detection!.template }),
        ...(attribution && { attribution }),
        ...(negatives && { negatives }),
      },
      ...known,
      ...(study.sha256 && { config: { sha256: study.sha256 } }),
    };
    const summary = new SummaryByVariant(methods.names);
    const failures = new Failures();
    const record = { facts, variants: methods.names, plan: dataset.plan, ...(shard && { shard }) };
    const done = await folder.begin(record, earlier, (result) => {
      summary.add(result);
      failures.add(result);
    });
    if (values.controls) {
      const own = [...sources.keys()];
      controls = await openControls(out, path, part, own, record, earlier, notice);
    }
    progress.release();
    const whose = shard ? `, shard ${shard.number} of ${shard.count}` : "";
    progress.say(
      `Grounding ${dataset.count} phrases of ${dataset.path}${whose}` +
        (controls ? `, and ${controls.count} questions beside them` : "") +
        (done.size > 0 ? `; ${done.size + (controls?.done.size ?? 0)} done before.` : "."),
    );
    if (methods.keptBytes > 0) {
      const more = controls ? controls.count - controls.done.size : 0;
      const left = dataset.count - done.size + more;
      const size = await requireRoom(out, methods.keptBytes, left);
      progress.say(`Keeping attention: ${size}.`);
    }
    const opened = await methods.open(async () => ({
      dataset: await openDataset(path, {
        ...(images && { images }),
        ...(split && { split }),
        ...(part.negatives && { negatives: true }),
        ...(detection && { detection }),
      }),
      // If `--dataset` is a folder, its images lie below it, wherever the dataset's file was found.
      root: images ?? (path === dataset.path ? folderOf(path) : path),
    }));
    try {
      const left = dataset.count - done.size;
      for (const method of Object.values(opened.methods)) {
        const more = controls ? controls.count - controls.done.size : 0;
        await announceTime(progress, method, left + (controls?.mirrored ?? 0), left + more);
      }
      const about = {
        ...methods.sources,
        versions: { ...compared, deno },
        dataset: { path: dataset.path, ...facts.dataset },
        ...(shard && { shard }),
      };
      return await carryOut({
        ...{ folder, record, controls, dataset, done, summary, failures, progress, notices },
        ...{ opened, about, values, protocols },
      }, signal);
    } finally {
      await opened.close();
    }
  } finally {
    await controls?.folder.close();
    await folder.close();
  }
}

/** A run that is ready to begin or to continue. */
interface Run {
  readonly folder: RunFolder;
  readonly record: RunRecord;
  /** Questions beside the samples; `undefined` without `--controls`. */
  readonly controls: EvalControls | undefined;
  readonly dataset: Dataset;
  /** Ids of the samples that earlier attempts finished. */
  readonly done: ReadonlySet<string>;
  readonly summary: SummaryByVariant;
  readonly failures: Failures;
  readonly progress: Progress;
  /** Notices so far, for the summary; the run adds further ones. */
  readonly notices: string[];
  readonly opened: OpenMethods;
  /** Entries of the summary beside the record's facts and the scores. */
  readonly about: object;
  readonly values: EvalValues;
  readonly protocols: readonly ProtocolName[];
}

/** Evaluates the remaining samples, writes and prints the results, and returns the exit code. */
async function carryOut(run: Run, signal: AbortSignal): Promise<number> {
  const { folder, record, controls, dataset, summary, failures, progress, notices, values } = run;
  const { concurrency, margin } = values;
  const done = controls ? run.done.union(controls.done) : run.done;
  const planned = dataset.count + (controls?.count ?? 0);
  const before = done.size;
  const began = performance.now();
  progress.begin(planned, before, failures.count);
  let count = before;
  const notes = new ReadingNotes();
  // All variants of a sample are written together: a sample with a missing variant is run again.
  let sample: SampleResult[] = [];
  const homeOf = ({ control }: SampleResult) => control ? controls!.folder : folder;
  const write = async () => {
    const results = sample;
    sample = [];
    await homeOf(results[0]!).write(results);
  };
  const finish = async (error?: Error) => {
    progress.finish(count);
    if (sample.length > 0) await write();
    const seconds = Number(((performance.now() - began) / 1000).toFixed(3));
    const interrupted = signal.aborted;
    // An interrupted or failed run must not look complete.
    const end = {
      seconds,
      interrupted,
      ...(error && { error: plainReason(error.message) }),
      notices,
    };
    const isWhole = !interrupted && !error;
    const more = { ...run.about, ...end };
    return await writeSummary(folder, record, summary, more, isWhole, values.progress);
  };
  try {
    const results = evaluate(controls?.items(dataset.items) ?? dataset.items, run.opened.methods, {
      concurrency,
      margin,
      protocols: run.protocols,
      done,
      ending: signal,
      onProgress: (samples) => progress.update(before + samples),
      onNotice: (notice) => {
        progress.warn(notice);
        notices.push(notice);
      },
    });
    for await (const { result, heatmap, kept } of results) {
      if (heatmap) await homeOf(result).writeHeatmaps([heatmap]);
      if (kept) await homeOf(result).writeAttention([kept]);
      sample.push(result);
      // The last variant completes a sample.
      const isDone = result.setting === undefined || result.setting === record.variants.at(-1);
      if (isDone) await write();
      if (!result.control) {
        summary.add(result);
        failures.tell(result, progress, `${folder.path}/${RESULTS}`);
        notes.tell(result, progress, `${folder.path}/${RESULTS}`);
      }
      if (isDone) {
        progress.update(++count, failures.count);
        failures.requireAtMost(values["max-failures"] ?? Infinity);
      }
    }
  } catch (error) {
    // On a full disk the summary cannot be written either. Report only the first error.
    await finish(error as Error).catch(() => {});
    const [total] = Object.values(summary.toJSON());
    progress.warn(`${describeCounts(total!)}; results so far are in ${folder.path}`);
    if (!(error instanceof TooManyFailures)) throw error;
    sayError(error.message);
    return EXIT.tooManyFailures;
  }
  const written = await finish();
  const code = printSummary(written);
  if (signal.aborted && count < planned) {
    printFiles(written);
    progress.warn(`Stopped; the same command with --out ${folder.path} goes on.`);
    return EXIT.interrupted;
  }
  if (values.report && !record.shard && !signal.aborted) {
    const pages = new Progress(values.progress, undefined, "heatmaps");
    const notices = new Notices(pages);
    await writeRunReport(folder.path, {
      signal,
      onNotice: notices.add,
      onProgress: (done, total) => pages.follow(done, total),
    }, written).finally(() => {
      pages.clear();
      notices.end();
    }).then(
      (path) => console.log(`Report: ${path}`),
      // The results are already written, so a failed report must not fail the run.
      (error: Error) => progress.warn(`No report: ${error.message}`),
    );
  }
  printFiles(written);
  return code;
}

await runCommand(
  EVAL_COMMAND,
  main,
  async (asGiven) => {
    const values = withDataset(asGiven, false);
    const { dataset, images, phrases, out = OUT } = values;
    const { args } = await readStudy(callOfProcess().args, EVAL_COMMAND.flags);
    const given = givenFlags(args, EVAL_COMMAND.flags);
    const paths = methodPaths(await methodSources(values, Object.keys(METHODS), given), values);
    const detection = detectionOf(values);
    const file = dataset !== undefined && (await stat(dataset))?.isFile ? dataset : undefined;
    return {
      read: [
        ...paths.read,
        ...moduleReach(values),
        values.config,
        dataset,
        ...(file ? companionsOf(file, detection !== undefined) : []),
        phrases,
        images ?? (file && folderOf(file)),
        // `main` reads the dataset and reports its errors.
        ...(dataset === undefined
          ? []
          : await pathsOutsideImages(dataset, images, detection).catch(() => [])),
      ],
      write: [out, ...paths.write],
    };
  },
  {
    lastPart: "the sample in hand",
    prepare: async (args) => (await readStudy(args, EVAL_COMMAND.flags)).args,
  },
);
