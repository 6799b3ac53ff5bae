import { assert, assertEquals, assertThrows } from "@std/assert";
import { createTokenizer } from "./tokenizer.ts";

const REFERENCE = new URL("../../shared/reference/clip-tokenizer/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, REFERENCE));

Deno.test("createTokenizer() gives the reference ids for every phrase", () => {
  const tokenizer = createTokenizer({ vocab: read("vocab.json"), merges: read("merges.txt") });
  const expected: { text: string; ids: number[]; length: number }[] = JSON.parse(
    read("expected.json"),
  );
  for (const { text, ids, length } of expected) {
    const encoded = tokenizer.encode(text);
    // The reference treated "!" as a word; CLIPTokenizer of transformers 4.57.6 treats it as the
    // pad token.
    const right = text.includes("!") ? ids.map((id) => id === 256 ? 0 : id) : ids;
    assertEquals([encoded.ids, encoded.length], [right, length], text);
  }
});

Deno.test("createTokenizer() reads a tokenizer.json, and splits the pad token out of a phrase", () => {
  const vocab = { "!": 0, "!</w>": 1, "a</w>": 2, "<|startoftext|>": 3, "<|endoftext|>": 4 };
  const json = {
    version: "1.0",
    truncation: { max_length: 3 },
    padding: { pad_id: 4 },
    added_tokens: ["!", "<|startoftext|>", "<|endoftext|>"].map((content) => ({
      id: vocab[content as keyof typeof vocab],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: "Lowercase" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: "[^\\s]" }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: null,
    model: {
      type: "BPE",
      unk_token: "<|endoftext|>",
      end_of_word_suffix: "</w>",
      vocab,
      merges: [],
    },
  };
  const tokenizer = createTokenizer({ tokenizerJson: JSON.stringify(json) }, { positions: 6 });
  assertEquals(tokenizer.encode("A!"), { ids: [3, 2, 0, 4, 0, 0], length: 4 });
});

// The ids between start and end are from CLIPTokenizer of transformers 4.57.6, with pad token "!"
// and without ftfy.
const SPECIAL_CASES: readonly (readonly [phrase: string, ids: readonly number[]])[] = [
  ["stable!", [10492, 0]],
  ["no change!!", [871, 1799, 0, 0]],
  ["a<|endoftext|>b <|startoftext|>", [320, 49407, 321, 49406]],
  ["x <|EndOfText|> -<|ENDOFTEXT|>", [343, 49407, 12, 27, 347, 40786, 4160, 91, 285]],
  ["soft\u00adhyphen", [1571, 7804, 745, 576]],
  ["a\u200bb\u2060c\ufeff d\u200d", [5334, 323]],
  ["a\0b\ufffdc\x07 d\x85e\x1cf", [5334, 11649]],
  ["a\u00a0b\u3000c\u2028d\te\r\nf", [320, 321, 322, 323, 324, 325]],
  ["cafe\u0301 caf\u00e9 CAF\u00c9", [15304, 15304, 15304]],
  ["肺炎 L4—5 １２ ½", [
    164,
    224,
    374,
    163,
    224,
    492,
    331,
    275,
    2005,
    276,
    171,
    120,
    495,
    171,
    120,
    496,
    33613,
  ]],
  ["🫁\ufe0f", [558, 104, 223, 1001]],
  ["Σ'S İ'LL &amp;", [139, 481, 568, 328, 136, 229, 262, 865, 261, 6259, 282]],
];

Deno.test("createTokenizer() reads special tokens and invisible characters as transformers does", () => {
  const tokenizer = createTokenizer({ vocab: read("vocab.json"), merges: read("merges.txt") });
  for (const [phrase, right] of SPECIAL_CASES) {
    const { ids, length } = tokenizer.encode(phrase);
    assertEquals(ids.slice(1, length - 1), right, JSON.stringify(phrase));
  }
});

Deno.test("createTokenizer() splits the longest special token out first", () => {
  const vocab = JSON.stringify({ ...VOCABULARY, "<|endoftext|>!": 4 });
  const tokenizer = createTokenizer({ vocab, merges: "" }, { padToken: "<|endoftext|>!" });
  assertEquals(tokenizer.encode("a<|endoftext|>!<|endoftext|>").ids.slice(0, 5), [2, 1, 4, 3, 3]);
});

Deno.test("createTokenizer() names the words that it reads letter by letter", () => {
  const tokenizer = createTokenizer({ vocab: read("vocab.json"), merges: read("merges.txt") });
  assertEquals(tokenizer.encode("HJX left zqxv, hjx 肺 xy").spelled, ["hjx", "肺"]);
  assertEquals(tokenizer.encode("RLL PICC 12345 --- s/p ARDS, café").spelled, undefined);
});

Deno.test("createTokenizer() says how much of a phrase does not fit", () => {
  const files = { vocab: read("vocab.json"), merges: read("merges.txt") };
  const tokenizer = createTokenizer(files, { positions: 5 });
  assertEquals(tokenizer.encode("1 2 3").cut, undefined);
  assertEquals(tokenizer.encode("1 2 3 4 5").cut, 2);
  assertEquals(tokenizer.encode("1 2 3 4 5").ids, tokenizer.encode("1 2 3").ids);
});

Deno.test("createTokenizer() pads with the token that is asked for", () => {
  const files = { vocab: read("vocab.json"), merges: read("merges.txt") };
  const { ids } = createTokenizer(files, { padToken: "<|endoftext|>", positions: 5 }).encode("");
  assertEquals(ids, [49406, 49407, 49407, 49407, 49407]);
});

Deno.test("createTokenizer() names the faults of its files", () => {
  const files = { vocab: read("vocab.json"), merges: read("merges.txt") };
  assertThrows(() => createTokenizer({ vocab: "{}" }), TypeError, "merges.txt");
  assertThrows(() => createTokenizer({ ...files, vocab: "{" }), SyntaxError, "vocab.json");
  assertThrows(() => createTokenizer({ ...files, vocab: "[1]" }), SyntaxError, "token ids");
  assertThrows(() => createTokenizer({ ...files, merges: "a b c" }), SyntaxError, "merge 1");
  assertThrows(() => createTokenizer({ tokenizerJson: "{}" }), SyntaxError, "byte-pair");
  assertThrows(
    () => createTokenizer({ vocab: `{"a": 1}`, merges: "" }),
    SyntaxError,
    "<|startoftext|>",
  );
});

const START = "<|startoftext|>";
const END = "<|endoftext|>";
const VOCABULARY = { "!": 0, "a</w>": 1, [START]: 2, [END]: 3 };

Deno.test("createTokenizer() takes no property of JavaScript's for a token", () => {
  const files = { vocab: JSON.stringify(VOCABULARY), merges: "" };
  for (const padToken of ["constructor", "__proto__"]) {
    assertThrows(() => createTokenizer(files, { padToken }), SyntaxError, `token "${padToken}"`);
  }
});

Deno.test("createTokenizer() wants token ids that the text encoder knows", () => {
  for (const id of [-1, 0.5, 4, "1", 1e15]) {
    const vocab = JSON.stringify({ ...VOCABULARY, b: id });
    assertThrows(
      () => createTokenizer({ vocab, merges: "" }, { vocabulary: 4 }),
      SyntaxError,
      `token ids below 4, got ${JSON.stringify(id)} for "b"`,
    );
  }
});

Deno.test("createTokenizer() runs no pattern that a tokenizer.json brings", () => {
  const model = { end_of_word_suffix: "</w>", vocab: VOCABULARY, merges: [] };
  const normalizer = { type: "Replace", pattern: { Regex: "(a+)+$" }, content: "" };
  const tokenizer = createTokenizer({ tokenizerJson: JSON.stringify({ model, normalizer }) });
  const start = performance.now();
  tokenizer.encode("a".repeat(60) + "!");
  assert(performance.now() - start < 5000); // a regular expression would backtrack for ever
});

Deno.test("createTokenizer() names the faults inside a tokenizer.json", () => {
  const model = { end_of_word_suffix: "</w>", vocab: VOCABULARY, merges: [] as unknown[] };
  const cases: [object, string][] = [
    [{ model: { ...model, end_of_word_suffix: "" } }, 'words end in "</w>"'],
    [{ model: { ...model, merges: ["a b", 5] } }, "merge 2 must be two tokens, got 5"],
    [{ model: { ...model, vocab: { ...VOCABULARY, b: null } } }, 'got null for "b"'],
    [{ model, added_tokens: [null] }, '"added_tokens" must be a list of tokens'],
    [{ model, added_tokens: {} }, '"added_tokens" must be a list of tokens'],
  ];
  for (const [json, message] of cases) {
    const tokenizerJson = JSON.stringify(json);
    assertThrows(() => createTokenizer({ tokenizerJson }), SyntaxError, message);
  }
});
