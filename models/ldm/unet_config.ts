import type { Fields } from "../json_fields.ts";

/**
 * Architecture of a U-Net with text conditioning: MONAI's DiffusionModelUNet, or with the optional
 * fields diffusers' UNet2DConditionModel. Lists have one entry per level, finest first.
 */
export interface UnetConfig {
  /** Channels of the latent. */
  readonly inChannels: number;
  /** Channels of the prediction. */
  readonly outChannels: number;
  /** Channels of each level, finest first. */
  readonly channels: readonly number[];
  /** Residual blocks of each level on the way down; the way up has one more per level. */
  readonly residualBlocks: readonly number[];
  /** Whether each level attends to itself and to the text. */
  readonly attentionLevels: readonly boolean[];
  /**
   * The same for the way up.
   *
   * @default {The levels of the way down}
   */
  readonly upAttentionLevels?: readonly boolean[];
  /**
   * The coarsest level ends in residual block, spatial transformer, residual block.
   *
   * @default {true}
   */
  readonly middle?: boolean;
  /** Channels of one attention head at each level. */
  readonly headChannels: readonly number[];
  /**
   * A linear layer follows each self-attention (`include_fc`).
   *
   * @default {true}
   */
  readonly selfAttentionProjection?: boolean;
  /** Transformer blocks in each spatial transformer, or for each level; the middle has the last. */
  readonly transformerLayers: number | readonly number[];
  /**
   * Spatial transformers project tokens by linear layers, not pixels by convolutions.
   *
   * @default {false}
   */
  readonly linearProjection?: boolean;
  /** Width of the text embeddings. */
  readonly contextChannels: number;
  /** Whether residual blocks that pool or repeat pixels join the levels; else convolutions do. */
  readonly residualUpdown: boolean;
  /** Groups of every group norm. */
  readonly groups: number;
  /** Epsilon of every group norm. */
  readonly epsilon: number;
  /**
   * Epsilon of the group norms of spatial transformers.
   *
   * @default {The epsilon of every group norm}
   */
  readonly transformerEpsilon?: number;
  /**
   * The timestep's sinusoids: their order, and the number that reduces the divisor of their
   * exponents.
   *
   * @default {Cosines first, and 0}
   */
  readonly sinusoids?: { readonly sineFirst: boolean; readonly shift: number };
  /**
   * Library that names the weights.
   *
   * @default {"monai"}
   */
  readonly names?: "monai" | "diffusers";
}

/** Most residual blocks of one level. */
export const MAX_BLOCKS = 16;

/** Most transformer blocks on the way down, because each is built; Stable Diffusion XL has 24. */
export const MAX_LAYERS = 256;

/**
 * Refuses an architecture with too many transformer blocks.
 *
 * @param fields The file, for the message.
 * @param residualBlocks Residual blocks of each level on the way down.
 * @param transformerLayers Transformer blocks in each spatial transformer of a level.
 * @throws {SyntaxError} If there are more than {@linkcode MAX_LAYERS}.
 */
export function requireFewLayers(
  fields: Fields,
  residualBlocks: readonly number[],
  transformerLayers: readonly number[],
): void {
  const layers = residualBlocks.reduce((sum, n, level) => sum + n * transformerLayers[level]!, 0);
  if (layers <= MAX_LAYERS) return;
  throw fields.error(`it has ${layers} transformer layers, expected at most ${MAX_LAYERS}`);
}
