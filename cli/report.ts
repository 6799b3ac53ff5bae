/**
 * `deno task report`: writes a run as one page.
 *
 * @module
 */

import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { Notices } from "./kit/failures.ts";
import { command, type ValuesOf } from "./kit/flags.ts";
import { imagesOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { REPORT, writeReport } from "../reports/html/write_report.ts";

const COMMAND = command({
  usage: "deno task report RESULTS [options]",
  description:
    "Writes a run, finished or not, as one HTML page, without the model. The page needs no other " +
    "file. It has tables, settings, and every sample with X-ray, heatmap, ground truth and scores, " +
    "to sort and filter. Reads images from the paths in the results; the page names missing images.",
  operand: "RESULTS",
  flags: {
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

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const progress = new Progress(values.progress, undefined, "heatmaps");
  const notices = new Notices(progress);
  const path = await writeReport(values.operands[0]!, {
    out: fileOf(values),
    onNotice: notices.add,
    onProgress: (done, total) => progress.follow(done, total),
    signal,
  }).catch((error) => {
    signal.throwIfAborted();
    throw error;
  }).finally(() => {
    progress.clear();
    notices.end();
  });
  console.log(`Report: ${path}`);
  return EXIT.ok;
}

await runCommand(COMMAND, main, async (values) => ({
  read: [values.operands[0], ...await imagesOf(values.operands[0]!)],
  write: [fileOf(values), `${fileOf(values)}.partial`],
}));
