import { openBiovil } from "../../models/biovil/biovil.ts";
import type { BiovilVariant } from "../../models/biovil/bundle.ts";
import { gridMethod } from "../grid_method.ts";
import { trainingOf } from "../training_of.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";

/** The registry's row of BioViL (Boecking et al., ECCV 2022). */
export const BIOVIL: MethodRow = row("BioViL", "biovil");

/** The registry's row of BioViL-T (Bannur et al., CVPR 2023). */
export const BIOVIL_T: MethodRow = row("BioViL-T", "biovil-t");

function row(label: string, variant: BiovilVariant): MethodRow {
  return {
    label,
    gives: "heatmaps",
    source: { option: "model", needs: "the folder of its published files" },
    flags: {},
    trained: () => trainingOf(variant),
    choose: (folder, _, context) => chooseBiovil(folder, variant, context),
  };
}

/** Loads the model at once, since the hash of its weights is needed before the run. */
async function chooseBiovil(
  folder: string,
  variant: BiovilVariant,
  context: MethodContext,
): Promise<ChosenMethod> {
  const { runtime } = await context.backend();
  const model = await openBiovil(folder, runtime, variant);
  const sha256 = await model.hash();
  return {
    facts: { view: model.view, model: { sha256 } },
    source: { model: { path: folder, sha256 } },
    open: () => Promise.resolve(gridMethod(model)),
  };
}
