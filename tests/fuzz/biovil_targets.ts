/**
 * Fuzz targets for the text files of BioViL and BioViL-T.
 *
 * @module
 */

import { readTextEncoderConfig } from "../../models/biovil/text_encoder.ts";
import { createWordPieces } from "../../models/text/word_pieces.ts";
import { chance, mutateBytes, mutateJson, utf8 } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##a", "b", "é", "lung"];
const TOKENIZER = {
  model: { type: "WordPiece", vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])) },
};
const CONFIG = { vocab_size: 64, hidden_size: 64, num_attention_heads: 2, hidden_act: "gelu" };
const SIZES = { positions: 80, vocabulary: 64 };

const vocabulary = (kind: "vocab.txt" | "tokenizer.json", make: Target["make"]): Target => ({
  name: `biovil ${kind}`,
  share: 2,
  make,
  read(bytes) {
    const text = new TextDecoder().decode(bytes);
    const wordPieces = createWordPieces({ kind, text }, SIZES);
    for (const phrase of ["", "ab lung a!", "é\u0000\ud800 " + "ab".repeat(20)]) {
      const ids = wordPieces.encode(phrase);
      if (!ids.every((id) => Number.isInteger(id) && id >= 0 && id < SIZES.vocabulary)) {
        throw new Broken(`a phrase became the ids ${JSON.stringify(ids)}`);
      }
    }
    return Promise.resolve();
  },
});

const config: Target = {
  name: "biovil config.json",
  share: 2,
  make: (random) => utf8(mutateJson(random, CONFIG)),
  read(bytes, folder) {
    const json = JSON.parse(new TextDecoder().decode(bytes));
    return Promise.resolve(readTextEncoderConfig(json, `"${folder}/config.json"`));
  },
};

/** The readers of the text files of BioViL and BioViL-T. */
export const BIOVIL_TARGETS: readonly Target[] = [
  vocabulary("vocab.txt", (random) => mutateBytes(random, utf8(WORDS.join("\n") + "\n"))),
  vocabulary("tokenizer.json", (random) => {
    const bytes = utf8(mutateJson(random, TOKENIZER));
    return chance(random, 0.1) ? mutateBytes(random, bytes) : bytes;
  }),
  config,
];
