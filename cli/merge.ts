/**
 * `deno task merge`: puts the shards of a run together.
 *
 * @module
 */

import { runCommand } from "./_confine.ts";
import { command, UsageError, type ValuesOf } from "./_flags.ts";
import { conclude, isSameFolder } from "./_summary.ts";
import { mergeRuns } from "../reports/merge_runs.ts";
import { RunFolder } from "../reports/run_folder.ts";
import { AblationSummary } from "../reports/summary.ts";

const COMMAND = command({
  usage: "deno task merge --out DIR OUT [OUT …]",
  description:
    "Merges the folders of all shards of a run, in any order, into one that equals the folder of " +
    "the whole run. Refuses runs that differ, and names shards and samples that are missing or there twice.",
  operand: "OUT",
  isRepeated: true,
  flags: {
    out: { type: "string", placeholder: "DIR", required: true, description: "Folder to write to." },
    overwrite: { type: "boolean", description: "Replace the results that are in --out." },
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values): Promise<number> {
  const { out, operands, overwrite } = values;
  if (operands.some((folder) => isSameFolder(folder, out))) {
    throw new UsageError(`Option "--out" must be another folder than those to merge, got "${out}"`);
  }
  const { record, results, heatmaps } = await mergeRuns(operands);
  const folder = await RunFolder.lock(out, (notice) => console.error(notice));
  try {
    await folder.begin(record, overwrite ? "overwrite" : "refuse", () => {});
    const summary = new AblationSummary(record.variants);
    await folder.writeHeatmaps(heatmaps);
    await folder.write(results);
    for (const result of results) summary.add(result);
    return await conclude(folder, record, summary, { merged: operands });
  } finally {
    await folder.close();
  }
}

await runCommand(COMMAND, main, ({ operands, out }) => ({ read: operands, write: [out] }));
