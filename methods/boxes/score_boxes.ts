import { InputRangeError } from "../../base/errors.ts";
import type { Flag } from "../../base/options.ts";
import type { MatchedBoxes } from "../../datasets/predictions/match_predictions.ts";
import type { Sample } from "../../datasets/sample.ts";
import { decode, type DecodedImage, truthOf } from "../../pipeline/decode.ts";
import {
  countSamples,
  failed,
  flatMapFlow,
  type Flow,
  item,
  withNotes,
} from "../../pipeline/flow.ts";
import type { BoxedPhrase, Method } from "../../pipeline/method.ts";
import { BOX_RULES, boxIou, type BoxRule } from "../../scoring/box_iou.ts";
import {
  placelessTruth,
  type ProtocolName,
  scoreBoxesByProtocols,
} from "../../scoring/protocols.ts";

export { BOX_RULES, boxIou, type BoxRule };

/** Option of every method that gives boxes. */
export const BOX_RULE_FLAG = {
  type: "string",
  choices: [...BOX_RULES, "paper"],
  default: "union",
  placeholder: "RULE",
  description:
    "Comparison of predicted boxes with ground truth. union takes all ground-truth boxes " +
    "together. max takes each box by itself and counts the highest IoU, the paper's rule for MedRPG. " +
    "paper takes max for medrpg and union for every other method, as the paper's table does.",
} as const satisfies Flag;

/**
 * The rule for a method.
 *
 * @param value Value of the option `--box-rule`.
 * @param paper The paper's rule for the method.
 */
export function boxRule(value: BoxRule | "paper", paper: BoxRule = "union"): BoxRule {
  return value === "paper" ? paper : value;
}

/** Note of a sample that the file of predictions lacks. */
const NO_PREDICTION = "there is no prediction for it, which counts as no box";

/** Rules for {@linkcode boxesMethod}. */
export interface BoxOptions {
  /**
   * Rule for comparing a prediction with several ground-truth boxes.
   *
   * @default {"union"}
   */
  rule?: BoxRule;
  /**
   * For ids of samples, the reason why the prediction cannot be read. These samples fail.
   *
   * @default {None}
   */
  faults?: ReadonlyMap<string, string>;
}

/**
 * A method that takes boxes predicted elsewhere. It reads the images for their sizes, which also
 * makes the same samples fail as with other methods. The whole image counts, not only the centre
 * square.
 *
 * @param predictions Predicted boxes by sample id. A sample without an entry has no predicted box.
 */
export function boxesMethod(
  predictions: ReadonlyMap<string, MatchedBoxes>,
  { rule, faults }: BoxOptions = {},
): Method {
  return {
    ground(source, options = {}) {
      const images = decode(source, { ...options, view: "whole" });
      const scored = flatMapFlow(images, "metrics", function* (image) {
        for (const sample of image.samples) {
          const fault = faults?.get(sample.id);
          yield fault === undefined
            ? scoreSample(sample, predictions.get(sample.id), image, rule, options.protocols)
            : failed(
              "dataset",
              sample,
              new InputRangeError(`the prediction cannot be read: ${fault}`),
            );
        }
      }, options);
      return countSamples(scored, options.done, (count) => options.onProgress?.(count));
    },
    close: () => Promise.resolve(),
  };
}

function scoreSample(
  asked: Sample,
  found: MatchedBoxes = { boxes: [], notes: [NO_PREDICTION] },
  image: DecodedImage,
  rule: BoxRule | undefined,
  protocols: readonly ProtocolName[] | undefined,
): Flow<BoxedPhrase> {
  const { boxes, confidence, notes = [] } = found;
  const sample = withNotes(asked, notes);
  const own = { sample, predicted: boxes, ...(confidence && { confidence }) };
  return scorePhrase(own, image, rule, protocols);
}

/**
 * Scores the predicted boxes of a phrase. A phrase without ground truth passes without scores.
 *
 * @param image The image of the phrase, with its ground truth.
 * @param rule Rule for comparing a prediction with several ground-truth boxes.
 * @param protocols Further protocols; those that need a heatmap are left out.
 */
export function scorePhrase(
  found: BoxedPhrase,
  image: DecodedImage,
  rule?: BoxRule,
  protocols: readonly ProtocolName[] = [],
): Flow<BoxedPhrase> {
  const { sample, predicted } = found;
  const truth = truthOf(sample, image);
  const known = truth ?? placelessTruth(sample.isNegative, sample.isPresent);
  if (!known) return item(found);
  try {
    const { width, height } = image.gray;
    const further = scoreBoxesByProtocols(found, known, image.gray, protocols);
    const sized = further.protocols ? { ...found, imageSize: { width, height } } : found;
    if (!truth) return item({ ...sized, negative: further });
    const miou = boxIou(predicted, truth, image.gray, rule);
    // CNR and AUC need a heatmap.
    return item({ ...sized, scores: { absCnr: NaN, cnr: NaN, miou, aucRoc: NaN, ...further } });
  } catch (error) {
    return failed("metrics", sample, error);
  }
}
