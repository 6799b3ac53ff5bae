import "../../base/host/deno/mod.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { EXPECTED, FIXTURES } from "../biovil/fixtures/expected.ts";
import { createWordPieces } from "./word_pieces.ts";

const TEXT = Deno.readTextFileSync(`${FIXTURES}/vocab.txt`);
const SIZES = { positions: 48, vocabulary: 256 };
const LIST = { kind: "vocab.txt", text: TEXT } as const;

for (const kind of ["vocab.txt", "tokenizer.json"] as const) {
  Deno.test(`createWordPieces() gives the reference ids for every phrase from ${kind}`, () => {
    const vocab = Object.fromEntries(TEXT.trimEnd().split("\n").map((token, id) => [token, id]));
    const text = kind === "vocab.txt"
      ? TEXT
      : JSON.stringify({ model: { type: "WordPiece", vocab } });
    const wordPieces = createWordPieces({ kind, text }, SIZES);
    for (const { phrase, ids } of EXPECTED.phrases) {
      assertEquals(wordPieces.encode(phrase), ids, JSON.stringify(phrase));
    }
  });
}

Deno.test("createWordPieces() refuses phrases that the text encoder cannot read", () => {
  const wordPieces = createWordPieces(LIST, { ...SIZES, positions: 6 });
  assertEquals(wordPieces.encode("left left left left").length, 6);
  const message =
    'phrase "left left left left left": it has 7 tokens, and the text encoder takes 6';
  assertThrows(() => wordPieces.encode("left left left left left"), RangeError, message);
  assertThrows(() => wordPieces.encode("left [SEP] lung"), SyntaxError, '"[SEP]" has a meaning');
});

Deno.test("createWordPieces() names the fault of its file", () => {
  const json = (text: string) => ({ kind: "tokenizer.json", text }) as const;
  assertThrows(() => createWordPieces(LIST, { ...SIZES, vocabulary: 99 }), SyntaxError, "below 99");
  const bare = { kind: "vocab.txt", text: "[PAD]\n[UNK]\n[CLS]\n" } as const;
  assertThrows(() => createWordPieces(bare, SIZES), SyntaxError, 'no token "[SEP]"');
  assertThrows(() => createWordPieces(json("{"), SIZES), SyntaxError, "not valid JSON");
  for (const text of ["null", "{}", '{"model": {"type": "BPE", "vocab": {"a": 1}}}']) {
    assertThrows(() => createWordPieces(json(text), SIZES), SyntaxError, "a WordPiece model");
  }
  const wrong = json('{"model": {"type": "WordPiece", "vocab": {"a": "1"}}}');
  assertThrows(() => createWordPieces(wrong, SIZES), SyntaxError, 'got "1" for "a"');
});

// The ids are from BertTokenizer of transformers 4.57.6 with the same vocabulary.
const SPECIAL_CASES: readonly (readonly [phrase: string, ids: readonly number[]])[] = [
  ["left [MASK]s \u00adlung", [2, 102, 4, 23, 104, 3]],
  ["l\ue000eft\u200b lung\u0378 \ufffd", [2, 102, 104, 3]],
  ["a\u00a0b\u3000c\u2028d\re\x07f", [2, 5, 6, 7, 8, 9, 36, 3]],
  ["B\u00c9TE be\u0301te \u03b2", [2, 6, 35, 50, 35, 6, 35, 50, 35, 94, 3]],
  ["肺炎 [mask] １", [2, 1, 1, 1, 17, 31, 49, 41, 1, 1, 3]],
];

Deno.test("createWordPieces() reads [MASK] and invisible characters as transformers does", () => {
  const wordPieces = createWordPieces(LIST, SIZES);
  for (const [phrase, right] of SPECIAL_CASES) {
    assertEquals(wordPieces.encode(phrase), right, JSON.stringify(phrase));
  }
});

Deno.test("createWordPieces() notes the words that its vocabulary lacks", () => {
  const wordPieces = createWordPieces(LIST, SIZES);
  assertEquals(wordPieces.notes("left pleural [MASK] L4, 10 mm"), []);
  assertEquals(wordPieces.notes("Zqx 肺 zqx"), [
    'the tokenizer does not know "肺" and reads "[UNK]" instead',
    'the tokenizer reads "Zqx" and "zqx" letter by letter',
  ]);
});

Deno.test("createWordPieces() reads a list with the line ends of Windows", () => {
  const text = TEXT.replaceAll("\n", "\r\n");
  const wordPieces = createWordPieces({ kind: "vocab.txt", text }, SIZES);
  assertEquals(wordPieces.encode("left lung"), createWordPieces(LIST, SIZES).encode("left lung"));
});
