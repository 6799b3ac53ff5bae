import { type Flags, folderFlag } from "../../base/options.ts";
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

/** Options that name parts of the model, for every command that opens a model. */
export const PART_FLAGS = {
  "text-encoder": folderFlag(
    "Folder of the text encoder and tokenizer, if the model's folder has none.",
  ),
  unet: folderFlag(
    "Folder of the U-Net, in the layout of diffusers, to take in place of the model's; without --model, every part has its own option.",
  ),
  vae: folderFlag(
    "Folder of the autoencoder, in the layout of diffusers, to take in place of the model's.",
  ),
  tokenizer: folderFlag(
    "Folder of the tokenizer, for a model in the layout of diffusers, to take in place of the text encoder's.",
  ),
  scheduler: folderFlag(
    "Folder of scheduler_config.json, for a model in the layout of diffusers, to take in place of the model's.",
  ),
} as const satisfies Flags;

/** Options of every command that runs the model. */
export const LDM_FLAGS = {
  ...PART_FLAGS,
  weights: {
    type: "string",
    choices: WEIGHT_TYPES,
    default: "float32",
    placeholder: "TYPE",
    description:
      "Type of the weights in memory. float16 needs WebGPU or CUDA, halves the GPU memory of the weights, and changes heatmaps a little.",
  },
  layers: {
    type: "string",
    placeholder: "LIST",
    description: "Cross-attention layers to read, counted from 0, such as 3,4,6,7 or 3-7, or all.",
    defaultText:
      "3,4,6,7; the bundled model states its own; in the layout of diffusers, the layers of the second coarsest size, 4,5,7,8,9 in Stable Diffusion",
  },
  steps: {
    type: "integer",
    min: 1,
    placeholder: "T",
    description: "Number of steps T, which spaces the timesteps.",
    defaultText:
      "300 for ldm, the bundled model states its own; 50 for generate-to-ground and daam",
  },
  select: {
    type: "string",
    placeholder: "RANGE",
    description:
      "Steps to read attention at, without the last: indices such as 120..180, or shares of T such as 40%..60%.",
    defaultText: "the middle fifth, 120..180 of 300; the bundled model states its own",
  },
  sigma: { ...SIGMA_FLAG, default: DEFAULT_FINISH.sigma },
  otsu: {
    type: "boolean",
    default: true,
    description: "Keep the whole heatmap: do not cut it at Otsu's threshold.",
  },
  tokens: {
    type: "string",
    choices: TOKEN_KINDS,
    default: "phrase",
    placeholder: "WHICH",
    description:
      "Tokens to average. phrase takes the phrase's own tokens; ends adds the start and end token. content leaves out function words, by a stop list, or takes the words that the dataset names. class takes the tokens from the first to the last of the class name, for datasets with classes. class-released leaves out the last of several such tokens, as the released code does.",
  },
  noise: {
    type: "string",
    choices: NOISE_KINDS,
    default: "inversion",
    placeholder: "KIND",
    description:
      "Source of noisy latents: DDIM inversion, the reverse process after an inversion, or a sample of Gaussian noise.",
  },
  seed: {
    type: "integer",
    min: 0,
    default: 0,
    placeholder: "N",
    description: "Seed of the Gaussian noise: of --noise sample, and of generate-to-ground.",
  },
  cache: folderFlag(
    "Folder to keep noisy latents in, and the attention of --bbm. Later runs with other phrases, layers or smoothing then take only the passes of their phrases.",
  ),
} as const satisfies Flags;

/** Options of `eval`. */
export const LDM_EVAL_FLAGS = {
  ablate: {
    type: "boolean",
    description:
      "Score the settings of the paper's Table II from the same passes. They combine all, middle or chosen layers, all or middle steps, and Otsu or none.",
  },
  setting: {
    type: "list",
    placeholder: "NAME:LAYERS:STEPS:OTSU",
    description:
      "Score this setting too, such as mine:3-7:40%..60%:otsu. STEPS may be all, and OTSU none. The table has the setting of the other options beside it, or Table II's with --ablate. The option may be repeated.",
  },
  keep: {
    type: "string",
    choices: ATTENTION_RANGES,
    placeholder: "STEPS",
    description:
      "Keep the attention of all layers for groups of steps in attention.bin, for deno task tune and rescore: at all steps, which takes a U-Net pass at every step for the image and for each phrase, or at the selected steps. The command states the size before it starts.",
    defaultText: "no attention",
  },
} as const satisfies Flags;

/** Options of `ground`. */
export const LDM_GROUND_FLAGS = {
  attention: {
    type: "string",
    choices: ATTENTION_RANGES,
    placeholder: "STEPS",
    description:
      "Write attention.svg and attention.png too: the attention of each layer at all steps, or at the selected steps. all takes a U-Net pass at every step for the image and for each phrase.",
    defaultText: "no attention",
  },
  "attention-columns": {
    type: "integer",
    min: 1,
    max: 50,
    placeholder: "N",
    description: "Number of columns of --attention; each column is a group of neighbouring steps.",
    defaultText: "10",
  },
} as const satisfies Flags;
