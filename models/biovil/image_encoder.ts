/**
 * The image encoders of BioViL and BioViL-T as ONNX graphs, with the tensor
 * names of hi-ml-multimodal.
 *
 * @module
 */

import { type Graph, GraphBuilder } from "../onnx/graph.ts";
import { batchNorm, conv } from "../onnx/image_ops.ts";
import { concat, expand, l2Normalize, relu, sizeOf } from "../onnx/ops.ts";
import { resnet, type ResnetConfig } from "../onnx/resnet.ts";

/** Architecture of an image encoder. */
export interface ImageEncoderConfig extends ResnetConfig {
  /**
   * Channels of the reduced patches, and of the embedding that replaces the missing previous
   * image. Only BioViL-T has them.
   */
  readonly temporal?: number;
  /** Channels of a projected patch. */
  readonly joint: number;
}

/**
 * Name prefixes of published tensors that no heatmap needs: ResNet's classifier, downstream
 * classifiers, and the pooler that compares with a previous image.
 */
export const IMAGE_SKIPPED = ["encoder.encoder.fc.", "encoder.vit_pooler.", "classifier."];

/** Name ending of the tensor that counts the batches of a batch norm. */
export const IMAGE_COUNTER = ".num_batches_tracked";

/**
 * Builds the graph from an image to projected patches.
 *
 * The input is `image` `[1, 1, size, size]` in 0..1. The output is `patches`
 * `[1, joint, size / 32, size / 32]`, each patch of length 1 along the channels.
 */
export function buildImageEncoder(config: ImageEncoderConfig, size: number): Graph {
  const g = new GraphBuilder("image_encoder");
  const image = g.input("image", "float32", [1, 1, size, size]);
  const channels = concat(g, [image, image, image], 1); // [1, 3, size, size]
  // [1, channels * 8, size / 32, size / 32]
  let x = resnet(g, channels, config, "encoder.encoder").at(-1)!;
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
