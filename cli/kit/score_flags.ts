/**
 * Options of the stages after the model. They have their own module because these stages need no
 * model.
 *
 * @module
 */

import { LABEL, TEMPLATES } from "../../datasets/layouts/detection.ts";
import type { Flags } from "./flags.ts";
import { BOX_PROTOCOLS, NEGATIVE_PROTOCOLS, PROTOCOLS } from "../../scoring/protocols.ts";

/** Options that ask an image for classes in place of phrases. */
export const CLASS_FLAGS = {
  classes: {
    type: "list",
    placeholder: "LIST",
    description:
      "Ask each image for these classes in place of phrases: all, or names with commas between them.",
  },
  template: {
    type: "string",
    placeholder: "TEXT",
    description: `Phrase of a class, with ${LABEL} in its place: ${
      TEMPLATES.map((template) => `"${template}"`).join(", ")
    }, or one of your own.`,
    defaultText: `"${TEMPLATES[0]}"`,
  },
} as const satisfies Flags;

/** Options for scoring heatmaps. */
export const SCORE_FLAGS = {
  margin: {
    type: "string",
    choices: ["excluded", "zero"],
    placeholder: "HOW",
    description:
      "Pixels outside the model's centre square: scores leave them out (excluded) or count them as 0 (zero).",
  },
  protocol: {
    type: "list",
    placeholder: "LIST",
    description: `Protocols to score by, beside the paper's: some of ${
      Object.keys(PROTOCOLS).join(", ")
    }. Of these ${
      new Intl.ListFormat("en").format(BOX_PROTOCOLS)
    } need boxes as ground truth; the others take masks too. ${
      new Intl.ListFormat("en").format(NEGATIVE_PROTOCOLS)
    } also read a dataset's phrases with nothing to find.`,
  },
} as const satisfies Flags;
