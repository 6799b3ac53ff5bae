import { type Flags, UsageError } from "../../base/options.ts";
import { BOX_CHOICES } from "../../models/omnifm/answer.ts";
import { loadOmnifm } from "../../models/omnifm/bundle.ts";
import { DECODINGS, openOmnifm } from "../../models/omnifm/omnifm.ts";
import { requireMemory } from "../../models/omnifm/sessions.ts";
import { PHRASE, PROMPTS } from "../../models/omnifm/text.ts";
import { BOX_EVAL_FLAGS, boxMethod, type BoxValues } from "../box_method.ts";
import { boxRule } from "../boxes/score_boxes.ts";
import { trainingOf } from "../training_of.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";

const FLAGS = {
  "prompt": {
    type: "string",
    placeholder: "TEXT",
    description: `Whole instruction for OmniFM-DR; the phrase replaces ${PHRASE} in it.`,
    defaultText: "the wording of --prompt-style",
  },
  "prompt-style": {
    type: "string",
    choices: Object.keys(PROMPTS),
    default: "demo",
    placeholder: "STYLE",
    description: `Way to read the instruction, each with a wording. demo: "${PROMPTS.demo}" ` +
      `training: "${PROMPTS.training}"`,
  },
  "decoding": {
    type: "string",
    choices: Object.keys(DECODINGS),
    default: "demo",
    placeholder: "RULES",
    description:
      "Answers of OmniFM-DR. demo: at most 200 tokens, no three of them in a row twice. " +
      "training: exactly four tokens, as in the evaluation during its training.",
  },
  "answer-boxes": {
    type: "string",
    choices: BOX_CHOICES,
    default: "all",
    placeholder: "WHICH",
    description:
      "Boxes of the best answer. all: each four coordinates are a box. first: the first " +
      "box, and no box if coordinates are left over, as the demo draws.",
  },
} as const satisfies Flags;

/** The registry's row of OmniFM-DR (Xu et al., arXiv 2311.01092). */
export const OMNIFM = {
  label: "OmniFM-DR",
  gives: "boxes",
  source: { option: "model", needs: "the folder of its published files" },
  flags: FLAGS,
  evalFlags: BOX_EVAL_FLAGS,
  trained: () => trainingOf("omnifm-dr"),
  choose: chooseOmnifm,
} as const satisfies MethodRow<typeof FLAGS>;

async function chooseOmnifm(
  folder: string,
  values: BoxValues<typeof FLAGS>,
  { backend, warn }: MethodContext,
): Promise<ChosenMethod> {
  const style = values["prompt-style"] as keyof typeof PROMPTS;
  const decoding = values.decoding as keyof typeof DECODINGS;
  const boxes = values["answer-boxes"];
  const prompt = values.prompt ?? PROMPTS[style];
  if (prompt.trim() === "") throw new UsageError('Option "--prompt" is empty');
  if (!prompt.includes(PHRASE)) {
    warn(`The prompt "${prompt}" has no ${PHRASE}, so the answer is the same for each phrase.`);
  }
  const { runtime } = await backend();
  const bundle = await loadOmnifm(folder);
  requireMemory(bundle, runtime);
  const sha256 = await bundle.hash();
  const rule = values["box-rule"] && boxRule(values["box-rule"]);
  return {
    facts: {
      ...(rule && { rule }),
      ...{ prompt, promptStyle: style, decoding, answerBoxes: boxes },
      model: { sha256 },
    },
    source: { model: { path: folder, sha256 } },
    open: async () =>
      boxMethod(
        await openOmnifm(bundle, runtime, {
          style,
          prompt,
          decoding: DECODINGS[decoding],
          boxes,
        }),
        rule,
      ),
  };
}
