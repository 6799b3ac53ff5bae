/**
 * `deno task eval`: grounds and scores a dataset.
 *
 * @module
 */

import {
  AblationSummary,
  type Bundle,
  evaluate,
  openDataset,
  type SampleResult,
  tableTwoVariants,
  writePhantomSet,
} from "../mod.ts";
import {
  CACHE_FLAGS,
  chooseModel,
  describeRun,
  groundSettings,
  METHOD_FLAGS,
  MODEL_FLAGS,
  modelPaths,
} from "./_common.ts";
import { runCommand } from "./_confine.ts";
import { EXIT } from "./_exit.ts";
import { makeOwnFolder, OUT } from "./_files.ts";
import { command, UsageError, type ValuesOf } from "./_flags.ts";
import { parseProtocols, parseSetting, parseShard } from "./_parsers.ts";
import { Progress, PROGRESS_FLAGS } from "./_progress.ts";
import { SCORE_FLAGS } from "./_score_flags.ts";
import { printSummary, writeSummary } from "./_summary.ts";
import { folderOf, stat } from "../datasets/_paths.ts";
import { companionOf } from "../datasets/open_dataset.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";
import { writeReport } from "../reports/html/write_report.ts";
import { describeCounts } from "../reports/result_table.ts";
import { type Earlier, RunFolder } from "../reports/run_folder.ts";

const COMMAND = command({
  usage: "deno task eval [options]",
  description:
    "Grounds every phrase of a dataset and scores the heatmaps as the paper's Table I does. " +
    "Without options it draws synthetic chest phantoms and runs the bundled model on them.",
  flags: {
    ...MODEL_FLAGS,
    dataset: {
      type: "string",
      placeholder: "PATH",
      description:
        "MS-CXR as CSV or JSON, or its folder; VinDr-CXR, PadChest-GR or RSNA pneumonia; or a CSV of image, phrase[, x, y, w, h].",
      defaultText: "phantoms",
    },
    images: {
      type: "string",
      placeholder: "DIR",
      description: "Folder that the images are below; for MS-CXR the root of MIMIC-CXR-JPG.",
      defaultText: "the dataset's folder",
    },
    split: {
      type: "string",
      placeholder: "NAME",
      description: "Split to run, such as test.",
      defaultText: "all",
    },
    ...METHOD_FLAGS,
    ...CACHE_FLAGS,
    ablate: {
      type: "boolean",
      description:
        "Score the settings of the paper's Table II from the same passes: all, middle or the chosen layers, all or the middle steps, with and without Otsu.",
    },
    setting: {
      type: "list",
      placeholder: "NAME:LAYERS:STEPS:OTSU",
      description:
        "Score this setting beside the one that the other options choose, or with --ablate beside Table II's; such as mine:3-7:40%..60%:otsu, where STEPS may be all and OTSU none. May be given several times.",
    },
    margin: { ...SCORE_FLAGS.margin, default: "excluded" },
    protocol: SCORE_FLAGS.protocol,
    limit: {
      type: "integer",
      min: 1,
      placeholder: "N",
      description: "Stop after so many samples.",
      defaultText: "all",
    },
    concurrency: {
      type: "integer",
      min: 1,
      max: 64,
      default: 2,
      placeholder: "N",
      description: "Images decoded ahead of the model.",
    },
    shard: {
      type: "string",
      placeholder: "I/N",
      description:
        "Run part I of N, by image, for deno task merge to put together; auto takes both from Slurm's job array, auto/N the part from Kubernetes' indexed job.",
      defaultText: "the whole",
    },
    "max-failures": {
      type: "integer",
      min: 0,
      placeholder: "N",
      description: "End the run when more samples than this have failed.",
      defaultText: "any number",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description:
        "Folder for results.jsonl, heatmaps.bin, summary.json, tables and run.json. If it holds results of the same run, the run goes on after them.",
      defaultText: "out/eval-<time>",
    },
    resume: {
      type: "boolean",
      default: true,
      description: "Refuse a folder that holds results.",
    },
    "retry-failed": {
      type: "boolean",
      description: "Run the samples again that failed in the results of --out.",
    },
    overwrite: {
      type: "boolean",
      description: "Remove the results that are in --out and start again.",
    },
    report: {
      type: "boolean",
      default: true,
      description: "Leave out report.html, which is written when the whole run is done.",
    },
    ...PROGRESS_FLAGS,
  },
});

