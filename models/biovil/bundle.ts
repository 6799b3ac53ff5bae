import { InputTypeError } from "../../base/errors.ts";
import { folderOf } from "../../base/paths.ts";
import { type Checkpoint, closestShapes, fitTensors, ignoring } from "../checkpoint/mod.ts";
import {
  firstFile,
  hashFiles,
  namingFolder,
  readJson,
  requireFile,
  requireFolder,
} from "../model_files.ts";
import type { CenterCrop } from "../../base/geometry.ts";
import { openWeights } from "../open_weights.ts";
import { type Graph, tensorsOf } from "../onnx/graph.ts";
import { RESNET50 } from "../onnx/resnet.ts";
import {
  buildImageEncoder,
  IMAGE_COUNTER,
  IMAGE_SKIPPED,
  type ImageEncoderConfig,
} from "./image_encoder.ts";
import { buildTextEncoder, readTextEncoderConfig, type TextEncoderConfig } from "./text_encoder.ts";
import { BERT_SKIPPED } from "../text/bert.ts";
import { readVocabularyFile } from "../text/open_text.ts";
import { createWordPieces, type WordPieces } from "../text/word_pieces.ts";

/** Name of one of the two models, as in options. */
export type BiovilVariant = "biovil" | "biovil-t";

/** The published files of a model, and the crop that it sees. */
export interface Published {
  readonly image: string;
  readonly repository: string;
  readonly revision: string;
  readonly view: CenterCrop;
}

/**
 * The published models. File names and revisions come from
 * `health_multimodal/image/model/pretrained.py`, crops from `image/utils.py`.
 */
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

/** A model on disk: checked, without its weights in memory. */
export interface BiovilBundle {
  /** The crop that the model sees. */
  readonly view: CenterCrop;
  /** Image encoder of the model. */
  readonly image: {
    readonly config: ImageEncoderConfig;
    readonly graph: Graph;
    readonly checkpoint: Checkpoint;
  };
  /** Text encoder of the model. */
  readonly text: {
    readonly config: TextEncoderConfig;
    readonly graph: Graph;
    readonly checkpoint: Checkpoint;
  };
  /** Turns phrases into token ids for the text encoder. */
  readonly wordPieces: WordPieces;
  /** SHA-256 over the weights of both encoders, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
}

/**
 * Loads a model from its published files.
 *
 * The image encoder lies in the folder, or in a subfolder with the name of the model's
 * repository. The text encoder lies in that subfolder, in `text/`, or in the folder itself.
 * Loading reads only headers, and checks every tensor's name and shape.
 *
 * @throws {NotFound} If the folder or a file is missing.
 * @throws {SyntaxError} If a file is malformed.
 * @throws {RangeError} If the weights do not match the architecture.
 * @throws {TypeError} If the path is not a folder, or the text encoder may belong to the other
 * model.
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
  const skipped = ignoring(IMAGE_SKIPPED);
  const imageCheckpoint = await fitTensors(storedImage, tensorsOf(imageGraph), {
    ignore: (name) => skipped.ignore(name) || isCounter(name, imageGraph),
  });

  const configFile = await requireFile(
    [own, `${path}/text`, path].map((folder) => `${folder}/config.json`),
    `the text encoder's configuration of ${variant} ${from}`,
  );
  const folder = folderOf(configFile);
  const others = Object.values(PUBLISHED).filter((other) => other !== published);
  if (folder !== own && await firstFile(others.map(({ image }) => `${path}/${image}`))) {
    throw new InputTypeError(
      `Cannot tell which model the text encoder in "${folder}" belongs to, as both image encoders ` +
        `are in "${path}": put the text encoder of ${variant} into "${own}"`,
    );
  }
  const textConfig = readTextEncoderConfig(await readJson(configFile), `"${configFile}"`);
  const storedText = await openWeights(
    [folder],
    ["model.safetensors", "pytorch_model.bin"],
    `the text encoder's weights of ${variant} ${from}`,
  );
  const textGraph = buildTextEncoder(textConfig);
  const textTensors = tensorsOf(textGraph);
  const textCheckpoint = await fitTensors(storedText, textTensors, ignoring(BERT_SKIPPED));

  if (imageConfig.joint !== textConfig.joint) {
    throw new RangeError(
      `Cannot load model "${path}": "${imageCheckpoint.path}" projects patches to ${imageConfig.joint} ` +
        `channels, but "${textCheckpoint.path}" projects phrases to ${textConfig.joint}`,
    );
  }
  const vocabulary = await readVocabularyFile([folder], `the vocabulary of ${variant} ${from}`);
  const weights = [...imageCheckpoint.files, ...textCheckpoint.files];
  let hash: Promise<string> | undefined;
  return {
    view,
    image: { config: imageConfig, graph: imageGraph, checkpoint: imageCheckpoint },
    text: { config: textConfig, graph: textGraph, checkpoint: textCheckpoint },
    wordPieces: await namingFolder(folder, () => createWordPieces(vocabulary, textConfig)),
    hash: () => hash ??= hashFiles(weights),
  };
}

/** Whether a tensor is the batch counter of a batch norm in the graph. */
function isCounter(name: string, graph: Graph): boolean {
  return name.endsWith(IMAGE_COUNTER) &&
    graph.weights.has(name.slice(0, -IMAGE_COUNTER.length) + ".running_mean");
}

/**
 * Infers the architecture from a checkpoint's shapes, because smaller models have no other
 * description. A checkpoint with ResNet-50's widths must have all blocks of ResNet-50.
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

/** Most channels to accept from a shape; a larger number is ignored. */
const MAX_CHANNELS = 4096;
