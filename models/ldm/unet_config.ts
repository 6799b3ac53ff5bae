/**
 * The architecture of a U-Net.
 *
 * @module
 */

/** Architecture of a DiffusionModelUNet with text conditioning; lists have one entry per level. */
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
  /** Channels of one attention head at each level. */
  readonly headChannels: readonly number[];
  /**
   * A linear layer follows each self-attention (`include_fc`).
   *
   * @default {true}
   */
  readonly selfAttentionProjection?: boolean;
  /** Transformer blocks in each spatial transformer. */
  readonly transformerLayers: number;
  /** Width of the text embeddings. */
  readonly contextChannels: number;
  /** Whether residual blocks that pool or repeat pixels join the levels; else convolutions do. */
  readonly residualUpdown: boolean;
  /** Groups of every group norm. */
  readonly groups: number;
  /** Epsilon of every group norm. */
  readonly epsilon: number;
}
