import type { Flags } from "../../base/options.ts";
import { LDM_FLAGS } from "../ldm/flags.ts";
import { PHRASE_FLAGS } from "../shared_flags.ts";

/** Options of every command that runs the method. */
export const DAAM_FLAGS = { ...PHRASE_FLAGS, noise: LDM_FLAGS.noise } as const satisfies Flags;
