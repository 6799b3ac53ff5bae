import { host } from "../../base/host/host.ts";
import { type Checkpoint, closestShapes, fitTensors, type TensorEntry } from "../checkpoint/mod.ts";
import { namingFolder, readText, requireFile, requireFolder } from "../model_files.ts";
import type { Graph } from "../onnx/graph.ts";
import { openWeights } from "../open_weights.ts";
import {
  buildDecoderStep,
  buildEncoder,
  buildImagePart,
  CELL,
  EMBEDDINGS,
  type OmnifmConfig,
  TRUNK,
} from "./networks.ts";
import { createTexts, type Texts } from "./text.ts";

/** A model on disk: checked, without its weights in memory. */
export interface OmnifmBundle {
  readonly config: OmnifmConfig;
  /** Number of coordinates along a side. */
  readonly bins: number;
  readonly texts: Texts;
  /** The graphs, in the order of their runs. */
  readonly graphs: { readonly image: Graph; readonly encoder: Graph; readonly decoder: Graph };
  /** The checkpoint with the graphs' tensors alone. */
  readonly checkpoint: Checkpoint;
  /** Bytes of the weights that the graphs read. */
  readonly bytes: number;
  /** SHA-256 over the weights that the graphs read, in hexadecimal; reads these bytes once. */
  hash(): Promise<string>;
}

/** Usual names of the checkpoint: in the demo, and on the hub. */
const WEIGHTS = ["OmniFM-DR.pth", "omnifmdr.pt"];

/** Place of the files in words, for messages. */
const FROM = "from utils/BPE of github.com/MedHK23/OmniFM-DR";

/** Values that the training script sets, if the checkpoint does not state them. */
const DEFAULTS = { side: 512, bins: 1000, attentionFactor: 2 };

/** Settings that change the networks, with the only value that the graphs compute. */
const NEEDED = {
  cls_token: false,
  interpolate_position: false,
  entangle_position_embedding: false,
  disable_entangle: true,
};

/** Most layers, blocks of a stage, and size of any axis; larger numbers of a file are refused. */
const [MAX_LAYERS, MAX_SIZE] = [128, 2 ** 20];

/**
 * Loads a model from the folder of its published files. Loading reads only headers and the
 * vocabulary, and checks every tensor's name and shape.
 *
 * @throws {NotFound} If the folder or a file is missing.
 * @throws {SyntaxError} If a file is malformed.
 * @throws {RangeError} If the weights do not match the architecture.
 * @throws {TypeError} If the path is not a folder.
 */
export async function loadOmnifm(path: string): Promise<OmnifmBundle> {
  await requireFolder(path);
  const stored = await openWeights([path], WEIGHTS, "the weights of OmniFM-DR");
  const { config, bins, codes } = readConfig(stored);
  const graphs = {
    image: buildImagePart(config),
    encoder: buildEncoder(config),
    decoder: buildDecoderStep(config),
  };
  const weights = new Map(Object.values(graphs).flatMap((graph) => [...graph.weights]));
  const checkpoint = await fitTensors(stored, weights, { ignore: isUnused });
  const read = async (name: string) =>
    await readText(
      await requireFile(
        [`${path}/${name}`, `${path}/utils/BPE/${name}`],
        `the vocabulary of OmniFM-DR (${FROM})`,
      ),
    );
  const files = {
    dictionary: await read("dict.txt"),
    encoder: await read("encoder.json"),
    merges: await read("vocab.bpe"),
  };
  const counts = { rows: config.vocabulary, bins, codes };
  const texts = await namingFolder(path, () => createTexts(files, counts));
  const tensors = [...checkpoint.tensors.values()];
  let hash: Promise<string> | undefined;
  return {
    config,
    bins,
    texts,
    graphs,
    checkpoint,
    bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    hash: () => hash ??= hashTensors(checkpoint.path, tensors),
  };
}

/** A tensor is unused if it is a copy, a counter, or a part for another task. */
function isUnused(name: string): boolean {
  return /^(en|de)coder\.(version|token_rp_bucket|image_rp_bucket|image_position_idx)$/.test(
    name,
  ) ||
    /^decoder\.(embed_tokens|output_projection)\.weight$/.test(name) ||
    /^decoder\.(embed_image_positions|image_pos_ln|code_layernorm_embedding)\./.test(name) ||
    /^decoder\.image_rel_pos_table_list\./.test(name) ||
    /^classification_heads\./.test(name) ||
    /^encoder\.embed_images\..*\.num_batches_tracked$/.test(name);
}

