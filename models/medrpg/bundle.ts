import { InputSyntaxError } from "../../base/errors.ts";
import { quote } from "../../base/text.ts";
import {
  type Checkpoint,
  fitTensors,
  ignoring,
  rowsOf,
  type TensorEntry,
} from "../checkpoint/mod.ts";
import { hashFiles, namingFolder, requireFolder } from "../model_files.ts";
import type { Graph } from "../onnx/graph.ts";
import { openWeights } from "../open_weights.ts";
import { BERT_SKIPPED } from "../text/bert.ts";
import { readVocabularyFile } from "../text/open_text.ts";
import { createBertTokenizer } from "../text/word_pieces.ts";
import type { EncodedPhrase } from "../tokenizer.ts";
import { type MedrpgConfig, medrpgConfig, TEXT_PREFIX } from "./config.ts";
import {
  buildImageGraph,
  buildPhraseGraph,
  checkpointShapes,
  type FeatureOptions,
  placeOf,
} from "./networks.ts";

/** Name of the published checkpoint (`demo.py` of the released code). */
const WEIGHTS = "MedMPG_MS_CXR.pth";

/** End of names of counters that tools of measurement leave, and of a batch norm's counter. */
const COUNTERS = /(^|\.)(total_ops|total_params|num_batches_tracked)$/;

/** MedRPG on disk: checked, without its weights in memory. */
export interface MedrpgBundle {
  readonly config: MedrpgConfig;
  /** The checkpoint with its tensors under the names of the graphs. */
  readonly checkpoint: Checkpoint;
  /** Graph of an image. */
  readonly imageGraph: Graph;
  /** Graph of a phrase. */
  readonly phraseGraph: Graph;
  /**
   * Encodes a phrase as the released code does: in lower case, cut after the last position, and
   * padded with 0.
   *
   * @throws {SyntaxError} If the phrase comes to no token.
   */
  encode(phrase: string): EncodedPhrase;
  /** SHA-256 over the checkpoint, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
}

/**
 * Loads MedRPG from its published files. The checkpoint and the vocabulary lie in the folder, or in
 * the subfolders that the released code takes. Loading reads only headers, and checks every
 * tensor's name and shape.
 *
 * @param folder Folder of the files.
 * @throws {NotFound} If the folder or a file is missing.
 * @throws {SyntaxError} If a file is malformed.
 * @throws {RangeError} If the checkpoint holds another architecture.
 */
export async function loadMedrpg(
  folder: string,
  options: FeatureOptions = {},
): Promise<MedrpgBundle> {
  await requireFolder(folder);
  const stored = await openWeights(
    [folder, `${folder}/released_checkpoint`],
    [WEIGHTS],
    "the checkpoint of MedRPG (from the link in the README of eraserNut/MedRPG on GitHub)",
  );
  const config = medrpgConfig(stored);
  const imageGraph = buildImageGraph(config, options);
  const phraseGraph = buildPhraseGraph(config, options);
  const vocabulary = await readVocabularyFile(
    [folder, `${folder}/bert-base-uncased`],
    "the vocabulary of MedRPG (vocab.txt of bert-base-uncased on Hugging Face)",
  );
  const sizes = { positions: config.tokens, vocabulary: config.bert.vocabulary };
  const tokenizer = await namingFolder(folder, () => createBertTokenizer(vocabulary, sizes));
  let hash: Promise<string> | undefined;
  return {
    config,
    checkpoint: await fit(stored, [imageGraph, phraseGraph]),
    imageGraph,
    phraseGraph,
    encode(phrase) {
      const encoded = tokenizer.encode(phrase.toLowerCase());
      const { ids, length } = encoded;
      if (length === 2) {
        throw new InputSyntaxError(`Cannot read phrase ${quote(phrase)}: it comes to no token`);
      }
      return { ...encoded, ids: ids.map((id, i) => i < length ? id : 0), masked: true };
    },
    hash: () => hash ??= hashFiles(stored.files),
  };
}

/** Checks that a checkpoint has exactly the weights of graphs, and gives them the graphs' names. */
async function fit(stored: Checkpoint, graphs: readonly Graph[]): Promise<Checkpoint> {
  const weights = new Map(graphs.flatMap(({ weights }) => [...weights]));
  const beside = ignoring(BERT_SKIPPED.map((prefix) => TEXT_PREFIX + prefix));
  const ignore = (name: string) => beside.ignore(name) || COUNTERS.test(name);
  const fitted = await fitTensors(stored, checkpointShapes(graphs), { ignore });
  const tensors = new Map([...weights].map(([name, shape]): [string, TensorEntry] => {
    const { own, part } = placeOf(name);
    const entry = fitted.tensors.get(own)!;
    return [name, part === undefined ? entry : rowsOf(entry, part * shape[0]!, shape[0]!)];
  }));
  return { ...fitted, tensors };
}
