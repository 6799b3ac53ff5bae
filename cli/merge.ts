import { runCommand } from "./kit/confine.ts";
import { isSameFolder } from "./kit/files.ts";
import { masksOf } from "./kit/images.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { conclude } from "./kit/summary.ts";
import { controlFolder } from "../runs/control_run.ts";
import { mergeControls, type MergedRuns, mergeRuns } from "../runs/merge_runs.ts";
import { hasHeatmap, RunFolder } from "../runs/run_folder.ts";
import { SummaryByVariant } from "../reports/tables/summary.ts";

const COMMAND = command({
  usage: "deno task merge --out DIR OUT [OUT …]",
  description:
    "Merges the folders of all shards of a run, in any order. The result equals the folder of the " +
    "whole run. Refuses runs that differ, and names missing and repeated shards and samples.",
  operand: "OUT",
  isRepeated: true,
  flags: {
    out: { type: "string", placeholder: "DIR", required: true, description: "Folder to write to." },
    overwrite: { type: "boolean", description: "Replace the results in --out." },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { out, operands, overwrite } = values;
  if (operands.some((folder) => isSameFolder(folder, out))) {
    throw new UsageError(`Option "--out" must be another folder than the shards, got "${out}"`);
  }
  const { record, results, heatmaps, kept } = await mergeRuns(operands);
  const controls = await mergeControls(operands);
  const progress = new Progress(values.progress, undefined, "heatmaps");
  const folder = await RunFolder.lock(out, (notice) => progress.warn(notice));
  try {
    await folder.begin(record, overwrite ? "overwrite" : "refuse", () => {});
    const summary = new SummaryByVariant(record.variants);
    progress.begin(results.filter(hasHeatmap).length);
    let count = 0;
    const counted = async function* () {
      for await (const heatmap of heatmaps) {
        signal.throwIfAborted();
        yield heatmap;
        progress.update(++count);
      }
    };
    // The last heatmap closes the shards' files.
    await folder.writeAttention(kept);
    await folder.writeHeatmaps(counted());
    progress.finish(count);
    await folder.write(results);
    for (const result of results) summary.add(result);
    if (controls) await writeControls(out, controls, overwrite);
    return await conclude(folder, record, summary, { merged: operands }, values.progress);
  } finally {
    progress.clear();
    await folder.close();
  }
}

/** Writes merged controls to the folder of the merged run. */
async function writeControls(
  out: string,
  { record, results, heatmaps, kept }: MergedRuns,
  overwrite: boolean,
): Promise<void> {
  const folder = await RunFolder.lock(controlFolder(out), () => {});
  try {
    await folder.begin(record, overwrite ? "overwrite" : "refuse", () => {});
    await folder.writeAttention(kept);
    await folder.writeHeatmaps(heatmaps);
    await folder.write(results);
  } finally {
    await folder.close();
  }
}

await runCommand(COMMAND, main, async ({ operands, out }) => {
  // `main` reads the results and reports their errors.
  const masks = await Promise.all(operands.map((folder) => masksOf(folder).catch(() => [])));
  return { read: [...operands, ...masks.flat()], write: [out] };
});
