/**
 * Options of the diffusion model.
 *
 * @module
 */

import type { Flags } from "../../base/options.ts";
import { WEIGHT_TYPES } from "../../models/ldm/weights.ts";
import { ATTENTION_RANGES } from "../../pipeline/attention_grid.ts";
import { DEFAULT_FINISH } from "../../pipeline/postprocess.ts";
import { NOISE_KINDS, TOKEN_KINDS } from "../../pipeline/settings/settings.ts";
import { MAX_SIGMA } from "../../shaders/gaussian_cpu.ts";

/** Option of the Gaussian, for commands that finish heatmaps. */
export const SIGMA_FLAG = {
  type: "number",
  min: 0,
  max: MAX_SIGMA,
  placeholder: "PIXELS",
  description: "Standard deviation of the Gaussian that smooths the heatmap.",
} as const;

/** Options of every command that runs the model. */
export const LDM_FLAGS = {
  "text-encoder": {
    type: "string",
    placeholder: "DIR",
    description: "Folder of the text encoder and tokenizer, when the model's folder has none.",
  },
  weights: {
    type: "string",
    choices: WEIGHT_TYPES,
    default: "float32",
    placeholder: "TYPE",
    description:
      "What weights are kept as; float16 takes half the GPU's memory, differs a little and needs --runtime webgpu.",
  },
  layers: {
    type: "string",
    placeholder: "LIST",
    description: "Cross-attention layers to read, counted from 0, such as 3,4,6,7 or 3-7, or all.",
    defaultText: "3,4,6,7; the bundled model states its own",
  },
  steps: {
    type: "integer",
    min: 1,
    placeholder: "T",
    description: "Number of inversion steps T, which spaces the timesteps.",
    defaultText: "300; the bundled model states its own",
  },
  select: {
    type: "string",
    placeholder: "RANGE",
    description:
      "Steps to read attention at, half-open: indices such as 120..180, or shares of T such as 40%..60%.",
    defaultText: "the middle fifth, 120..180 of 300; the bundled model states its own",
  },
  sigma: { ...SIGMA_FLAG, default: DEFAULT_FINISH.sigma },
  otsu: {
    type: "boolean",
    default: true,
    description: "Leave the heatmap whole: do not cut it at Otsu's threshold.",
  },
  tokens: {
    type: "string",
    choices: TOKEN_KINDS,
    default: "phrase",
    placeholder: "WHICH",
    description:
      "Tokens to average: the phrase's own; its start and end tokens (ends) too; those from the first to the last of its class name, for datasets with classes (class); or these without the last of several, as the released code has them (class-released).",
  },
  noise: {
    type: "string",
    choices: NOISE_KINDS,
    default: "inversion",
    placeholder: "KIND",
    description:
      "Where noisy latents come from: DDIM inversion, the reverse process after it, or a sample of Gaussian noise.",
  },
  seed: {
    type: "integer",
    min: 0,
    default: 0,
    placeholder: "N",
    description: "Seed of what is random: the Gaussian noise of --noise sample.",
  },
  cache: {
    type: "string",
    placeholder: "DIR",
    description:
      "Folder to keep noisy latents in, so that other phrases, layers or smoothing of an image take only the phrases' passes.",
  },
} as const satisfies Flags;

/** Options of `eval`. */
export const LDM_EVAL_FLAGS = {
  ablate: {
    type: "boolean",
    description:
      "Score the settings of the paper's Table II from the same passes: all, middle or the chosen layers, all or the middle steps, with and without Otsu.",
  },
  setting: {
    type: "list",
    placeholder: "NAME:LAYERS:STEPS:OTSU",
    description:
      "Score this setting beside the one that the other options choose, or with --ablate beside Table II's; such as mine:3-7:40%..60%:otsu, where STEPS may be all and OTSU none. May be given several times.",
  },
} as const satisfies Flags;

/** Options of `ground`. */
export const LDM_GROUND_FLAGS = {
  attention: {
    type: "string",
    choices: ATTENTION_RANGES,
    placeholder: "STEPS",
    description:
      "Write attention.svg and attention.png too: each cross-attention layer's attention by step, at all steps or at the selected ones. With all the U-Net runs at every step, for the image and again for each phrase.",
    defaultText: "neither",
  },
  "attention-columns": {
    type: "integer",
    min: 1,
    max: 50,
    placeholder: "N",
    description: "Columns of --attention: groups of neighbouring steps.",
    defaultText: "10",
  },
} as const satisfies Flags;
