/**
 * The trunk of a bottleneck ResNet as a part of an ONNX graph, with the tensor names of torchvision.
 *
 * @module
 */

import type { GraphBuilder, Value } from "./graph.ts";
import { batchNorm, conv, maxPool } from "./image_ops.ts";
import { add, relu, sizeOf } from "./ops.ts";

/** Architecture of a trunk. */
export interface ResnetConfig {
  /** Channels after the first convolution. */
  readonly stem: number;
  /** Channels inside the first stage's bottlenecks; each further stage has twice as many. */
  readonly width: number;
  /** Channels after the first stage; each further stage has twice as many. */
  readonly channels: number;
  /** Bottlenecks of each stage. */
  readonly blocks: readonly number[];
  /**
   * Epsilon of the batch norms.
   *
   * @default {1e-5}
   */
  readonly epsilon?: number;
}

/** ResNet-50 (He et al., "Deep Residual Learning for Image Recognition", table 1). */
export const RESNET50 = { stem: 64, width: 64, channels: 256, blocks: [3, 4, 6, 3] } as const;

/** Pixels along the side of a cell of the last of four stages. */
export const CELL = 32;

interface Convolution {
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
}

/**
 * Adds the trunk to a graph. The stride is in the middle convolution of a bottleneck, as in
 * torchvision.
 *
 * @param image `[1, 3, height, width]`.
 * @param trunk Prefix of the tensors' names, without the dot.
 * @returns The result of each stage; the first is `[1, channels, height / 4, width / 4]`, and each
 * further stage has twice the channels and half the sides.
 */
export function resnet(
  g: GraphBuilder,
  image: Value,
  config: ResnetConfig,
  trunk: string,
): Value[] {
  const normed = (x: Value, name: string, norm: string, options: Convolution) =>
    batchNorm(
      g,
      conv(g, x, `${trunk}.${name}`, { ...options, bias: false }),
      `${trunk}.${norm}`,
      config.epsilon,
    );
  const stages: Value[] = [];
  let x = relu(g, normed(image, "conv1", "bn1", { channels: config.stem, kernel: 7, stride: 2 }));
  x = maxPool(g, x); // [1, stem, height / 4, width / 4]
  for (const [stage, blocks] of config.blocks.entries()) {
    const [width, channels] = [config.width * 2 ** stage, config.channels * 2 ** stage];
    for (let block = 0; block < blocks; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const plain = { channels: width, kernel: 1 };
      let h = relu(g, normed(x, `${name}.conv1`, `${name}.bn1`, plain));
      h = relu(
        g,
        normed(h, `${name}.conv2`, `${name}.bn2`, { channels: width, kernel: 3, stride }),
      );
      h = normed(h, `${name}.conv3`, `${name}.bn3`, { channels, kernel: 1 });
      const shortcut = stride > 1 || sizeOf(x, 1) !== channels
        ? normed(x, `${name}.downsample.0`, `${name}.downsample.1`, { channels, kernel: 1, stride })
        : x;
      x = relu(g, add(g, h, shortcut));
    }
    stages.push(x);
  }
  return stages;
}
