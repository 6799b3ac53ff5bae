import { assertEquals, assertRejects } from "@std/assert";
import type { DatasetItem } from "../sample.ts";
import { matchPredictions } from "./match_predictions.ts";
import { readPredictions } from "./read_predictions.ts";

async function inFile<T>(name: string, text: string, use: (path: string) => Promise<T>) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    return await use(`${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const CSV = `\uFEFFimage,phrase,x,y,w,h,score
a.png," left, effusion ",1,2.5,3,4,.9
a.png," left, effusion ",-5,6,7,8,
b.png,nothing,,,,,
`;

const JSON_TEXT = JSON.stringify([
  { image: "a.png", phrase: " left, effusion ", boxes: [[1, 2.5, 3, 4], [-5, 6, 7, 8]], score: 1 },
  { image: "b.png", phrase: "nothing", boxes: [] },
]);

Deno.test("readPredictions() reads the same from CSV and JSON", async () => {
  const csv = await inFile("p.csv", CSV, readPredictions);
  const json = await inFile("p.json", JSON_TEXT, readPredictions);
  assertEquals(csv.entries.map(({ boxes }) => boxes), [[[1, 2.5, 3, 4]], [[-5, 6, 7, 8]], []]);
  assertEquals(json.entries.map(({ boxes }) => boxes), [[[1, 2.5, 3, 4], [-5, 6, 7, 8]], []]);
  assertEquals(csv.entries[0]!.phrase, json.entries[0]!.phrase);
  assertEquals(csv.sha256.length, 64);
});

Deno.test("readPredictions() keeps the score of each box", async () => {
  const csv = await inFile("p.csv", CSV, readPredictions);
  assertEquals(csv.entries.map(({ confidence }) => confidence), [[.9], undefined, undefined]);
  const json = await inFile("p.json", JSON_TEXT, readPredictions);
  assertEquals(json.entries.map(({ confidence }) => confidence), [[1, 1], undefined]);
  const text = "image,phrase,x,y,w,h,score\na,p,1,2,3,4,.25\na,p,1,2,3,5,-1e3\na,q,1,2,3,4,.5\n" +
    "a,q,1,2,3,4,NaN\n";
  const scored = await inFile("p.csv", text, readPredictions);
  const samples = dataset(["1", "a.png", "p"], ["2", "a.png", "q"]);
  const { boxes } = await matchPredictions(scored, samples, ".");
  assertEquals(boxes.get("1")?.confidence, [.25, -1000]);
  const note = "1 of its 2 boxes have no score, so that no score is kept";
  assertEquals([boxes.get("2")?.confidence, boxes.get("2")?.notes], [undefined, [note]]);
});

Deno.test("readPredictions() records a bad entry with the expected form", async () => {
  const head = "image,phrase,x,y,w,h\n";
  const box = "expected a box of four numbers x, y, w, h with w and h above 0, found ";
  const score = "expected a finite number as the score of each box, found ";
  const cases: [string, string, string][] = [
    ["p.csv", `${head}a,b,1,2,3,4\na,b,1,2,0,4\n`, `${box}[1, 2, 0, 4] (line 3)`],
    ["p.csv", `${head}a,b,1,2,3,\n`, `${box}[1, 2, 3, ] (line 2)`],
    ["p.csv", `${head}a,b,1,2,NaN,4\n`, `${box}[1, 2, NaN, 4] (line 2)`],
    ["p.csv", `${head}a,b,1,2,3,4,5\n`, "the row has 7 fields, but the header has 6 (line 2)"],
    ["p.csv", `${head}a, ,1,2,3,4\n`, "expected text as phrase, found   (line 2)"],
    ["p.csv", `${head}a,"b,1,2,3,4\n`, "field 2 begins with a quote that does not close (line 2)"],
    [
      "p.csv",
      "image;phrase;x1;y1;x2;y2\na;b;5;1;2;4\n",
      "expected corners x1, y1, x2, y2 with x2 above x1 and y2 above y1, found [5, 1, 2, 4] (line 2)",
    ],
    [
      "p.json",
      '[{"image":"a","phrase":"b"}]',
      "expected a list of boxes, found none (entry 1)",
    ],
    ["p.json", '[{"image":"a","phrase":"b","boxes":[[1,2,3]]}]', `${box}[1, 2, 3] (entry 1)`],
    [
      "p.json",
      '[{"image":"a","phrase":"b","boxes":[[1,2,3,NaN]]}]',
      `${box}[1, 2, 3, NaN] (entry 1)`,
    ],
    ["p.json", '[{"image":"a","phrase":"b","boxes":[7]}]', `${box}7 (entry 1)`],
    [
      "p.json",
      '[{"image":7,"phrase":"b","boxes":[]}]',
      "expected text as image, found 7 (entry 1)",
    ],
    ["p.csv", "image,phrase,x,y,w,h,score\na,b,1,2,3,4,high", `${score}high (line 2)`],
    [
      "p.json",
      '[{"image":"a","phrase":"b","boxes":[[1,2,3,4]],"score":[0.5,0.5]}]',
      `${score}[0.5,0.5] (entry 1)`,
    ],
    ["p.json", "[null]", "expected {image, phrase, boxes}, found null (entry 1)"],
    [
      "p.jsonl",
      '{"image":"a","phrase":"b","boxes":[]}\n{"image":"a","phr',
      'expected {image, phrase, boxes}, found {"image":"a","phr (entry 2)',
    ],
  ];
  for (const [name, text, fault] of cases) {
    await inFile(name, text, async (path) => {
      const { entries } = await readPredictions(path);
      assertEquals(entries.at(-1)!.fault, fault);
      assertEquals(entries.filter(({ fault }) => fault).length, 1);
    });
  }
});

