import { assertEquals, assertThrows } from "@std/assert";
import { InputTypeError } from "../../base/errors.ts";
import type { EncodedPhrase, Tokenizer } from "../../models/tokenizer.ts";
import { chooseWords, placeWords, type WordChoice } from "./words.ts";

/** A tokenizer that cuts words into pieces of four letters, and phrases at 10 tokens. */
const TOKENIZER: Tokenizer = {
  positions: 10,
  encode(phrase): EncodedPhrase {
    const pieces = phrase.match(/\S{1,4}/g) ?? [];
    const length = Math.min(pieces.length + 2, 10);
    return { ids: Array.from({ length: 10 }, () => 0), length };
  },
};

/** Returns the chosen words as text and tokens. */
function chosen(phrase: string, choice: WordChoice, more: object = {}) {
  return chooseWords(TOKENIZER, { phrase, ...more }, choice).words
    .map(({ text, tokens }) => `${text} ${tokens}`);
}

Deno.test("words stand after all tokens of the words before them; double spaces count nothing", () => {
  assertEquals(placeWords(TOKENIZER, "left  pleural base"), [
    { text: "left", tokens: [1] },
    { text: "pleural", tokens: [2, 3] },
    { text: "base", tokens: [4] },
  ]);
  // The model reads eight tokens between the start and the end.
  assertEquals(chosen("abcdefgh abcdefgh abcdefgh abcdefgh lost", "all").at(-1), "abcdefgh 7,8");
});

Deno.test("content words are those outside the stop list, or those that the sample names", () => {
  const phrase = "Small effusion, with a 2 cm haze of THE base.";
  assertEquals(chosen("Small haze, a 2 base.", "content"), [
    "Small 1,2",
    "haze, 3,4",
    "base. 7,8",
  ]);
  assertEquals(chosen("of the", "content"), ["of 1", "the 2"]);
  assertEquals(chosen("haze in the base", "content", { words: ["Base"] }), ["base 4"]);
  assertThrows(
    () => chosen(phrase, "content", { words: ["lung"] }),
    InputTypeError,
    'no word "lung"',
  );
});

Deno.test("class words contain a word of the class; named words may stand anywhere", () => {
  const category = { category: "Pleural Effusion" };
  assertEquals(chosen("left pleuraleffusion", "class", category), [
    ...["pleuraleffusion 2,3,4,5", "pleuraleffusion 2,3,4,5"],
  ]);
  assertEquals(chosen("left haze", "class", category), ["left 1", "haze 2"]);
  assertEquals(chosen("haze or haze", ["HAZE"]), ["haze 1", "haze 3"]);
  assertThrows(() => chosen(" ", "all"), InputTypeError, "no word of the phrase");
});
