import type { UnetConfig } from "./unet_config.ts";

/** Parts of the weights' names that differ between libraries. */
export interface UnetNames {
  /** End of a convolution's name. */
  readonly conv: string;
  /** The two linear layers of the time embedding. */
  readonly time: readonly [first: string, second: string];
  /** The convolution beside a residual block, where its channels change. */
  readonly shortcut: string;
  /** The convolution that halves the size, behind its level's name. */
  readonly downsampler: string;
  /** The convolution after the size is doubled, behind its level's name. */
  readonly upsampler: string;
  /** The residual block, spatial transformer and residual block of the middle. */
  readonly middle: readonly [first: string, attention: string, second: string];
  /** The two linear layers of a transformer's MLP. */
  readonly mlp: readonly [first: string, second: string];
  /** The group norm and the convolution at the end. */
  readonly end: readonly [norm: string, conv: string];
}

/** The naming of each library. */
export const UNET_NAMINGS = {
  monai: {
    conv: ".conv",
    time: ["time_embed.0", "time_embed.2"],
    shortcut: "skip_connection",
    downsampler: "downsampler.op",
    upsampler: "upsampler.conv",
    middle: ["middle_block.resnet_1", "middle_block.attention", "middle_block.resnet_2"],
    mlp: ["ff.linear1", "ff.linear2"],
    end: ["out.0", "out.2"],
  },
  diffusers: {
    conv: "",
    time: ["time_embedding.linear_1", "time_embedding.linear_2"],
    shortcut: "conv_shortcut",
    downsampler: "downsamplers.0.conv",
    upsampler: "upsamplers.0.conv",
    middle: ["mid_block.resnets.0", "mid_block.attentions.0", "mid_block.resnets.1"],
    mlp: ["ff.net.0.proj", "ff.net.2"],
    end: ["conv_norm_out", "conv_out"],
  },
} as const satisfies Record<NonNullable<UnetConfig["names"]>, UnetNames>;
