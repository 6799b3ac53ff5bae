/**
 * `deno task eval`: grounds and scores a dataset.
 *
 * @module
 */

import {
  AblationSummary,
  type Bundle,
  evaluate,
  formatAblation,
  formatTable,
  openDataset,
  type Summary,
  tableTwoVariants,
  writePhantomSet,
} from "../mod.ts";
import {
  CACHE_FLAGS,
  describeRun,
  groundSettings,
  makeFolder,
  makeOwnFolder,
  METHOD_FLAGS,
  MODEL_FLAGS,
  modelPaths,
  openChosenModel,
  OUT,
  writeWhole,
} from "./_common.ts";
import { runConfined } from "./_confine.ts";
import { EXIT } from "./_exit.ts";
import { command, helpText, parseFlags, UsageError } from "./_flags.ts";
import { parseSetting } from "./_parsers.ts";
import { Progress } from "./_progress.ts";
import { folderOf, stat } from "../datasets/_paths.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";

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
      description: "MS-CXR as CSV or JSON, its folder, or a CSV of image, phrase[, x, y, w, h].",
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
    margin: {
      type: "string",
      choices: ["excluded", "zero"],
      default: "excluded",
      placeholder: "HOW",
      description: "How scores count what lies outside the model's centre square.",
    },
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
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder for results.jsonl and summary.json.",
      defaultText: "out/eval-<time>",
    },
  },
});

/** Seed of the phantoms that are drawn when there is no dataset. */
const PHANTOM_SEED = 1;

/** Failures that are printed as they come; a wrong image folder would print a thousand. */
const SHOWN_FAILURES = 10;

async function main(args: string[], signal: AbortSignal): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const { images, split, limit, concurrency, margin } = values;
  if (!values.dataset && (images ?? split)) {
    throw new UsageError(`Option "--${images ? "images" : "split"}" needs "--dataset"`);
  }
  const chosen = groundSettings(values);
  const extra = values.setting.map(parseSetting);
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
  const choice = { ...(images && { images }), ...(split && { split }), ...(limit && { limit }) };
  const given = values.dataset === undefined
    ? undefined
    : await openDataset(values.dataset, choice);
  // What is wrong with it is found out before the model takes seconds to load.
  if (values.cache) await TrajectoryCache.open(values.cache);
  const opened = await openChosenModel(values, chosen, chooseVariants);
  const { model, gpu, settings, resolved } = opened;
  const names = resolved.variants.map(({ name }) => name);
  const out = values.out ?? await makeOwnFolder("eval");
  const file = await openResults(out);
  try {
    const dataset = given ?? await openDataset(
      (await writePhantomSet(`${out}/phantoms`, { seed: PHANTOM_SEED })).csv,
      choice,
    );
    const { cache } = values;
    const where = { model, ...(gpu && { gpu }), ...(cache && { cache }) };
    const options = { ...settings, ...where, concurrency, margin, signal };
    const record = {
      ...describeRun(resolved, model, gpu, await model.bundle.hash()),
      dataset: { path: dataset.path, kind: dataset.kind, ...(split && { split }) },
      margin,
    };
    console.error(`Grounding ${dataset.count} phrases of ${dataset.path}.`);

    const began = performance.now();
    const summary = new AblationSummary(names);
    const progress = new Progress(dataset.count);
    let done = 0;
    let failures = 0;
    const notices: string[] = [];
    const onProgress = (samples: number) => progress.update(samples);
    const onNotice = (notice: string) => {
      progress.clear();
      console.error(notice);
      notices.push(notice);
    };
    const finish = async (error?: Error) => {
      progress.finish(done);
      const seconds = Number(((performance.now() - began) / 1000).toFixed(3));
      const interrupted = signal.aborted;
      const ablation = summary.toJSON();
      // One variant is the run itself.
      const total = Object.values(ablation)[0]!;
      // Whatever broke the run off, what it leaves must not look whole.
      const broken = error && !interrupted && { error: error.message };
      const json = { ...record, seconds, interrupted, ...broken, notices };
      const results = names.length > 1 ? { ...json, ablation } : { ...json, ...total };
      await writeWhole(`${out}/summary.json`, JSON.stringify(results, null, 2) + "\n");
      return { total, ablation };
    };
    try {
      for await (const result of evaluate(dataset.items, { ...options, onProgress, onNotice })) {
        await file.writer.write(JSON.stringify(result) + "\n");
        summary.add(result);
        if (result.status === "failed" && failures++ < SHOWN_FAILURES) {
          progress.clear();
          console.error(`failed: ${result.id}: ${result.reason}`);
          if (failures === SHOWN_FAILURES) {
            console.error(`Further failures: see ${out}/results.jsonl.`);
          }
        }
        // A sample is done with the last of its variants.
        if (result.setting === undefined || result.setting === names.at(-1)) {
          progress.update(++done);
        }
      }
    } catch (error) {
      const { total } = await finish(error as Error);
      console.error(`${describeCounts(total)}; results so far are in ${out}`);
      throw error;
    }
    const { total, ablation } = await finish();
    console.log(names.length > 1 ? formatAblation(ablation) : formatTable(total));
    console.log(`\n${describeCounts(total)}.`);
    for (const { status, stage, reason, count, example } of total.reasons) {
      console.log(`  ${status} at ${stage}: ${count} x ${reason} (such as ${example})`);
    }
    console.log(`Results: ${out}/results.jsonl, ${out}/summary.json`);
    return total.counts.scored + total.counts.grounded > 0 ? EXIT.ok : EXIT.error;
  } finally {
    await file.close();
    await model.close();
  }
}

function describeCounts({ counts }: Summary): string {
  const { scored, grounded, skipped, failed } = counts;
  const parts = [`${scored} scored`, `${skipped} skipped`, `${failed} failed`];
  if (grounded > 0) parts.splice(1, 0, `${grounded} grounded without boxes`);
  return parts.join(", ");
}

/** Opens results.jsonl for a line a sample; earlier results are never overwritten. */
async function openResults(out: string) {
  const path = `${out}/results.jsonl`;
  await makeFolder(out);
  const file = await Deno.open(path, { write: true, createNew: true }).catch((error) => {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new Error(`Cannot write to "${out}": it already holds results; choose another --out`);
  });
  const encoder = new TextEncoder();
  let isEmpty = true;
  return {
    writer: {
      async write(line: string) {
        isEmpty = false;
        const bytes = encoder.encode(line);
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      },
    },
    async close() {
      file.close();
      // A run that could not start leaves nothing behind that would stop the next one.
      if (isEmpty) await Deno.remove(path);
    },
  };
}

await runConfined(main, async (args) => {
  const values = parseFlags(args, COMMAND);
  if (!values) return undefined;
  const { dataset, images, cache, out = OUT } = values;
  const isFile = dataset !== undefined && (await stat(dataset))?.isFile;
  return {
    read: [...modelPaths(values), dataset, images ?? (isFile ? folderOf(dataset) : undefined)],
    write: [out, cache],
  };
});
