import { assertEquals, assertThrows } from "@std/assert";
import { createTexts, PROMPTS } from "./text.ts";

const CASE = new URL("../../../shared/reference/omnifm_landscape/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, CASE));
const FILES = {
  dictionary: read("dict.txt"),
  encoder: read("encoder.json"),
  merges: read("vocab.bpe"),
};
const COUNTS = { rows: 1471, bins: 1000, codes: 16 };
const texts = createTexts(FILES, COUNTS);

Deno.test("encode() reads instructions as the demo and the training do", () => {
  const demo = (text: string) => texts.encode("x", text, "demo");
  const training = (text: string) => texts.encode("x", text, "training");
  // The demo reads each word with a blank before it; the training reads the text as it stands.
  assertEquals(demo("  A\tb\n"), demo("a b"));
  assertEquals(training("?!~ A-b/c <Person>  d \n"), training("a b c person d"));
  assertEquals(demo("<bin_7> <code_3> <bin_1000>"), [0, 471 + 7, 455 + 3, 3, 2]);
  assertEquals(training("word ".repeat(300)), training("word ".repeat(256)));
  assertEquals(
    texts.encode("$& and $1", PROMPTS.demo, "demo"),
    demo("which region does the text $& and $1 describe?"),
  );
  assertThrows(() => texts.encode(" ", PROMPTS.demo, "demo"), RangeError, 'phrase " ": it comes');
  assertThrows(() => texts.encode("?!", PROMPTS.training, "training"), RangeError, 'phrase "?!"');
  assertThrows(() => texts.encode("x", "\n", "demo"), RangeError, "prompt");
});

Deno.test("decode() gives back every text in lower case, and names coordinates", () => {
  for (const text of ["left pleural effusion, 3.5 cm", "é 中文 😀", "it's (new)"]) {
    assertEquals(texts.decode(texts.encode("x", text, "demo")), text);
  }
  assertEquals(texts.decode([471, 1470, 454, 3, 2]), "<bin_0> <bin_999> <mask> <unk>");
});

Deno.test("notes() tells of words that the model does not read", () => {
  assertEquals(texts.notes("edema", PROMPTS.demo, "demo"), []);
  assertEquals(texts.notes("<bin_1000>", PROMPTS.demo, "demo"), [
    "the dictionary of the model lacks a part of the instruction",
  ]);
  assertEquals(texts.notes("a ".repeat(300), PROMPTS.training, "training"), [
    "the instruction has 306 words, of which the model reads the first 256",
  ]);
});

Deno.test("createTexts() counts pictures' tokens from the rows, and refuses other files", () => {
  assertEquals(createTexts(FILES, { ...COUNTS, codes: undefined }).firstBin, 471);
  for (
    const [files, reason] of [
      [{ encoder: "[]" }, "encoder.json: expected an object of token ids"],
      [{ merges: "a b\nc" }, "vocab.bpe: merge 2 must be two tokens"],
      [{ dictionary: "" }, "it has 0 symbols, and the model has embeddings of 450"],
    ] as const
  ) assertThrows(() => createTexts({ ...FILES, ...files }, COUNTS), SyntaxError, reason);
  const { "a": _, ...encoder } = JSON.parse(FILES.encoder);
  const lacking = createTexts({ ...FILES, encoder: JSON.stringify(encoder) }, COUNTS);
  assertThrows(() => lacking.encode("x", "a", "training"), SyntaxError, "lacks a part");
});
