import type { Flags } from "../../base/options.ts";
import { loadMedrpg } from "../../models/medrpg/bundle.ts";
import { openMedrpg } from "../../models/medrpg/medrpg.ts";
import { BOX_EVAL_FLAGS, boxMethod, type BoxValues } from "../box_method.ts";
import { boxRule } from "../boxes/score_boxes.ts";
import { trainingOf } from "../training_of.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";

/** The training data of the published weights, for every reader of a result. */
const TRAINED = "MedRPG was trained on part of MS-CXR, so its scores there are too high";

/** Description of `--paper-loader`, for tables. */
const AS_PAPER =
  "MedRPG saw its images as the paper's public loader makes them: rows and columns swapped, grey " +
  "levels from 0 to 255, resized without smoothing";

const FLAGS = {
  "paper-loader": {
    type: "boolean",
    description:
      "Feed MedRPG as the paper's public loader does, which may be why the paper's row is so low. " +
      "Rows and columns are swapped, grey levels stay 0 to 255, and the resize does not smooth.",
  },
} as const satisfies Flags;

/** The registry's row of MedRPG (Chen et al., MICCAI 2023). */
export const MEDRPG = {
  label: "MedRPG",
  gives: "boxes",
  source: { option: "model", needs: "the folder of its published files" },
  flags: FLAGS,
  evalFlags: BOX_EVAL_FLAGS,
  cautions: ({ loader }) => [`${TRAINED}.`, ...(loader === "paper" ? [`${AS_PAPER}.`] : [])],
  trained: () => trainingOf("medrpg"),
  choose: chooseMedrpg,
} as const satisfies MethodRow<typeof FLAGS>;

async function chooseMedrpg(
  folder: string,
  { "paper-loader": isPaper, "box-rule": value }: BoxValues<typeof FLAGS>,
  { backend, warn }: MethodContext,
): Promise<ChosenMethod> {
  const bundle = await loadMedrpg(folder);
  const { runtime } = await backend();
  warn(`${TRAINED}.`);
  const model = { sha256: await bundle.hash() };
  const rule = value && boxRule(value, "max");
  return {
    facts: { ...(rule && { rule }), ...(isPaper && { loader: "paper" }), model },
    source: { model: { path: folder, ...model } },
    notes: [TRAINED, ...(isPaper ? [AS_PAPER] : [])],
    open: async () => {
      const opened = await openMedrpg(bundle, runtime, isPaper ? "paper" : "released");
      return boxMethod(opened, rule);
    },
  };
}
