import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { SplitRow } from "./split_row.ts";
import { inFolder } from "../tests/support/command.ts";
import { readWordings, wordPhrases } from "./wordings.ts";

const row = (image: string, category?: string): SplitRow => ({
  ...{ where: "a:1", stem: image, image, phrase: "as it was" },
  ...(category && { category }),
});

Deno.test("wordPhrases() chooses by the CRC-32 of the image's file name", () => {
  // By Python: zlib.crc32(b"a.png") % 3 is 2, of b"b.png" 0, of b"c.png" 0.
  const rows = ["x/a.png", "b.png", "c.png"].map((image) => row(image, "Mass"));
  const { rows: worded, wordings } = wordPhrases(rows, { Mass: ["one", "two", "three"] });
  assertEquals(worded.map(({ phrase, wording }) => [phrase, wording]), [["three", 3], ["one", 1], [
    "one",
    1,
  ]]);
  assertEquals(wordings, { Mass: ["one", "two", "three"] });
});

Deno.test("wordPhrases() takes the user's wordings before the layout's", () => {
  const own = (wordings: Record<string, string[]>) => ({ path: "p.csv", wordings });
  const rows = [row("a", "Mass"), row("a", "Nodule"), row("a", "Hernia"), row("a")];
  const { rows: worded } = wordPhrases(rows, { Nodule: ["n"] }, own({ " mass ": ["m"] }));
  assertEquals(worded.map(({ phrase }) => phrase), ["m", "n", "as it was", "as it was"]);
  assertEquals(wordPhrases(rows, {}).wordings, undefined);
  assertThrows(
    () => wordPhrases(rows, {}, own({ Liver: ["l"] })),
    RangeError,
    'phrases of "p.csv": the dataset has no class "Liver", but Mass, Nodule, Hernia',
  );
  assertThrows(
    () => wordPhrases(rows, undefined, own({ Mass: ["m"] })),
    RangeError,
    'phrases of "p.csv": the dataset has phrases of its own',
  );
});

Deno.test("readWordings() reads JSON and CSV, and names a fault in one sentence", () =>
  inFolder(async (folder) => {
    const read = async (name: string, text: string) => {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      return await readWordings(`${folder}/${name}`);
    };
    const expected = { Mass: ["a mass", "a lesion"], Nodule: ["a nodule"] };
    assertEquals(
      await read("a.json", '{"Mass": [" a mass", "a lesion"], "Nodule": "a nodule"}'),
      expected,
    );
    assertEquals(
      await read("a.csv", "phrase;class\na mass;Mass\na nodule;Nodule\na lesion;Mass\n"),
      expected,
    );
    const faults: [name: string, text: string, reason: string][] = [
      ["b.json", "[1]", "expected an object with a list of phrases for each class"],
      ["b.json", '{"Mass": []}', '"Mass" must have a list of phrases, got []'],
      ["b.json", '{"Mass": [3]}', 'a phrase of "Mass" must be a text, got 3'],
      ["b.json", "{}", "it has no phrase"],
      ["b.csv", "class\nMass\n", 'column "phrase" is missing (found: class)'],
      ["b.csv", "class,phrase\n,a mass\n", "line 2 has no class"],
      ["b.csv", "class,phrase\nMass\n", "line 2: the row has 1 fields, but the header has 2"],
    ];
    for (const [name, text, reason] of faults) {
      await assertRejects(() => read(name, text), SyntaxError, `${name}": ${reason}`);
    }
    await assertRejects(() => readWordings(`${folder}/none`), Error, "Cannot read phrases ");
  }));