Deno.test("readPredictions() names the file and the expected form", async () => {
  const cases: [string, string, string][] = [
    ["p.csv", "image,phrase,x,y\n", 'columns "w", "h" are missing'],
    ["p.csv", "image,phrase\n", 'columns "x", "y", "w", "h" are missing'],
    ["p.csv", "image,phrase,x,y,w,h\n", "it has no predictions"],
    ["p.csv", "", "it is empty"],
    ["p.json", "[", "it is not valid JSON"],
    ["p.json", "{}", "expected a list of {image, phrase, boxes}, found no list"],
  ];
  for (const [name, text, message] of cases) {
    await inFile(name, text, (path) => assertRejects(() => readPredictions(path), Error, message));
  }
  await assertRejects(() => readPredictions("/nowhere.csv"), Deno.errors.NotFound);
  await assertRejects(() => readPredictions("/"), TypeError, "not a file");
});

Deno.test("readPredictions() reads corners", async () => {
  const text = "image\tphrase\txmin\tymin\txmax\tymax\na\tb\t1.5\t2\t3.75\t4\n";
  const { entries } = await inFile("p.tsv", text, readPredictions);
  assertEquals(entries, [{ image: "a", phrase: "b", boxes: [[1.5, 2, 2.25, 2]] }]);
});

Deno.test("matchPredictions() fails samples with bad entries, and lists samples without entries", async () => {
  const text = "image,phrase,x,y,w,h\na,p,1,2,3,4\na,p,1,2,x,4\na,q,1,2,3,4\n,p,1,2,3,4\n";
  const predictions = await inFile("p.csv", text, readPredictions);
  const samples = dataset(["1", "a.png", "p"], ["2", "a.png", "q"]);
  const { boxes, faults, unmatched } = await matchPredictions(predictions, samples, ".");
  assertEquals([...boxes], [["1", { boxes: [[1, 2, 3, 4]] }], ["2", { boxes: [[1, 2, 3, 4]] }]]);
  assertEquals([...faults.keys()], ["1"]);
  const fault = "expected text as image, found an empty one (line 5)";
  assertEquals(unmatched, [{ image: "", phrase: "p", fault }]);
});

async function* dataset(...samples: [id: string, image: string, phrase: string][]) {
  yield await Promise.resolve<DatasetItem>({
    kind: "failure",
    failure: { id: "row", reason: "bad" },
  });
  for (const [id, image, phrase] of samples) {
    yield { kind: "sample", sample: { id, image, phrase, boxes: [] } } satisfies DatasetItem;
  }
}

Deno.test("matchPredictions() finds images by path or name, and phrases but for blanks around them", async () => {
  const names = ["root/p1/a.png", "p1/a.png", "./p1/a.png", "a.png", "a", "root\\p1\\a.png"];
  const entries = names.map((image, i) => {
    const box = [i, 0, 1, 1] as const;
    return { image, phrase: i % 2 ? " left " : "left", boxes: [box] };
  });
  const file = {
    path: "p.csv",
    sha256: "",
    entries: [
      ...entries,
      { image: "a", phrase: "Left", boxes: [] },
      { image: "c", phrase: "left", boxes: [] },
      { image: "b.png", phrase: "right", boxes: [] },
    ],
  };
  const samples = dataset(
    ["1", "root/p1/a.png", "left"],
    ["2", "root/p1/b.png", "right "],
    ["3", "root/p1/b.png", "left"],
  );
  const { boxes, samples: count, unmatched } = await matchPredictions(file, samples, "root");
  assertEquals(boxes.get("1")?.boxes.map(([x]) => x), [0, 1, 2, 3, 4, 5]);
  assertEquals([...boxes.keys()], ["1", "2"]);
  assertEquals(boxes.get("2"), { boxes: [] });
  assertEquals(count, 3);
  assertEquals(unmatched, [{ image: "a", phrase: "Left" }, { image: "c", phrase: "left" }]);
});

Deno.test("matchPredictions() finds an image by another machine's path, but not by its base name alone", async () => {
  const images = ["/data/out/p1/a.png", "/data/a.png", "/data/p2/b.png", "/data/out/p9/b.png"];
  const { boxes, unmatched } = await matchPredictions(
    {
      path: "p.csv",
      sha256: "",
      entries: images.map((image) => ({ image, phrase: "left", boxes: [] })),
    },
    dataset(["1", "out/p1/a.png", "left"], ["2", "out/p2/b.png", "left"]),
    "out",
  );
  assertEquals([...boxes.keys()], ["1", "2"]);
  assertEquals(unmatched.map(({ image }) => image), ["/data/a.png", "/data/out/p9/b.png"]);
});

Deno.test("matchPredictions() refuses a name of several images, unless it is a whole path", async () => {
  const match = (image: string) =>
    matchPredictions(
      { path: "p.csv", sha256: "", entries: [{ image, phrase: "left", boxes: [] }] },
      dataset(["1", "root/1.png", "left"], ["2", "root/sub/1.png", "left"]),
      "root/",
    );
  assertEquals([...(await match("1.png")).boxes.keys()], ["1"]);
  assertEquals([...(await match("sub/1.png")).boxes.keys()], ["2"]);
  await assertRejects(
    () => match("1"),
    RangeError,
    'Cannot match image "1" of "p.csv": both "root/1.png" and "root/sub/1.png" are called so',
  );
});
