/**
 * Scores of one reader's boxes against another's: the ceiling of a method on the same samples.
 *
 * @module
 */

import type { SampleResult } from "../../pipeline/evaluate.ts";
import { boxIou } from "../../scoring/box_iou.ts";
import { LARGEST, type ProtocolName, scoreBoxesByProtocols } from "../../scoring/protocols.ts";
import { given } from "../../base/json.ts";

/** Names of the two directions in which readers are compared. */
export const READERS = ["Reader 2 against reader 1", "Reader 1 against reader 2"] as const;

/** Protocols that say nothing about readers, who always mark something and state no confidence. */
const LEFT_OUT: readonly string[] = ["existence", "n-acc", "t-acc", "calibration"];

/**
 * Scores the readers of a sample as if one of them were a method that predicts boxes, and the other
 * the ground truth. The readers are compared by the protocols of the result that take boxes.
 *
 * @param result A result of any method.
 * @returns A result for each of {@linkcode READERS}; `undefined` if the result has no scores, or
 * boxes of one reader only.
 */
export function readerResults(result: SampleResult): readonly SampleResult[] | undefined {
  if (result.status !== "scored" || !result.otherBoxes || result.boxes.length === 0) {
    return undefined;
  }
  const { id, index, image, category, group, patient, boxes, otherBoxes, imageSize } = result;
  const names = Object.keys(result.protocols ?? {}).filter((name) => !LEFT_OUT.includes(name));
  const common = {
    id,
    ...(index !== undefined && { index }),
    ...given({ image, category, group, patient }),
  };
  return [{ predicted: otherBoxes, truth: boxes }, { predicted: boxes, truth: otherBoxes }].map(
    ({ predicted, truth }) => ({
      ...common,
      boxes: truth,
      threshold: null,
      // CNR and AUC need a heatmap.
      ...{ absCnr: NaN, cnr: NaN, aucRoc: NaN },
      miou: boxIou(predicted, truth, imageSize ?? LARGEST),
      ...scoreBoxesByProtocols({ predicted }, truth, imageSize, names as ProtocolName[]),
      status: "scored",
    }),
  );
}
