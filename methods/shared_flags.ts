import type { Flags } from "../base/options.ts";
import { LDM_FLAGS, PART_FLAGS } from "./ldm/flags.ts";

const { weights, steps, seed, cache } = LDM_FLAGS;

/** Options of methods that read attention by words. */
export const PHRASE_FLAGS = {
  ...PART_FLAGS,
  weights,
  steps,
  seed,
  cache,
  words: {
    type: "string",
    placeholder: "WHICH",
    description:
      "Words to read. content takes the words in the dataset's column words, or else all but a stop list; class takes the words that name the sample's class; all takes all. Words with commas between them are taken by name.",
    defaultText: "content for generate-to-ground, all for daam",
  },
} as const satisfies Flags;
