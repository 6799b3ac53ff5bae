/**
 * Options of the stages after the model. They have their own module because these stages need no
 * model.
 *
 * @module
 */

import type { Flags } from "./flags.ts";
import { BOX_PROTOCOLS, NEGATIVE_PROTOCOLS, PROTOCOLS } from "../../scoring/protocols.ts";

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