/** Reads the architecture from the checkpoint's shapes, and from the settings beside them. */
function readConfig(
  checkpoint: Checkpoint,
): { config: OmnifmConfig; bins: number; codes: number | undefined } {
  const fail = (reason: string) => new RangeError(`Cannot load "${checkpoint.path}": ${reason}`);
  const shapes = closestShapes(checkpoint, probes());
  const size = (name: string, axis: number) => {
    const found = shapes.get(name)?.[axis];
    if (found !== undefined && found > 0 && found <= MAX_SIZE) return found;
    throw fail(`expected OmniFM-DR, but it has no fitting tensor "${name}"`);
  };
  const count = (name: (i: number) => string) => {
    let length = 0;
    while (shapes.has(name(length))) length++;
    return length;
  };
  if (shapes.has("encoder.cls_token")) {
    throw fail("it has a classification token, which the released code draws anew at every call");
  }
  const number = (name: string, fallback: number) => {
    const value = settingOf(checkpoint, name);
    return typeof value === "number" && value > 0 ? value : fallback;
  };
  for (const [name, value] of Object.entries(NEEDED)) {
    if ((settingOf(checkpoint, name) ?? value) !== value) {
      throw fail(
        `expected the setting ${name} to be ${value}, as in the published training script`,
      );
    }
  }
  const imagePositions = size("encoder.embed_image_positions.weight", 0);
  const imageBucket = Math.sqrt(imagePositions - 1);
  const side = number("patch_image_size", DEFAULTS.side);
  const grid = side / CELL;
  if (!(Number.isInteger(grid) && Number.isInteger(imageBucket) && grid <= imageBucket)) {
    throw fail(`images of ${side} pixels do not fit its ${imagePositions} positions`);
  }
  const width = size(EMBEDDINGS, 1);
  const stack = (part: "encoder" | "decoder") => {
    const heads = size(`${part}.token_rel_pos_table_list.0.weight`, 1);
    if (width % heads !== 0) throw fail(`a width of ${width} does not fall into ${heads} heads`);
    const mlp = size(layerName(part, 0), 0);
    return { heads, mlp, layers: count((layer) => layerName(part, layer)) };
  };
  const layer = "encoder.layers.0";
  return {
    config: {
      trunk: {
        stem: size(`${TRUNK}.conv1.weight`, 0),
        width: size(trunkName(1, 0), 0),
        channels: size(`${TRUNK}.layer1.0.conv3.weight`, 0),
        blocks: [1, 2, 3].map((stage) => count((block) => trunkName(stage, block))),
        // The synchronised norm of the released code has an epsilon of its own.
        epsilon: settingOf(checkpoint, "sync_bn") === true ? 1e-3 : 1e-5,
      },
      width,
      encoder: stack("encoder"),
      decoder: stack("decoder"),
      vocabulary: size(EMBEDDINGS, 0),
      sourcePositions: size("encoder.embed_positions.weight", 0),
      targetPositions: size("decoder.embed_positions.weight", 0),
      imageBucket,
      grid,
      tokenBucket: (size("encoder.token_rel_pos_table_list.0.weight", 0) + 1) / 2,
      attentionFactor: number("attn_scale_factor", DEFAULTS.attentionFactor),
      scaleAttention: shapes.has(`${layer}.attn_ln.weight`),
      scaleMlp: shapes.has(`${layer}.ffn_layernorm.weight`),
      scaleHeads: shapes.has(`${layer}.self_attn.c_attn`),
      imageTables: shapes.has("encoder.image_rel_pos_table_list.0.weight"),
    },
    bins: number("num_bins", DEFAULTS.bins),
    codes: number("code_dict_size", 0) || undefined,
  };
}

function trunkName(stage: number, block: number): string {
  return `${TRUNK}.layer${stage}.${block}.conv1.weight`;
}

function layerName(part: "encoder" | "decoder", layer: number): string {
  return `${part}.layers.${layer}.fc1.weight`;
}

/** Names of the tensors that tell the architecture. */
function probes(): string[] {
  const numbers = Array.from({ length: MAX_LAYERS }, (_, i) => i);
  return [
    EMBEDDINGS,
    "encoder.cls_token",
    "encoder.embed_image_positions.weight",
    ...["encoder", "decoder"].flatMap((part) => [
      `${part}.embed_positions.weight`,
      `${part}.token_rel_pos_table_list.0.weight`,
    ]),
    "encoder.image_rel_pos_table_list.0.weight",
    ...["conv1", "layer1.0.conv3"].map((name) => `${TRUNK}.${name}.weight`),
    ...["attn_ln.weight", "ffn_layernorm.weight", "self_attn.c_attn"]
      .map((name) => `encoder.layers.0.${name}`),
    ...numbers.flatMap((i) => [
      layerName("encoder", i),
      layerName("decoder", i),
      ...[1, 2, 3].map((stage) => trunkName(stage, i)),
    ]),
  ];
}

/** Reads a setting of the task or the model from a checkpoint of fairseq. */
function settingOf({ settings }: Checkpoint, name: string): unknown {
  return settings?.get(`cfg.task.${name}`) ?? settings?.get(`cfg.model.${name}`);
}

/** Bytes per read of a tensor that is hashed. */
const HASH_CHUNK_BYTES = 2 ** 22;

/** SHA-256 over names and bytes of tensors, in the order of the names. */
async function hashTensors(path: string, tensors: readonly TensorEntry[]): Promise<string> {
  const { createHash, files } = host();
  const hash = createHash();
  const chunk = new Uint8Array(HASH_CHUNK_BYTES);
  for (const tensor of tensors.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    using file = await files.open(tensor.path ?? path);
    hash.update(new TextEncoder().encode(`${tensor.name} [${tensor.shape}] ${tensor.dtype}\n`));
    for (let done = 0; done < tensor.byteLength;) {
      const part = chunk.subarray(0, Math.min(chunk.length, tensor.byteLength - done));
      const count = await file.read(tensor.offset + done, part);
      if (count === 0) throw new SyntaxError(`Cannot read "${path}": it is truncated`);
      hash.update(part.subarray(0, count));
      done += count;
    }
  }
  return hash.digest().toHex();
}
