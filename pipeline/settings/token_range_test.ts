import { assertEquals } from "@std/assert";
import type { Sample } from "../../datasets/sample.ts";
import { createTokenizer } from "../../models/tokenizer.ts";
import { item } from "../flow.ts";
import type { ResolvedSettings } from "./settings.ts";
import { requireTokens, tokenRange } from "./token_range.ts";

const REFERENCE = new URL("../../../shared/reference/clip-tokenizer/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, REFERENCE));
const tokenizer = createTokenizer({ vocab: read("vocab.json"), merges: read("merges.txt") });

/** Returns the number of tokens of a text. */
const count = (text: string) => tokenizer.encode(text).length - 2;

/** Returns the token range of `words` after the text `before`. */
const covering = (before: string, words: string) => {
  const start = 1 + count(before);
  return [start, start + count(words)];
};

Deno.test("tokenRange() covers the class name, whatever its case and place", () => {
  const cases: [phrase: string, category: string, before: string, words: string][] = [
    ["Large LEFT pleural effusion.", "Pleural Effusion", "large left", "pleural effusion"],
    ["atelectasis", "Atelectasis", "", "atelectasis"],
    ["mild edema of both lungs", "Edema", "mild", "edema"],
    // The phrase has only a part of the name, or other words inside the name.
    ["small pleural fluid", "Pleural Effusion", "small", "pleural"],
    ["an opacity of the left lung base", "Lung Opacity", "an", "opacity of the left lung"],
  ];
  for (const [phrase, category, before, words] of cases) {
    const range = tokenRange(tokenizer, tokenizer.encode(phrase), category, "class");
    assertEquals(range, covering(before, words), phrase);
  }
  // Of a plural, the range covers the common beginning.
  const plural = tokenizer.encode("small pleural effusions");
  const range = tokenRange(tokenizer, plural, "Pleural Effusion", "class");
  assertEquals(range, [2, 2 + count("pleural") + 1]);
});

Deno.test("tokenRange() leaves out the last of several tokens as the released code does", () => {
  const range = (phrase: string, category: string) =>
    tokenRange(tokenizer, tokenizer.encode(phrase), category, "class-released");
  assertEquals(
    range("left pleural effusion", "Pleural Effusion"),
    [2, count("left pleural effusion")],
  );
  assertEquals(count("lung"), 1);
  assertEquals(range("left lung haze", "Lung Opacity"), [2, 3]);
});

Deno.test("requireTokens() skips phrases without their class, and fails samples without one", async () => {
  const sample = (id: string, phrase: string, category?: string): Sample => ({
    ...{ id, phrase, image: "a.png", boxes: [] },
    ...(category && { category }),
  });
  async function* source() {
    yield await Promise.resolve(item({
      image: "a.png",
      samples: [
        sample("named", "mild edema", "Edema"),
        sample("unnamed", "enlarged heart", "Cardiomegaly"),
        sample("bare", "mild edema"),
        sample("empty", " ", "Edema"),
      ],
    }));
    yield item({ image: "b.png", samples: [sample("alone", "haze", "Edema")] });
  }
  const seen: unknown[] = [];
  const settings = { tokens: "class" } as ResolvedSettings;
  for await (const flow of requireTokens(source(), tokenizer, settings)) {
    if (flow.kind === "item") seen.push(flow.item.samples.map(({ id }) => id));
    else seen.push([flow.dropped.sample.id, flow.dropped.status, flow.dropped.reason]);
  }
  assertEquals(seen, [
    ["unnamed", "skipped", 'the phrase has no token of its class, "Cardiomegaly"'],
    ["bare", "failed", "its row names no class"],
    ["named", "empty"],
    ["alone", "skipped", 'the phrase has no token of its class, "Edema"'],
  ]);
});
