import { describeLayouts } from "../../datasets/layouts/registry.ts";
import { EVAL_METHOD_FLAGS, METHODS } from "../../methods/registry.ts";
import { BACKEND_FLAGS } from "../kit/backend.ts";
import { command, UsageError, type ValuesOf } from "../kit/flags.ts";
import { MODEL_FLAG } from "../kit/method_sources.ts";
import { DATA_FLAGS, MODELS_FLAGS } from "../kit/models.ts";
import { PROGRESS_FLAGS } from "../kit/progress.ts";
import { CLASS_FLAGS, SCORE_FLAGS } from "../kit/score_flags.ts";
import type { Earlier } from "../../runs/run_folder.ts";

/** Name, options and purpose of `deno task eval`. */
export const EVAL_COMMAND = command({
  usage: "deno task eval [options]",
  description:
    "Grounds every phrase of a dataset and scores the heatmaps as the paper's Table I does. " +
    "Without options it draws synthetic chest phantoms and runs the bundled model on them.",
  flags: {
    config: {
      type: "string",
      placeholder: "FILE",
      description:
        "YAML file with options by their long names, such as steps: 50, and lists for repeated ones. " +
        "Options of the command line win. Paths in the file are relative to the file.",
    },
    method: {
      type: "string",
      default: "ldm",
      placeholder: "LIST",
      description:
        `Methods to run, separated by commas: some of ${
          Object.keys(METHODS).join(", ")
        }, or paths ` +
        "of modules with methods of your own. One table compares several methods. The " +
        "options of ldm, such as --layers, have no effect on other methods.",
    },
    model: {
      ...MODEL_FLAG,
      type: "list",
      description:
        "Model of a method: a folder, or else a name that deno task get lists, such as ldm. ldm reads our " +
        "flat layout, a MONAI bundle or a diffusers folder; biovil, biovil-t, omnifm-dr and medrpg read their " +
        "published files. With several methods give one each, as ldm=DIR or biovil=biovil; without the method's " +
        "name it is ldm's. generate-to-ground and daam take ldm's if they have none.",
      defaultText: "ldm's is the bundled one",
    },
    ...MODELS_FLAGS,
    ...BACKEND_FLAGS,
    dataset: {
      type: "string",
      placeholder: "PATH",
      description:
        `${describeLayouts()} Or else a name that deno task get lists, such as covid-segmentations.`,
      defaultText: "phantoms",
    },
    ...DATA_FLAGS,
    phrases: {
      type: "string",
      placeholder: "FILE",
      description:
        "Phrases by class, for a dataset that has classes and no phrases: JSON of a list for each class, or a CSV with the columns class and phrase.",
      defaultText: "those in docs/data.md",
    },
    ...CLASS_FLAGS,
    classes: {
      ...CLASS_FLAGS.classes,
      description: CLASS_FLAGS.classes.description +
        " The run scores a detector of classes, if the dataset says which classes an image lacks.",
    },
    images: {
      type: "string",
      placeholder: "DIR",
      description: "Folder above the images; for MS-CXR the root of MIMIC-CXR-JPG.",
      defaultText: "the dataset's folder",
    },
    split: {
      type: "string",
      placeholder: "NAME",
      description: "Split to run, such as test.",
      defaultText: "all",
    },
    ...EVAL_METHOD_FLAGS,
    "trained-on": {
      type: "list",
      placeholder: "SETS",
      description:
        "Datasets that a method was trained on, with their splits, such as mimic-cxr:train,ms-cxr:train+val; " +
        "a name alone is a part that is not known, NAME:* all of it, and * further data. Tables mark " +
        "a method that saw samples of the evaluation. With several methods as METHOD=SETS.",
      defaultText: "what is known of a model by name",
    },
    margin: { ...SCORE_FLAGS.margin, default: "excluded" },
    protocol: SCORE_FLAGS.protocol,
    controls: {
      type: "boolean",
      description:
        "Ask each method other questions beside the samples: does it listen to the phrase? Another " +
        "phrase costs passes of its own on the image's trajectory; the mirrored image needs a trajectory.",
    },
    limit: {
      type: "integer",
      min: 1,
      placeholder: "N",
      description: "Stop after this number of samples.",
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
    shard: {
      type: "string",
      placeholder: "I/N",
      description:
        "Run part I of N, divided by image; deno task merge puts the parts together. auto takes both numbers from Slurm's job array, auto/N takes I from Kubernetes' indexed job.",
      defaultText: "the whole dataset",
    },
    "max-failures": {
      type: "integer",
      min: 0,
      placeholder: "N",
      description: "End the run when more samples than this number fail.",
      defaultText: "any number",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description:
        "Folder for results.jsonl, heatmaps.bin (attention.bin with --keep), summary.json, tables and run.json. If the folder holds results of the same run, the run goes on after them.",
      defaultText: "out/eval-<time>",
    },
    resume: {
      type: "boolean",
      default: true,
      description: "Refuse a folder that holds results.",
    },
    "retry-failed": {
      type: "boolean",
      description: "Run the failed samples of --out again.",
    },
    overwrite: {
      type: "boolean",
      description: "Remove the results in --out and start again.",
    },
    report: {
      type: "boolean",
      default: true,
      description: "Do not write report.html at the end of the run.",
    },
    ...PROGRESS_FLAGS,
  },
});

/** Values of the options of `deno task eval`. */
export type EvalValues = ValuesOf<typeof EVAL_COMMAND.flags>;

/**
 * Decides what happens to earlier results in `--out`.
 *
 * @throws {UsageError} If the options exclude each other, or need `--out`.
 */
export function chooseEarlier(
  values: Pick<EvalValues, "out" | "resume" | "retry-failed" | "overwrite">,
): Earlier {
  const given = (["retry-failed", "overwrite"] as const).filter((name) => values[name]);
  const names = [...given, ...(values.resume ? [] : ["no-resume"])].map((name) => `"--${name}"`);
  if (names.length > 1) throw new UsageError(`Options ${names.join(" and ")} exclude each other`);
  if (names.length > 0 && values.out === undefined) {
    throw new UsageError(`Option ${names[0]} needs "--out"`);
  }
  if (values.overwrite) return "overwrite";
  if (values["retry-failed"]) return "retry";
  return values.resume ? "resume" : "refuse";
}
