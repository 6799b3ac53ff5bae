import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { isSameFolder } from "./kit/files.ts";
import { Notices } from "./kit/failures.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { imagesOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { compareColumns } from "../reports/compare/compare.ts";
import {
  comparisonFiles,
  comparisonTables,
  describeComparison,
  describeMost,
} from "../reports/compare/comparison_tables.ts";
import { openColumns, splitOperand } from "../reports/compare/read_columns.ts";
import { COMPARISON, writeComparison } from "../web/report/write_comparison.ts";
import { formatTable } from "../reports/tables/table.ts";
import { makeFolder, writeWhole } from "../base/write_whole.ts";

const COMMAND = command({
  usage: "deno task compare RUN RUN [RUN …] [options]",
  description:
    "Compares runs with the first run on the same samples, without the model: differences of each " +
    "score by class, with intervals and tests over patients, complete misses, and the samples that " +
    "differ most. RUN is a folder; FOLDER:SETTING names one of its settings or methods, and a folder " +
    "alone stands for all of them. Refuses runs on different samples.",
  operand: "RUN",
  isRepeated: true,
  flags: {
    common: {
      type: "boolean",
      description: "Compare the samples that all runs share, and say what was left out.",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description:
        `Folder for the comparison as JSON, CSV, LaTeX and a page with the heatmaps side by side ` +
        `(${COMPARISON}). Replaces files of these names; the page leaves out missing images.`,
    },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { operands, common, out } = values;
  for (const operand of operands) {
    const { folder } = await splitOperand(operand);
    if (out === undefined || !isSameFolder(folder, out)) continue;
    throw new UsageError(`Option "--out" must be another folder than the runs, got "${out}"`);
  }
  const columns = await openColumns(operands);
  const progress = new Progress(values.progress, undefined, "samples");
  try {
    const compared = await compareColumns(columns, common);
    const { comparison } = compared;
    for (const table of comparisonTables(comparison)) {
      console.log(`${table.caption.join(" ")}\n${formatTable(table)}\n`);
    }
    console.log(`${describeMost(comparison).join("\n")}\n`);
    console.log(describeComparison(comparison).join("\n"));
    if (out === undefined) return EXIT.ok;
    await makeFolder(out);
    const files = comparisonFiles(comparison);
    for (const [name, text] of Object.entries(files)) await writeWhole(`${out}/${name}`, text);
    const notices = new Notices(progress);
    await writeComparison(columns, compared, {
      out: `${out}/${COMPARISON}`,
      onNotice: notices.add,
      onProgress: (done, total) => progress.follow(done, total),
      signal,
    });
    notices.end();
    console.log(
      `Files: ${[...Object.keys(files), COMPARISON].map((n) => `${out}/${n}`).join(", ")}`,
    );
    return EXIT.ok;
  } finally {
    progress.clear();
    for (const run of new Set(columns.map(({ run }) => run))) run[Symbol.dispose]();
  }
}

await runCommand(COMMAND, main, async ({ operands, out }) => {
  const folders = await Promise.all(operands.map(splitOperand));
  // `main` reads the results and reports their errors.
  const images = out === undefined
    ? []
    : await Promise.all(folders.map(({ folder }) => imagesOf(folder).catch(() => [])));
  return {
    read: [...folders.map(({ folder }) => folder), ...operands, ...images.flat()],
    write: [out],
  };
});
