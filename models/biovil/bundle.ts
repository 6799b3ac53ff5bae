/**
 * Finds, reads and checks the published files of BioViL and BioViL-T.
 *
 * @module
 */

import { type Checkpoint, closestShapes, fitTensors } from "../checkpoint/mod.ts";
import {
  firstFile,
  hashFiles,
  readJson,
  readText,
  requireFile,
  requireFolder,
} from "../model_files.ts";
import type { MethodCrop } from "../../base/geometry.ts";
import { openWeights } from "../open_weights.ts";
import type { Graph } from "../onnx/graph.ts";
import {
  buildImageEncoder,
  IMAGE_COUNTER,
  IMAGE_SKIPPED,
  type ImageEncoderConfig,
  RESNET50,
} from "./image_encoder.ts";
import {
  buildTextEncoder,
  readTextEncoderConfig,
  TEXT_SKIPPED,
  type TextEncoderConfig,
} from "./text_encoder.ts";
import { createWordPieces, type WordPieces } from "./word_pieces.ts";

/** Which of the two models. */
export type BiovilVariant = "biovil" | "biovil-t";

/** What was published of a model, and what it sees. */
export interface Published {
  readonly image: string;
  readonly repository: string;
  readonly revision: string;
  readonly view: MethodCrop;
}

/** File names and revisions of `health_multimodal/image/model/pretrained.py`, crops of `image/utils.py`. */
export const PUBLISHED: Readonly<Record<BiovilVariant, Published>> = {
  "biovil": {
    image: "biovil_image_resnet50_proj_size_128.pt",
    repository: "BiomedVLP-CXR-BERT-specialized",
    revision: "v1.1",
    view: { crop: 480, resized: 512 },
  },
  "biovil-t": {
    image: "biovil_t_image_model_proj_size_128.pt",
    repository: "BiomedVLP-BioViL-T",
    revision: "v1.0",
    view: { crop: 448, resized: 512 },
  },
};

