/**
 * Options of what comes after the model; apart from the others, since it needs none.
 *
 * @module
 */

import type { Flags } from "./flags.ts";
import { PROTOCOLS } from "../../scoring/protocols.ts";

/** How heatmaps are finished and scored. */
export const SCORE_FLAGS = {
  sigma: {
    type: "number",
    min: 0,
    max: 32,
    placeholder: "PIXELS",
    description: "Standard deviation of the Gaussian that smooths the heatmap.",
  },
  margin: {
    type: "string",
    choices: ["excluded", "zero"],
    placeholder: "HOW",
    description: "How scores count what lies outside the model's centre square.",
  },
  protocol: {
    type: "list",
    placeholder: "LIST",
    description: `Protocols to score by beside the paper's: some of ${
      Object.keys(PROTOCOLS).join(", ")
    }.`,
  },
} as const satisfies Flags;
