import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { Notices } from "./kit/failures.ts";
import { command, type ValuesOf } from "./kit/flags.ts";
import { imagesOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { toPng } from "../reports/figures/png.ts";
import { drawRun } from "../reports/figures/run_figures.ts";
import { makeFolder, writeWhole } from "../base/write_whole.ts";

const COMMAND = command({
  usage: "deno task figures RESULTS [options] --out DIR",
  description:
    "Draws a run without the model, each figure as SVG and PNG: X-rays with heatmap and ground " +
    "truth (best, worst, random, and a gallery of each class), ROC (roc), precision and recall " +
    "(pr), IoU by threshold (iou), and the distribution of each score. The random X-rays show " +
    "all methods of a run side by side, unless --setting names one. Replaces files of these names. Reads images from the paths in the results, and leaves out missing images.",
  operand: "RESULTS",
  flags: {
    setting: {
      type: "string",
      placeholder: "NAME",
      description: "Setting of the run to draw.",
      defaultText: "the first setting",
    },
    count: {
      type: "integer",
      min: 1,
      max: 200,
      default: 12,
      placeholder: "N",
      description: "Maximum number of X-rays in a figure.",
    },
    seed: {
      type: "integer",
      min: 0,
      default: 0,
      placeholder: "N",
      description: "Seed of the random X-rays.",
    },
    out: { type: "string", placeholder: "DIR", required: true, description: "Folder to write to." },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { out, operands: [source], setting, count, seed } = values;
  const progress = new Progress(values.progress, undefined, "heatmaps");
  const notices = new Notices(progress);
  let drawn = 0;
  const figures = drawRun(source!, {
    ...{ count, seed, signal },
    onNotice: notices.add,
    onProgress(done, total) {
      progress.follow(drawn = done, total, notices.count);
    },
    ...(setting !== undefined && { setting }),
  });
  const names: string[] = [];
  try {
    for await (const { name, svg } of figures) {
      await makeFolder(out);
      await writeWhole(`${out}/${name}`, svg);
      await writeWhole(`${out}/${name.replace(/svg$/, "png")}`, await toPng(svg));
      names.push(`${out}/${name}`);
    }
    if (drawn > 0) progress.finish(drawn);
  } finally {
    progress.clear();
    notices.end();
  }
  if (names.length === 0) throw new Error(`Cannot draw "${source}": it has no heatmap to show`);
  console.log(`Figures, each as PNG too: ${names.join(", ")}`);
  return EXIT.ok;
}

await runCommand(COMMAND, main, async ({ operands: [folder], out }) => ({
  read: [folder, ...await imagesOf(folder!)],
  write: [out],
}));
