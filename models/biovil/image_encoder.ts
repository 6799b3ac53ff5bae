/**
 * The image encoders of BioViL and BioViL-T as ONNX graphs, with the tensor
 * names of hi-ml-multimodal.
 *
 * @module
 */

import { type Graph, GraphBuilder, type Value } from "../onnx/graph.ts";
import { batchNorm, conv, maxPool } from "../onnx/image_ops.ts";
import { add, concat, expand, l2Normalize, relu, sizeOf } from "../onnx/ops.ts";

/** Architecture of an image encoder. */
export interface ImageEncoderConfig {
  /** Channels after the first convolution. */
  readonly stem: number;
  /** Channels inside the first stage's bottlenecks; each further stage has twice as many. */
  readonly width: number;
  /** Channels after the first stage; each further stage has twice as many. */
  readonly channels: number;
  /** Bottlenecks of each stage. */
  readonly blocks: readonly number[];
  /**
   * Channels of the reduced patches, and of the embedding that replaces the missing previous
   * image. Only BioViL-T has them.
   */
  readonly temporal?: number;
  /** Channels of a projected patch. */
  readonly joint: number;
}

/** ResNet-50 (He et al., "Deep Residual Learning for Image Recognition", table 1). */
export const RESNET50 = { stem: 64, width: 64, channels: 256, blocks: [3, 4, 6, 3] } as const;

/** Pixels along a side of a patch. */
export const PATCH = 32;

/**
 * Name prefixes of published tensors that no heatmap needs: ResNet's classifier, downstream
 * classifiers, and the pooler that compares with a previous image.
 */
export const IMAGE_SKIPPED = ["encoder.encoder.fc.", "encoder.vit_pooler.", "classifier."];

/** Name ending of the tensor that counts the batches of a batch norm. */
export const IMAGE_COUNTER = ".num_batches_tracked";

interface Convolution {
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
}

/**
 * Builds the graph from an image to projected patches.
 *
 * The input is `image` `[1, 1, size, size]` in 0..1. The output is `patches`
 * `[1, joint, size / 32, size / 32]`, each patch of length 1 along the channels.
 */
export function buildImageEncoder(config: ImageEncoderConfig, size: number): Graph {
  const g = new GraphBuilder("image_encoder");
  const trunk = "encoder.encoder";
  const normed = (x: Value, name: string, norm: string, options: Convolution) =>
    batchNorm(g, conv(g, x, `${trunk}.${name}`, { ...options, bias: false }), `${trunk}.${norm}`);

  const image = g.input("image", "float32", [1, 1, size, size]);
  let x = concat(g, [image, image, image], 1); // [1, 3, size, size]
  x = relu(g, normed(x, "conv1", "bn1", { channels: config.stem, kernel: 7, stride: 2 }));
  x = maxPool(g, x); // [1, stem, size / 4, size / 4]
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
  } // [1, channels * 8, size / 32, size / 32]
  if (config.temporal) {
    x = conv(g, x, "encoder.backbone_to_vit", {
      channels: config.temporal,
      kernel: 1,
      bias: false,
    });
    const missing = g.weight("encoder.missing_previous_emb", [1, config.temporal, 1, 1]);
    const side = sizeOf(x, 2);
    x = concat(g, [x, expand(g, missing, [1, config.temporal, side, side])], 1);
  }
  const options = { channels: config.joint, kernel: 1 };
  x = conv(g, x, "projector.model.0", { ...options, bias: false });
  x = relu(g, batchNorm(g, x, "projector.model.1"));
  x = conv(g, x, "projector.model.3", options); // [1, joint, size / 32, size / 32]
  g.output(l2Normalize(g, x, 1), "patches");
  return g.build();
}