/** A model on disk: checked, with nothing of its weights in memory. */
export interface BiovilBundle {
  /** What it sees of an image. */
  readonly view: MethodCrop;
  /** Its image encoder. */
  readonly image: {
    readonly config: ImageEncoderConfig;
    readonly graph: Graph;
    readonly checkpoint: Checkpoint;
  };
  /** Its text encoder. */
  readonly text: {
    readonly config: TextEncoderConfig;
    readonly graph: Graph;
    readonly checkpoint: Checkpoint;
  };
  /** Turns phrases into the ids its text encoder reads. */
  readonly wordPieces: WordPieces;
  /** SHA-256 over the weights of both, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
}

/**
 * Loads a model: its image file and its text encoder's files, side by side in the
 * folder, or with either in a folder of its repository's name (or `text/`) inside.
 * Only headers are read here; every tensor's name and shape is checked.
 *
 * @throws {NotFound} If a file is missing.
 * @throws {SyntaxError} If a file is not what it should be.
 * @throws {RangeError} If the weights do not match the architecture.
 * @throws {TypeError} If the text encoder may be the other model's.
 */
export async function loadBiovil(path: string, variant: BiovilVariant): Promise<BiovilBundle> {
  await requireFolder(path);
  const published = PUBLISHED[variant];
  const { repository, revision, view } = published;
  const from = `(from microsoft/${repository} on Hugging Face, revision ${revision})`;
  const own = `${path}/${repository}`;

  const storedImage = await openWeights(
    [path, own],
    [published.image],
    `the image encoder of ${variant} ${from}`,
  );
  const imageConfig = imageEncoderOf(storedImage, variant, view.crop);
  const imageGraph = buildImageEncoder(imageConfig, view.crop);
  const imageCheckpoint = await strict(
    storedImage,
    imageGraph,
    (name) =>
      IMAGE_SKIPPED.some((prefix) => name.startsWith(prefix)) || isCounter(name, imageGraph),
  );

  const configFile = await requireFile(
    [own, `${path}/text`, path].map((folder) => `${folder}/config.json`),
    `the text encoder's configuration of ${variant} ${from}`,
  );
  const folder = configFile.slice(0, -"/config.json".length);
  const others = Object.values(PUBLISHED).filter((other) => other !== published);
  if (folder !== own && await firstFile(others.map(({ image }) => `${path}/${image}`))) {
    throw new TypeError(
      `Cannot tell which model the text encoder in "${folder}" belongs to, as both image encoders ` +
        `are in "${path}": put that of ${variant} into "${own}"`,
    );
  }
  const textConfig = readTextEncoderConfig(await readJson(configFile), `"${configFile}"`);
  const storedText = await openWeights(
    [folder],
    ["model.safetensors", "pytorch_model.bin"],
    `the text encoder's weights of ${variant} ${from}`,
  );
  const textGraph = buildTextEncoder(textConfig);
  const textCheckpoint = await strict(
    storedText,
    textGraph,
    (name) => TEXT_SKIPPED.some((prefix) => name.startsWith(prefix)),
  );

  if (imageConfig.joint !== textConfig.joint) {
    throw new RangeError(
      `Cannot load model "${path}": "${imageCheckpoint.path}" projects patches to ${imageConfig.joint} ` +
        `channels, but "${textCheckpoint.path}" projects phrases to ${textConfig.joint}`,
    );
  }
  const weights = [...imageCheckpoint.files, ...textCheckpoint.files];
  let hash: Promise<string> | undefined;
  return {
    view,
    image: { config: imageConfig, graph: imageGraph, checkpoint: imageCheckpoint },
    text: { config: textConfig, graph: textGraph, checkpoint: textCheckpoint },
    wordPieces: await openWordPieces(folder, textConfig, `the vocabulary of ${variant} ${from}`),
    hash: () => hash ??= hashFiles(weights),
  };
}

function strict(
  checkpoint: Checkpoint,
  graph: Graph,
  ignore: (name: string) => boolean,
): Promise<Checkpoint> {
  return fitTensors(checkpoint, new Map([...graph.weights, ...graph.unused]), { ignore });
}

/** Whether a tensor counts the batches of a batch norm that is there. */
function isCounter(name: string, graph: Graph): boolean {
  return name.endsWith(IMAGE_COUNTER) &&
    graph.weights.has(name.slice(0, -IMAGE_COUNTER.length) + ".running_mean");
}

/**
 * The architecture that a checkpoint's shapes tell, as smaller models have no other
 * description; of ResNet-50's widths, it is the whole ResNet-50.
 */
function imageEncoderOf(
  checkpoint: Checkpoint,
  variant: BiovilVariant,
  crop: number,
): ImageEncoderConfig {
  const most = { ...RESNET50, joint: 128, ...(variant === "biovil-t" && { temporal: 256 }) };
  const shapes = closestShapes(checkpoint, buildImageEncoder(most, crop).weights.keys());
  const size = (name: string, axis: number, fallback: number) => {
    const found = shapes.get(name)?.[axis];
    return found !== undefined && found > 0 && found <= MAX_CHANNELS ? found : fallback;
  };
  const trunk = "encoder.encoder";
  const stem = size(`${trunk}.conv1.weight`, 0, RESNET50.stem);
  const width = size(`${trunk}.layer1.0.conv1.weight`, 0, RESNET50.width);
  const channels = size(`${trunk}.layer1.0.conv3.weight`, 0, RESNET50.channels);
  const whole = width === RESNET50.width && channels === RESNET50.channels;
  const blocks = RESNET50.blocks.map((most, stage) => {
    if (whole) return most;
    const numbers = Array.from({ length: most }, (_, block) => block);
    const name = (block: number) => `${trunk}.layer${stage + 1}.${block}.conv1.weight`;
    return Math.max(1, numbers.filter((block) => shapes.has(name(block))).length);
  });
  const joint = size("projector.model.3.weight", 0, 128);
  const temporal = size("encoder.backbone_to_vit.weight", 0, 256);
  return { stem, width, channels, blocks, joint, ...(variant === "biovil-t" && { temporal }) };
}

/** Most channels that a shape is believed. */
const MAX_CHANNELS = 4096;

async function openWordPieces(
  folder: string,
  config: TextEncoderConfig,
  what: string,
): Promise<WordPieces> {
  const list = `${folder}/vocab.txt`;
  const file = await requireFile([list, `${folder}/tokenizer.json`], what);
  const kind = file === list ? "vocab.txt" : "tokenizer.json";
  try {
    return createWordPieces({ kind, text: await readText(file) }, config);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`${error.message} in "${folder}"`);
  }
}
