/**
 * Fuzz target for phrases: any text, as the tokenizers of the models read it.
 *
 * @module
 */

import { createWordPieces } from "../../models/text/word_pieces.ts";
import { createTokenizer, phraseNotes } from "../../models/tokenizer.ts";
import { join, pick } from "./mutate.ts";
import { Broken, requireSentence, type Target } from "./target.ts";

const read = (path: string) =>
  Deno.readTextFileSync(new URL(`../../models/${path}`, import.meta.url));

const CLIP = createTokenizer({
  vocab: read("demo/tokenizer/vocab.json"),
  merges: read("demo/tokenizer/merges.txt"),
});
const SIZES = { positions: 40, vocabulary: 30_522 };
const BERT = createWordPieces(
  { kind: "vocab.txt", text: read("biovil/fixtures/vocab.txt") },
  SIZES,
);

/** Parts of phrases: words, tokens with a meaning, rare scripts, halves of characters. */
const PARTS = [
  ..."left,pleural effusion,LUNG, ,. ,!,1,é,e\u0301,肺,👩‍⚕️,\ufb01,İ,ß,\u1ffb,[MASK],[CLS]".split(
    ",",
  ),
  ...["<|startoftext|>", "<|ENDOFTEXT|>", "[unk]", "##ing", "constructor", "__proto__", ","],
  ...["\ud83d", "\udc69", "\ufffd", "\ufeff", "\u202e", "\u0000", "\n", "\u2028", "\uffff"],
  ..."\u0307 \u0e33 \uac00 \u1100\u1161 \u0130".split(" "),
  ...["a".repeat(300), "'s", "x'll", "-", "\ue000", "\u{e0001}", "\u{10ffff}"],
];

/** The fuzz target for phrases. */
export const PHRASE_TARGET: Target = {
  name: "phrase",
  share: 5,
  isOfSample: true,
  // Two bytes a character, since UTF-8 has no halves of characters.
  make(random) {
    const text = Array.from({ length: random.integer(0, 30) }, () => pick(random, PARTS)).join("");
    const noise = () => random.integer(0, 0xffff);
    const units = Uint16Array.from(text, (_, i) => text.charCodeAt(i));
    if (units.length > 0) units[random.integer(0, units.length - 1)] = noise();
    return join(new Uint8Array(units.buffer));
  },
  read(bytes) {
    const phrase = String.fromCharCode(...new Uint16Array(bytes.buffer, 0, bytes.length >> 1));
    const encoded = CLIP.encode(phrase);
    phraseNotes(encoded).forEach(requireSentence);
    const isId = (size: number) => (id: number) => Number.isInteger(id) && id >= 0 && id < size;
    if (encoded.ids.length !== CLIP.positions || !encoded.ids.every(isId(2 ** 31))) {
      throw new Broken(`a phrase became the ids ${encoded.ids}`);
    }
    BERT.notes(phrase).forEach(requireSentence);
    const ids = BERT.encode(phrase);
    if (ids.length > SIZES.positions || !ids.every(isId(SIZES.vocabulary))) {
      throw new Broken(`a phrase became the ids ${ids}`);
    }
    return Promise.resolve();
  },
};
