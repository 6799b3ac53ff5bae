import { assertEquals, assertThrows } from "@std/assert";
import { readCsv } from "../csv.ts";
import { padchestRows } from "./padchest_gr.ts";

const study = (findings: unknown[], ImageID: unknown = "1_2.png") => ({
  StudyID: "s",
  ImageID,
  findings,
});

Deno.test("padchestRows() reads sentences with boxes, and leaves out sentences without boxes", () => {
  const json = [study([
    {
      sentence_en: "Left pleural effusion.",
      sentence_es: "Derrame pleural izquierdo.",
      abnormal: true,
      boxes: [[0.5, 0.25, 0.75, 1], [0, 0, 0.5, 0.5]],
      extra_boxes: [[0, 0, 1, 1]],
      labels: ["pleural effusion", "unchanged"],
    },
    { sentence_en: "No pneumothorax.", abnormal: false },
    { sentence_en: "Scoliosis.", boxes: [[0.25, 0, 0.5, 1]], labels: ["scoliosis"] },
  ])];
  const master = readCsv("master_table.csv", "StudyID,ImageID,split\ns,1_2.png,test");
  const known = { stem: "1_2", image: "1_2.png", boxUnit: "image" as const, split: "test" };
  const effusion = {
    ...known,
    where: "r.json:[0].findings[0]",
    phrase: "Left pleural effusion.",
    category: "Pleural Effusion",
  };
  assertEquals(padchestRows("d/r.json", json, master), [
    { ...effusion, box: [0.5, 0.25, 0.25, 0.75], otherBoxes: [[0, 0, 1, 1]] },
    { ...effusion, box: [0, 0, 0.5, 0.5] },
    {
      ...known,
      where: "r.json:[0].findings[2]",
      phrase: "Scoliosis.",
      category: "scoliosis",
      box: [0.25, 0, 0.25, 1],
    },
  ]);
});

Deno.test("padchestRows() puts sentences with nothing abnormal last, if they count", () => {
  const json = [
    study([
      { sentence_en: "No pneumothorax.", abnormal: false, labels: ["Pneumothorax"] },
      { sentence_en: "Scoliosis.", abnormal: true, boxes: [[0.25, 0, 0.5, 1]] },
      { sentence_en: "Normal heart.", abnormal: false, boxes: [[0, 0, 1, 1]] },
      { sentence_en: "Unchanged.", abnormal: true },
    ]),
    study([{ sentence_en: "Clear lungs.", abnormal: false, boxes: [] }], "2.png"),
  ];
  const phrases = (hasNegatives: boolean) =>
    padchestRows("r.json", json, undefined, hasNegatives)
      .map(({ phrase, isNegative, category }) => [phrase, isNegative, category]);
  const others = [["Scoliosis.", undefined, undefined], ["Normal heart.", undefined, undefined]];
  assertEquals(phrases(false), others);
  assertEquals(phrases(true), [
    ...others,
    ["No pneumothorax.", true, "Pneumothorax"],
    ["Clear lungs.", true, undefined],
  ]);
});

Deno.test("padchestRows() records a bad finding as a fault", () => {
  const faults = (finding: unknown) =>
    padchestRows("r.json", [study([finding], 7)], undefined).map(({ fault, image }) => [
      fault,
      image,
    ]);
  assertEquals(faults(3), [["the finding is not an object", ""]]);
  assertEquals(faults({ boxes: "x" }), [['"boxes" must be a list, got x', ""]]);
  assertEquals(faults({ boxes: [[1, 2, 3], [0, 0, 1, "1"], [0, NaN, 1, 1]] }), [
    ["a box must be four numbers, got [1,2,3]", ""],
    ['a box must be four numbers, got [0,0,1,"1"]', ""],
    ['a box must be four numbers, got [0,"NaN",1,1]', ""],
  ]);
});

Deno.test("padchestRows() refuses a document that is not a list of studies", () => {
  assertThrows(() => padchestRows("r.json", {}, undefined), SyntaxError, "expected a list");
  assertThrows(() => padchestRows("r.json", [5, {}], undefined), SyntaxError, "study 0");
});

Deno.test("padchestRows() records a bad study as a fault", () => {
  const rows = padchestRows("r.json", [null, study([]), { ImageID: "b.png" }], undefined);
  assertEquals(rows.map(({ where, image, fault }) => [where, image, fault]), [
    ["r.json:[0]", "", 'the study has no list "findings", got null'],
    ["r.json:[2]", "b.png", 'the study has no list "findings", got none'],
  ]);
});
