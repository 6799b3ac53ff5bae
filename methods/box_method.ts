import { InputRangeError } from "../base/errors.ts";
import type { Flags, FlagValues } from "../base/options.ts";
import { quote } from "../base/text.ts";
import type { BoxModel } from "../models/box_model.ts";
import { decode } from "../pipeline/decode.ts";
import { countSamples, failed, flatMapFlow, withNotes } from "../pipeline/flow.ts";
import type { Method } from "../pipeline/method.ts";
import { askModel } from "./_ask_model.ts";
import { BOX_RULE_FLAG, type BoxRule, scorePhrase } from "./boxes/score_boxes.ts";

/** Options of `eval`, which alone compares boxes. */
export const BOX_EVAL_FLAGS = { "box-rule": BOX_RULE_FLAG } as const satisfies Flags;

/** Values of the method's options; `ground` has no values for the options of `eval`. */
export type BoxValues<F extends Flags> =
  & FlagValues<F>
  & Partial<FlagValues<typeof BOX_EVAL_FLAGS>>;

/**
 * Turns a model into a method. A sample fails if the model refuses its phrase or image, or names a
 * number that is not finite. An answer without a box is a result, with IoU 0. An error of the model
 * or its runtime throws. The whole image counts, not only the centre square.
 *
 * @param model An open model; the method's `close()` closes it.
 * @param rule Rule for comparing a prediction with several ground-truth boxes; `union` by default.
 */
export function boxMethod(model: BoxModel, rule?: BoxRule): Method {
  return {
    ground(source, options = {}) {
      const images = decode(source, { ...options, view: "whole" });
      const scored = flatMapFlow(images, "ground", async function* (image) {
        for await (const flow of askModel(model, image, options)) {
          if (flow.kind === "dropped") {
            yield flow;
            continue;
          }
          const { sample: asked, answer: { boxes, confidence, notes = [], details } } = flow.item;
          const wrong = [boxes, confidence ?? []].flat(2).find((value) => !Number.isFinite(value));
          if (wrong !== undefined) {
            const name = `the boxes of ${quote(asked.phrase)}`;
            const reason = `Cannot read ${name}: expected finite numbers, got ${wrong}`;
            yield failed("ground", asked, new InputRangeError(reason));
            continue;
          }
          const sample = withNotes(asked, notes);
          const facts = { ...(confidence && { confidence }), ...(details && { details }) };
          yield scorePhrase({ sample, predicted: boxes, ...facts }, image, rule, options.protocols);
        }
      }, options);
      return countSamples(scored, options.done, (count) => options.onProgress?.(count));
    },
    close: async () => await model.close?.(),
  };
}