/** Seed of the phantoms that are drawn when there is no dataset. */
const PHANTOM_SEED = 1;

/** Failures that are printed as they come; a wrong image folder would print a thousand. */
const SHOWN_FAILURES = 10;

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { images, split, limit, concurrency, margin, cache } = values;
  if (!values.dataset && (images ?? split)) {
    throw new UsageError(`Option "--${images ? "images" : "split"}" needs "--dataset"`);
  }
  const earlier = chooseEarlier(values);
  const maxFailures = values["max-failures"] ?? Infinity;
  const shard = values.shard === undefined ? undefined : parseShard(values.shard, Deno.env.get);
  const settingsOfFlags = groundSettings(values);
  const extra = values.setting.map(parseSetting);
  const protocols = parseProtocols(values.protocol);
  if (values.ablate && !values.otsu) {
    throw new UsageError('Option "--no-otsu" has no effect with "--ablate", which scores both');
  }
  const chooseVariants = values.ablate || extra.length > 0
    ? (bundle: Bundle, layers: readonly number[]) => [
      ...(values.ablate
        ? tableTwoVariants(bundle, layers)
        : [{ name: "as chosen", layers, otsu: values.otsu }]),
      ...extra,
    ]
    : undefined;
  const part = {
    ...(images && { images }),
    ...(split && { split }),
    ...(limit && { limit }),
    ...(shard && { shard }),
  };
  const given = values.dataset === undefined ? undefined : await openDataset(values.dataset, part);
  // What is wrong with it is found out before the model takes seconds to load.
  if (cache) await TrajectoryCache.open(cache);
  const progress = new Progress(values.progress);
  const choice = await chooseModel(values, settingsOfFlags, progress, chooseVariants);
  const { gpu, settings, resolved } = choice;
  const names = resolved.variants.map(({ name }) => name);
  const out = values.out ?? await makeOwnFolder("eval");
  const notices: string[] = [];
  const folder = await RunFolder.lock(out, (notice) => {
    progress.warn(notice);
    notices.push(notice);
  });
  try {
    const dataset = given ?? await openDataset(
      (await writePhantomSet(`${out}/phantoms`, { seed: PHANTOM_SEED })).csv,
      part,
    );
    const { model: { path: modelPath, sha256 }, settings: made, versions } = await describeRun(
      choice,
    );
    const { deno, ...compared } = versions;
    const facts = {
      settings: made,
      model: { sha256 },
      dataset: { kind: dataset.kind, sha256: dataset.sha256, split, limit },
      margin,
      versions: compared,
      ...(protocols.length > 0 && { protocols }),
    };
    const summary = new AblationSummary(names);
    const failedIds = new Set<string>();
    const add = (result: SampleResult) => {
      summary.add(result);
      if (result.status === "failed") failedIds.add(result.id);
    };
    const run = { facts, variants: names, plan: dataset.plan, ...(shard && { shard }) };
    const done = await folder.begin(run, earlier, add);
    const before = done.size;
    const whose = shard ? `, shard ${shard.number} of ${shard.count}` : "";
    progress.say(
      `Grounding ${dataset.count} phrases of ${dataset.path}${whose}` +
        (before > 0 ? `; ${before} done before.` : "."),
    );
    const model = await choice.open();
    const began = performance.now();
    progress.begin(dataset.count, before, failedIds.size);
    let count = before;
    const finish = async (error?: Error) => {
      progress.finish(count);
      const seconds = Number(((performance.now() - began) / 1000).toFixed(3));
      const interrupted = signal.aborted;
      const more = {
        model: { path: modelPath, sha256 },
        versions: { ...compared, deno },
        dataset: { path: dataset.path, ...facts.dataset },
        ...(shard && { shard }),
        seconds,
        interrupted,
        // Whatever broke the run off, what it leaves must not look whole.
        ...(error && { error: error.message }),
        notices,
      };
      return await writeSummary(folder, run, summary, more, !interrupted && !error);
    };
    try {
      const results = evaluate(dataset.items, {
        ...settings,
        ...{ model, concurrency, margin, protocols, done, ending: signal },
        ...(gpu && { gpu }),
        ...(cache && { cache }),
        onHeatmap: (heatmap) => folder.writeHeatmaps([heatmap]),
        onProgress: (samples) => progress.update(before + samples),
        onNotice: (notice) => {
          progress.warn(notice);
          notices.push(notice);
        },
      });
      for await (const result of results) {
        await folder.write([result]);
        const isNewFailure = result.status === "failed" && !failedIds.has(result.id);
        add(result);
        if (isNewFailure && failedIds.size <= SHOWN_FAILURES) {
          progress.warn(`failed: ${result.id}: ${result.reason}`);
          if (failedIds.size === SHOWN_FAILURES) {
            progress.warn(`Further failures: see ${out}/results.jsonl.`);
          }
        }
        // A sample is done with the last of its variants.
        if (result.setting === undefined || result.setting === names.at(-1)) {
          progress.update(++count, failedIds.size);
          if (failedIds.size > maxFailures) throw new TooManyFailures(failedIds.size, maxFailures);
        }
      }
    } catch (error) {
      // On a full disk the summary has no room either; what to know is what came first.
      await finish(error as Error).catch(() => {});
      const [total] = Object.values(summary.toJSON());
      progress.warn(`${describeCounts(total!)}; results so far are in ${out}`);
      if (!(error instanceof TooManyFailures)) throw error;
      console.error(`error: ${error.message}`);
      return EXIT.tooManyFailures;
    } finally {
      await model.close();
    }
    const code = printSummary(await finish());
    if (signal.aborted && count < dataset.count) {
      progress.warn(`Stopped; the same command with --out ${out} goes on.`);
      return EXIT.interrupted;
    }
    if (values.report && !shard && !signal.aborted) {
      await writeReport(out, { signal, onNotice: (notice) => progress.warn(notice) }).then(
        (path) => console.log(`Report: ${path}`),
        // The run is done and its results are written, whatever becomes of a page about them.
        (error: Error) => progress.warn(`No report: ${error.message}`),
      );
    }
    return code;
  } finally {
    await folder.close();
  }
}

