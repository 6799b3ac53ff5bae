import type { Flags, FlagValues } from "../../base/options.ts";
import { quote } from "../../base/text.ts";
import { matchPredictions } from "../../datasets/predictions/match_predictions.ts";
import { readPredictions } from "../../datasets/predictions/read_predictions.ts";
import { PREDICTIONS_FLAG } from "../predictions_flag.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";
import { BOX_RULE_FLAG, boxesMethod, boxRule } from "./score_boxes.ts";

const FLAGS = {
  predictions: PREDICTIONS_FLAG,
  "box-rule": BOX_RULE_FLAG,
} as const satisfies Flags;

/** The registry's row of boxes from a file of predictions. */
export const BOXES = {
  label: "Predicted boxes",
  gives: "boxes",
  source: { option: "predictions" },
  flags: FLAGS,
  choose: chooseBoxes,
} as const satisfies MethodRow<typeof FLAGS>;

async function chooseBoxes(
  file: string,
  { "box-rule": value }: FlagValues<typeof FLAGS>,
  { say, warn }: MethodContext,
): Promise<ChosenMethod> {
  const rule = boxRule(value);
  const predictions = await readPredictions(file);
  const { path, sha256 } = predictions;
  return {
    facts: { predictions: { sha256 }, rule },
    source: { predictions: { path, sha256 } },
    open: async (whole) => {
      const { dataset, root } = await whole();
      const { boxes, faults, samples, unmatched } = await matchPredictions(
        predictions,
        dataset.items,
        root,
      );
      say(`"${path}" has predictions for ${boxes.size} of ${samples} samples.`);
      if (unmatched.length > 0) {
        const [{ image, phrase, fault }] = unmatched as [typeof unmatched[number]];
        warn(
          `Of the predictions in "${path}" ${unmatched.length} match no sample of the dataset, ` +
            `such as image ${quote(image, 100)} with phrase ${quote(phrase, 100)}` +
            `${fault ? `: ${fault}` : ""}.`,
        );
      }
      return boxesMethod(boxes, { rule, faults });
    },
  };
}
