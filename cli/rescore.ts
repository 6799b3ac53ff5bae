/**
 * `deno task rescore`: scores the heatmaps of a run again.
 *
 * @module
 */

import { runCommand } from "./kit/confine.ts";
import { isSameFolder } from "./kit/files.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { parseProtocols } from "./kit/parsers.ts";
import { masksOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { SCORE_FLAGS } from "./kit/score_flags.ts";
import { conclude } from "./kit/summary.ts";
import { SIGMA_FLAG } from "../methods/ldm/flags.ts";
import { parseLayers, parseSelect } from "../methods/ldm/parsers.ts";
import { controlFolder, controlRecord, hasControls } from "../runs/control_run.ts";
import { type RescoreOptions, rescoreRun } from "../runs/rescore_run.ts";
import { RunFolder, type RunRecord } from "../runs/run_folder.ts";
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

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { out, operands: [source], sigma, layers, select, margin, protocol, overwrite } = values;
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
  };
  const { record, samples } = await rescoreRun(source!, options);
  const progress = new Progress(values.progress);
  const folder = await RunFolder.lock(out, (notice) => progress.warn(notice));
  try {
    await folder.begin(record, overwrite ? "overwrite" : "refuse", () => {});
    const summary = new SummaryByVariant(record.variants);
    const total = record.plan.length;
    let count = 0;
    let failed = 0;
    progress.begin(total);
    for await (const { results, heatmaps, kept } of samples) {
      signal.throwIfAborted();
      await folder.writeHeatmaps(heatmaps);
      await folder.writeAttention(kept);
      await folder.write(results);
      for (const result of results) summary.add(result);
      if (results.some(({ status }) => status === "failed")) failed++;
      progress.update(++count, failed);
    }
    progress.finish(count);
    await rescoreControls(source!, out, record, { ...values, options });
    const isWhole = count >= total;
    if (!isWhole) progress.warn(`The run has ${count} of ${total} samples.`);
    return await conclude(folder, record, summary, { rescored: source }, values.progress, isWhole);
  } finally {
    progress.clear();
    await folder.close();
  }
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

await runCommand(COMMAND, main, async ({ operands, out }) => ({
  // `main` reads the results and reports their errors.
  read: [...operands, ...await masksOf(operands[0]!).catch(() => [])],
  write: [out],
}));