/** More samples failed than may. */
class TooManyFailures extends Error {
  override name = "TooManyFailures";

  constructor(count: number, most: number) {
    super(`${count} samples failed, more than --max-failures ${most}`);
  }
}

/** What to do with results that are in `--out`. */
function chooseEarlier(values: {
  out: string | undefined;
  resume: boolean;
  "retry-failed": boolean;
  overwrite: boolean;
}): Earlier {
  const given = (["retry-failed", "overwrite"] as const).filter((name) => values[name]);
  const names = [...given, ...(values.resume ? [] : ["no-resume"])].map((name) => `"--${name}"`);
  if (names.length > 1) throw new UsageError(`Options ${names.join(" and ")} exclude each other`);
  if (names.length > 0 && values.out === undefined) {
    throw new UsageError(`Option ${names[0]} needs "--out"`);
  }
  if (values.overwrite) return "overwrite";
  if (values["retry-failed"]) return "retry";
  return values.resume ? "resume" : "refuse";
}

await runCommand(COMMAND, main, async (values) => {
  const { dataset, images, cache, out = OUT } = values;
  const file = dataset !== undefined && (await stat(dataset))?.isFile ? dataset : undefined;
  return {
    read: [
      ...modelPaths(values),
      dataset,
      file && companionOf(file),
      images ?? (file && folderOf(file)),
    ],
    write: [out, cache],
  };
}, "the sample in hand");
