import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { isSameFolder } from "./kit/files.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { masksOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { makeFolder, writeWhole } from "../base/write_whole.ts";
import { parseLayers, parseSelect } from "../methods/ldm/parsers.ts";
import type { Threshold } from "../reports/tuning/candidates.ts";
import { parseMetric } from "../reports/tuning/metric.ts";
import { tuneRun } from "../reports/tuning/tune_run.ts";
import { describeTuning, tuningFiles, tuningTables } from "../reports/tuning/tuning_tables.ts";
import { formatTable } from "../reports/tables/table.ts";
import { MAX_SIGMA } from "../shaders/gaussian_cpu.ts";

const COMMAND = command({
  usage: "deno task tune RESULTS [options]",
  description:
    "Chooses layers, steps, sigma and threshold for each class by cross-validation over patients, " +
    "without the model, and scores the choices beside the run's own setting on patients that they " +
    "never saw. eval --keep all makes a run with every layer and step; other runs are tuned over " +
    "the layers, steps and settings that they have.",
  operand: "RESULTS",
  flags: {
    metric: {
      type: "string",
      default: "mIoU",
      placeholder: "NAME",
      description:
        "Number to choose by: absCnr, CNR, mIoU or aucRoc of the paper, or a protocol, such as aep or ap:ap_50.",
    },
    folds: {
      type: "integer",
      min: 2,
      max: 1000,
      default: 5,
      placeholder: "K",
      description:
        "Number of folds. A class of fewer patients takes the choice for all classes together.",
    },
    seed: {
      type: "integer",
      min: 0,
      default: 0,
      placeholder: "N",
      description: "Seed that deals the patients to folds.",
    },
    layers: {
      type: "list",
      placeholder: "LIST",
      description:
        "A set of layers to try, such as 3,4,6,7 or 3-7, or all. The option may be repeated.",
      defaultText: "the run's own, all, each layer, and the layers of each size",
    },
    select: {
      type: "list",
      placeholder: "RANGE",
      description:
        "A window of steps to try, such as 120..180 or 40%..60%, of whole groups of kept steps. The option may be repeated.",
      defaultText: "the run's own, all kept steps, and each group of kept steps",
    },
    sigma: {
      type: "string",
      placeholder: "LIST",
      description:
        `Standard deviations of the Gaussian in pixels, 0 to ${MAX_SIGMA}, such as 0,2.5,5.`,
      defaultText: "half, all and twice the run's own",
    },
    threshold: {
      type: "string",
      placeholder: "LIST",
      default: "otsu,none,0.5",
      description: "Cuts: otsu, none, or shares of the heatmap's range from 0 to 1.",
    },
    setting: {
      type: "string",
      placeholder: "NAME",
      description: "Setting of the run to compare with.",
      defaultText: "the first setting",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description:
        "Folder for the scores and choices as JSON and CSV. Replaces files of these names.",
    },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { operands: [source], out, folds, seed, setting, sigma } = values;
  if (out !== undefined && isSameFolder(source!, out)) {
    throw new UsageError(`Option "--out" must be another folder than RESULTS, got "${out}"`);
  }
  const metric = parseMetric(values.metric);
  const layers = values.layers.map((text) => parseLayers(text));
  const selects = values.select.map((text) => parseSelect(text));
  const sigmas = sigma?.split(",").map((text) => parseShare(text, "sigma", MAX_SIGMA));
  const thresholds = values.threshold.split(",").map(parseThreshold);
  const progress = new Progress(values.progress, undefined, "samples");
  try {
    const tuning = await tuneRun(source!, {
      ...{ metric, folds, seed, signal },
      ...(setting !== undefined && { setting }),
      grid: {
        thresholds,
        ...(layers.length > 0 && { layers }),
        ...(selects.length > 0 && { selects }),
        ...(sigmas && { sigmas }),
      },
      onBegin: (count) => progress.say(`Scoring each sample by ${count} settings.`),
      onProgress: (done, total) => progress.follow(done, total),
    });
    progress.clear();
    for (const table of tuningTables(tuning)) {
      console.log(`${table.caption.join(" ")}\n${formatTable(table)}\n`);
    }
    console.log(describeTuning(tuning).join("\n"));
    if (out === undefined) return EXIT.ok;
    await makeFolder(out);
    const files = tuningFiles(tuning);
    for (const [name, text] of Object.entries(files)) await writeWhole(`${out}/${name}`, text);
    console.log(`Files: ${Object.keys(files).map((name) => `${out}/${name}`).join(", ")}`);
    return EXIT.ok;
  } finally {
    progress.clear();
  }
}

function parseThreshold(text: string): Threshold {
  const name = text.trim().toLowerCase();
  return name === "otsu" || name === "none" ? name : parseShare(text, "threshold", 1);
}

function parseShare(text: string, option: string, max: number): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value >= 0 && value <= max) return value;
  throw new UsageError(
    `Option "--${option}" must be a list of ${option === "threshold" ? "otsu, none or " : ""}` +
      `numbers from 0 to ${max}, got "${text}"`,
  );
}

await runCommand(COMMAND, main, async ({ operands, out }) => ({
  // `main` reads the results and reports their errors.
  read: [...operands, ...await masksOf(operands[0]!).catch(() => [])],
  write: [out],
}));
