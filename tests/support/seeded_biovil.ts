/**
 * Models in the published layout with random weights: for tests, and for benchmarks at full size.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import { host } from "../../base/host/host.ts";
import { writeFile } from "../../base/host/files.ts";
import { type TensorToWrite, writeSafetensors } from "../../models/checkpoint/mod.ts";
import { elementCount } from "../../models/onnx/graph.ts";
import { type BiovilVariant, PUBLISHED } from "../../models/biovil/bundle.ts";
import { RESNET50 } from "../../models/onnx/resnet.ts";
import { buildImageEncoder, type ImageEncoderConfig } from "../../models/biovil/image_encoder.ts";
import { buildTextEncoder, type TextEncoderConfig } from "../../models/biovil/text_encoder.ts";

/** Architecture of both encoders of a model. */
export interface ModelSize {
  /** Architecture of the image encoder. */
  readonly image: ImageEncoderConfig;
  /** Architecture of the text encoder. */
  readonly text: TextEncoderConfig;
}

/** The published models' architecture: ResNet-50 and BERT-base. */
export const FULL_SIZE: ModelSize = {
  image: { ...RESNET50, temporal: 256, joint: 128 },
  text: {
    vocabulary: 30522,
    hidden: 768,
    layers: 12,
    heads: 12,
    mlp: 3072,
    positions: 512,
    types: 2,
    epsilon: 1e-12,
    joint: 128,
  },
};

/** A small architecture for fast tests; `fixtures/make_fixtures.py` builds the same model. */
export const SMALL_SIZE: ModelSize = {
  image: { stem: 64, width: 8, channels: 128, blocks: [2, 1, 1, 1], temporal: 256, joint: 32 },
  text: {
    ...FULL_SIZE.text,
    vocabulary: 256,
    hidden: 64,
    layers: 2,
    heads: 2,
    mlp: 128,
    positions: 48,
    joint: 32,
  },
};

/**
 * Makes seeded random weights. No weight is neutral, so that a test notices each missing weight.
 * The range of the weights keeps activations near 1.
 */
function seededTensors(
  shapes: Iterable<readonly [string, readonly number[]]>,
  seed: number,
): TensorToWrite[] {
  return [...shapes].map(([name, shape], index) => ({
    name,
    shape,
    data: () => {
      const random = new Random(seed + index);
      const [low, high] = range(name, shape);
      const values = new Float32Array(elementCount(shape));
      return values.map(() => low + (high - low) * random.uniform());
    },
  }));
}

function range(name: string, shape: readonly number[]): [low: number, high: number] {
  if (name.endsWith(".running_var")) return [0.5, 1.5];
  if (shape.length === 1) return name.endsWith(".weight") ? [0.5, 1] : [-0.2, 0.2];
  if (name.includes("embedding") || name.includes("_emb")) return [-1, 1];
  const inputs = elementCount(shape.slice(1));
  const gain = /\.(query|key)\./.test(name) ? 2 : Math.SQRT2; // √2 offsets a ReLU's loss
  const most = gain * Math.sqrt(3 / inputs);
  return [-most, most];
}

/**
 * Writes a model with random weights, including published heads that no heatmap needs.
 *
 * @param folder Folder of the files; made if it does not exist. The caller adds the vocabulary.
 * @param variant Name of the model to write.
 * @param size Architecture of the model.
 */
export async function writeSeededModel(
  folder: string,
  variant: BiovilVariant,
  size: ModelSize,
): Promise<void> {
  await host().files.makeFolder(folder);
  const { image: file, view } = PUBLISHED[variant];
  const { temporal, ...single } = size.image;
  const image = buildImageEncoder(variant === "biovil" ? single : size.image, view.crop).weights;
  await writeSafetensors(
    `${folder}/${file}`,
    seededTensors([
      ...image,
      ["encoder.encoder.fc.weight", [1000, size.image.channels * 8]],
      ["encoder.encoder.fc.bias", [1000]],
      ["encoder.encoder.bn1.num_batches_tracked", []],
      ...variant === "biovil-t"
        ? [["encoder.vit_pooler.type_embed", [2, 1, temporal!]] as const]
        : [],
    ], 1),
  );
  const text = buildTextEncoder(size.text).weights;
  await writeSafetensors(
    `${folder}/model.safetensors`,
    seededTensors([
      ...text,
      ["bert.embeddings.position_ids", [1, size.text.positions]],
      ["cls.predictions.bias", [size.text.vocabulary]],
    ], 1001),
  );
  const { text: bert } = size;
  const config = JSON.stringify({
    model_type: "cxr-bert",
    vocab_size: bert.vocabulary,
    hidden_size: bert.hidden,
    num_hidden_layers: bert.layers,
    num_attention_heads: bert.heads,
    intermediate_size: bert.mlp,
    hidden_act: "gelu",
    max_position_embeddings: bert.positions,
    type_vocab_size: bert.types,
    layer_norm_eps: bert.epsilon,
    projection_size: bert.joint,
  });
  await writeFile(`${folder}/config.json`, new TextEncoder().encode(config));
}
