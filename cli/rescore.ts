import { runCommand } from "./kit/confine.ts";
import { isSameFolder } from "./kit/files.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { parseProtocols } from "./kit/parsers.ts";
import { masksOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { SCORE_FLAGS } from "./kit/score_flags.ts";
import { conclude, printFiles } from "./kit/summary.ts";
import { SIGMA_FLAG } from "../methods/ldm/flags.ts";
import { parseLayers, parseSelect } from "../methods/ldm/parsers.ts";
import { LIFTS } from "../runs/rescore.ts";
import { controlFolder, controlRecord, hasControls } from "../runs/control_run.ts";
import { HEATMAPS } from "../runs/heatmap_file.ts";
import { helpRescoring, type RescoreOptions, rescoreRun } from "../runs/rescore_run.ts";
import { stat } from "../base/paths.ts";
import { RunFolder, type RunRecord } from "../runs/run_folder.ts";
import { writeWhole } from "../base/write_whole.ts";
import type { Comparison } from "../reports/compare/compare.ts";
import {
  comparisonFiles,
  comparisonTables,
  describeComparison,
} from "../reports/compare/comparison_tables.ts";
import { LiftComparison } from "../reports/compare/compare_lift.ts";
import { formatTable } from "../reports/tables/table.ts";
import { SummaryByVariant } from "../reports/tables/summary.ts";

const AS_BEFORE = "the run's own";

const COMMAND = command({
  usage: "deno task rescore RESULTS [options] --out DIR",
  description:
    "Finishes and scores the heatmaps of a run again from its folder, without model and images. " +
    "Without options the scores stay the same.",
  operand: "RESULTS",
  flags: {
    sigma: { ...SIGMA_FLAG, defaultText: AS_BEFORE },
    otsu: { type: "boolean", description: "Cut heatmaps at Otsu's threshold." },
    "no-otsu": { type: "boolean", description: "Keep whole heatmaps." },
    threshold: {
      type: "number",
      min: 0,
      max: 1,
      placeholder: "SHARE",
      description: "Cut heatmaps at this share of their range in place of Otsu's threshold.",
      defaultText: AS_BEFORE,
    },
    layers: {
      type: "string",
      placeholder: "LIST",
      description:
        "Cross-attention layers to average, such as 3,4,6,7 or 3-7, or all: some of the run's own, or any after eval --keep.",
      defaultText: AS_BEFORE,
    },
    select: {
      type: "string",
      placeholder: "RANGE",
      description:
        "Steps to average, such as 120..180 or 40%..60%, after eval --keep: whole groups of the kept steps.",
      defaultText: AS_BEFORE,
    },
    margin: { ...SCORE_FLAGS.margin, defaultText: AS_BEFORE },
    protocol: { ...SCORE_FLAGS.protocol, defaultText: AS_BEFORE },
    lift: {
      type: "string",
      choices: LIFTS,
      placeholder: "HOW",
      description: "Sharpen heatmaps by DHS of KAF-Ground (dhs), or undo it (none). With dhs, " +
        "differences to the heatmaps as they were follow, with intervals, as comparison.json, .csv " +
        "and .tex.",
      defaultText: AS_BEFORE,
    },
    controls: {
      type: "boolean",
      description:
        "Show if the method listens: scores of its stored maps for other phrases of an image, and " +
        "of maps that know no phrase. A run with controls keeps them without this option.",
    },
    out: { type: "string", placeholder: "DIR", required: true, description: "Folder to write to." },
    overwrite: { type: "boolean", description: "Replace the results in --out." },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

/** Size of `heatmaps.bin` in bytes from which further threads save more time than they take. */
const LARGE = 2 ** 23;

/** Most threads that score: beyond, writing the files takes longer than scoring. */
const MOST_THREADS = 8;

async function main(
  values: Values,
  signal: AbortSignal,
  helpers: readonly MessagePort[],
): Promise<number> {
  const { out, operands: [source], sigma, layers, select, margin, protocol } = values;
  const { lift, overwrite } = values;
  if (isSameFolder(source!, out)) {
    throw new UsageError(`Option "--out" must be another folder than RESULTS, got "${out}"`);
  }
  const cuts = (["otsu", "no-otsu", "threshold"] as const)
    .filter((name) => values[name] !== undefined && values[name] !== false);
  if (cuts.length > 1) {
    throw new UsageError(
      `Options ${cuts.map((name) => `"--${name}"`).join(" and ")} exclude each other`,
    );
  }
  const options: RescoreOptions = {
    ...(sigma !== undefined && { sigma }),
    ...(cuts.length > 0 && { otsu: values.threshold ?? values.otsu }),
    ...(layers !== undefined && { layers: parseLayers(layers) }),
    ...(select !== undefined && { select: parseSelect(select) }),
    ...(margin !== undefined && { margin }),
    ...(protocol.length > 0 && { protocols: parseProtocols(protocol) }),
    ...(lift !== undefined && { lift }),
  };
  const { record, samples } = await rescoreRun(source!, options, helpers);
  const progress = new Progress(values.progress);
  const folder = await RunFolder.lock(out, (notice) => progress.warn(notice));
  try {
    await folder.begin(record, overwrite ? "overwrite" : "refuse", () => {});
    const summary = new SummaryByVariant(record.variants);
    const total = record.plan.length;
    let count = 0;
    let failed = 0;
    let lifted: LiftComparison | undefined;
    progress.begin(total);
    for await (const { results, plain, heatmaps, kept } of samples) {
      signal.throwIfAborted();
      await folder.writeHeatmaps(heatmaps);
      await folder.writeAttention(kept);
      await folder.write(results);
      for (const result of results) summary.add(result);
      if (plain) (lifted ??= new LiftComparison()).add(plain, results);
      if (results.some(({ status }) => status === "failed")) failed++;
      progress.update(++count, failed);
    }
    progress.finish(count);
    await rescoreControls(source!, out, record, { ...values, options });
    const isWhole = count >= total;
    if (!isWhole) progress.warn(`The run has ${count} of ${total} samples.`);
    const more = { rescored: source };
    const code = await conclude(folder, record, summary, more, values.progress, isWhole);
    if (lifted) await reportLift(lifted.toJSON(), out);
    return code;
  } finally {
    progress.clear();
    await folder.close();
  }
}

/** Prints and writes the differences of lifted heatmaps to the heatmaps as they were. */
async function reportLift(comparison: Comparison, out: string): Promise<void> {
  for (const table of comparisonTables(comparison)) {
    console.log(`\n${table.caption.join(" ")}\n${formatTable(table)}`);
  }
  console.log(`\n${describeComparison(comparison).join("\n")}`);
  const files = comparisonFiles(comparison);
  for (const [name, text] of Object.entries(files)) await writeWhole(`${out}/${name}`, text);
  printFiles({ files: Object.keys(files) });
}

/** Scores the controls of a run again, or begins some that only read stored heatmaps. */
async function rescoreControls(
  source: string,
  out: string,
  record: RunRecord,
  { controls, overwrite, options }: Pick<Values, "controls" | "overwrite"> & {
    readonly options: RescoreOptions;
  },
): Promise<void> {
  const hasOwn = await hasControls(source);
  if (!hasOwn && !controls) return;
  const again = hasOwn ? await rescoreRun(controlFolder(source), options) : undefined;
  const folder = await RunFolder.lock(controlFolder(out), () => {});
  try {
    const own = again?.record ?? controlRecord(record);
    await folder.begin(own, overwrite ? "overwrite" : "refuse", () => {});
    for await (const { results, heatmaps, kept } of again?.samples ?? []) {
      await folder.writeHeatmaps(heatmaps);
      await folder.writeAttention(kept);
      await folder.write(results);
    }
  } finally {
    await folder.close();
  }
}

await runCommand(
  COMMAND,
  main,
  async ({ operands: [source], out }) => {
    const { size = 0 } = await stat(`${source}/${HEATMAPS}`) ?? {};
    const threads = Math.min(navigator.hardwareConcurrency, MOST_THREADS);
    return {
      // `main` reads the results and reports their errors.
      read: [source, ...await masksOf(source!).catch(() => [])],
      write: [out],
      helpers: size < LARGE ? 0 : threads - 1,
    };
  },
  { helper: helpRescoring },
);
