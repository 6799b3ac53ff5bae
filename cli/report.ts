import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { Notices } from "./kit/failures.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { imagesOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { folderOf, resolve } from "../base/paths.ts";
import { writeWhole } from "../base/write_whole.ts";
import { scoreGroups } from "../reports/groups/group_scores.ts";
import {
  describeGaps,
  describeGroups,
  groupsJson,
  groupTables,
} from "../reports/groups/group_tables.ts";
import { writeRunReport } from "../web/report/write_report.ts";
import { methodLabels } from "../reports/tables/method_notes.ts";
import type { ResultTable } from "../reports/tables/result_table.ts";
import { formatTable, withIntervals } from "../reports/tables/table.ts";
import { Run } from "../runs/run.ts";
import { REPORT } from "../runs/run_folder.ts";

/** Name of the file with scores by groups, beside the page. */
const GROUPS = "groups.json";

const COMMAND = command({
  usage: "deno task report RESULTS [options]",
  description:
    "Writes a run, finished or not, as one HTML page, without the model. The page needs no other " +
    "file. It has tables, settings, and every sample with X-ray, heatmap, ground truth and scores, " +
    "to sort and filter. Reads images from the paths in the results; the page names missing images.",
  operand: "RESULTS",
  flags: {
    groups: {
      type: "string",
      placeholder: "FILE",
      description:
        "CSV with facts about images, studies or patients. Prints the scores by groups of samples, " +
        `adds them to the page, and writes ${GROUPS} beside the page.`,
    },
    by: {
      type: "string",
      placeholder: "LIST",
      description:
        "Facts to group by: columns of --groups, sex, age or view by their usual names, area (share " +
        "of the image under the ground truth) and boxes (their number). area and boxes need no file.",
      defaultText: "with --groups those of sex, age and view that it has, area and boxes",
    },
    key: {
      type: "string",
      placeholder: "COLUMN",
      description: "Column of --groups with ids of images, studies or patients.",
      defaultText: "the column with a usual name that joins most samples",
    },
    out: {
      type: "string",
      placeholder: "FILE",
      description: "File to write; replaces an earlier file.",
      defaultText: `RESULTS/${REPORT}`,
    },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

const fileOf = ({ operands: [folder], out = `${folder}/${REPORT}` }: Values) => out;

/** Path of {@linkcode GROUPS}; `undefined` if no groups are asked for. */
const groupsOf = (values: Values) =>
  values.groups === undefined && values.by === undefined
    ? undefined
    : resolve(folderOf(fileOf(values)), GROUPS);

async function main(values: Values, signal: AbortSignal): Promise<number> {
  if (values.key !== undefined && values.groups === undefined) {
    throw new UsageError('Option "--key" needs "--groups"');
  }
  const path = groupsOf(values);
  const tables = path === undefined ? [] : await writeGroups(values, path);
  const progress = new Progress(values.progress, undefined, "heatmaps");
  const notices = new Notices(progress);
  const page = await writeRunReport(
    values.operands[0]!,
    {
      out: fileOf(values),
      onNotice: notices.add,
      onProgress: (done, total) => progress.follow(done, total),
      signal,
    },
    undefined,
    tables,
  ).catch((error) => {
    signal.throwIfAborted();
    throw error;
  }).finally(() => {
    progress.clear();
    notices.end();
  });
  console.log(`Report: ${page}`);
  return EXIT.ok;
}

/** Prints and writes the scores by groups; returns their tables. */
async function writeGroups(values: Values, path: string): Promise<ResultTable[]> {
  using run = await Run.open(values.operands[0]!, "group");
  const by = values.by?.split(",").map((name) => name.trim()).filter(Boolean) ?? [];
  const found = await scoreGroups(run, { groups: values.groups, by, key: values.key });
  const labels = methodLabels(run.record);
  const tables = groupTables(found, labels);
  const sentences = describeGroups(found);
  for (const table of tables) {
    console.log(`${table.caption.join(" ")}\n${formatTable(withIntervals(table))}\n`);
  }
  console.log([...describeGaps(found, labels), ...sentences].join("\n"));
  await writeWhole(path, groupsJson(found));
  console.log(`Groups: ${path}`);
  return tables.map((table) => ({ ...table, caption: [...table.caption, ...sentences] }));
}

await runCommand(COMMAND, main, async (values) => {
  const written = [fileOf(values), groupsOf(values)].flatMap((path) =>
    path === undefined ? [] : [path, `${path}.partial`]
  );
  return {
    read: [
      values.operands[0],
      values.groups,
      ...await imagesOf(values.operands[0]!),
    ],
    write: written,
  };
});
