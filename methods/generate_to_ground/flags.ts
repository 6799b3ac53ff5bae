/**
 * Options of Generate to Ground.
 *
 * @module
 */

import type { Flags } from "../../base/options.ts";
import { PHRASE_FLAGS } from "../shared_flags.ts";

/** Options of every command that runs the method. */
export const GENERATE_TO_GROUND_FLAGS = {
  ...PHRASE_FLAGS,
  bbm: {
    type: "boolean",
    description:
      "Bimodal bias merging: weigh the map against the biases of image and phrase. It makes an image from each phrase, which takes twice as many U-Net passes again; --cache keeps them.",
  },
} as const satisfies Flags;
