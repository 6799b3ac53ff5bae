import { assertEquals, assertThrows } from "@std/assert";
import { readCsv } from "../csv.ts";
import { askEveryClass, chooseClasses, fillTemplate, TEMPLATES } from "./detection.ts";
import type { Layout } from "./layout.ts";
import { LAYOUTS } from "./registry.ts";

const table = (name: string, ...lines: string[]) => readCsv(name, lines.join("\n"));

const chestx = (file_name: string, syms: string[], boxes: number[][]) => ({
  ...{ file_name, syms, boxes },
  polygons: syms.map(() => [[1, 1], [5, 1], [5, 5]]),
});

/** Content of each layout with its labels, the classes to ask, and the answer of each image. */
const CASES: Readonly<
  Record<string, {
    readonly content: Parameters<NonNullable<Layout["labels"]>["rows"]>[1];
    readonly companion?: ReturnType<typeof readCsv>;
    readonly classes: string;
    readonly expected: Readonly<Record<string, string>>;
  }>
> = {
  "chestx-det": {
    content: {
      json: [chestx("a.png", [], []), chestx("b.png", ["Effusion"], [[1, 2, 5, 6]])],
    },
    classes: "Mass, pleural effusion",
    expected: { "a.png": "absent, absent", "b.png": "absent, box" },
  },
  "nih-chestxray14": {
    content: {
      table: table(
        "b.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,",
        "1.png,Effusion,1,2,3,4,,,",
        "2.png,Mass,1,2,3,4,,,",
        "3.png,Mass,1,2,3,4,,,",
      ),
    },
    companion: table(
      "l.csv",
      "Image Index,Finding Labels,Patient ID",
      "1.png,Effusion|Infiltration|Hernia,1",
      "2.png,Mass,2",
    ),
    classes: "Infiltrate,Pleural Effusion,Mass",
    expected: {
      "1.png": "unplaced, box, absent",
      "2.png": "absent, absent, box",
      "3.png": "fault, fault, box",
    },
  },
  "rsna-pneumonia": {
    content: {
      table: table("l.csv", "patientId,x,y,width,height,Target", "p,,,,,0", "q,1,2,3,4,1"),
    },
    classes: "all",
    expected: { p: "absent", q: "box" },
  },
  "vindr-cxr": {
    content: {
      table: table(
        "annotations_test.csv",
        "image_id,class_name,x_min,y_min,x_max,y_max",
        "a,Cardiomegaly,1,2,30,40",
        "a,Cardiomegaly,50,2,60,40",
        "b,No finding,,,,",
        "c,Nodule/Mass,1,2,3,4",
      ),
    },
    companion: table("i.csv", "image_id,Cardiomegaly,Edema", "a,1,0", "c,0,1", "d,0,0"),
    classes: "Edema,Cardiomegaly",
    expected: {
      a: "absent, box box",
      b: "absent, absent",
      c: "unplaced, absent",
      d: "absent, absent",
    },
  },
  "padchest-gr": {
    content: {
      json: [
        {
          ImageID: "a.png",
          findings: [
            {
              ...{ sentence_en: "Effusion.", abnormal: true, boxes: [[0, 0, 0.5, 1]] },
              labels: ["pleural effusion", "costophrenic angle blunting"],
            },
            { sentence_en: "No mass.", abnormal: false, labels: ["mass"] },
            { sentence_en: "Old.", abnormal: true, labels: ["scoliosis"] },
          ],
        },
        { ImageID: "b.png", findings: [{ sentence_en: "Clear.", abnormal: false }] },
        { ImageID: "c.png", findings: 5 },
      ],
    },
    classes: "all",
    expected: {
      "a.png": "box, box, unplaced",
      "b.png": "absent, absent, absent",
      "c.png": "fault, fault, fault",
    },
  },
  "covid-segmentations": {
    content: {
      table: table(
        "structure.csv",
        "#,Class,Filename,Mask,Resolution,Top,Left,Width,Height",
        "1,COVID-19 Left Lung,a.png,masks/m.png,8x8,1,4,4,6",
        "2,COVID-19 Chest Tube,b.png,,8x8,0,0,8,8",
      ),
    },
    classes: "Left Lung,Chest Tube",
    expected: { "images/a.png": "mask, absent", "images/b.png": "absent, unplaced" },
  },
  "csv": {
    content: {
      table: table(
        "rows.csv",
        "image,category,x,y,w,h",
        "a.png,Mass,1,2,3,4",
        "a.png,Mass,,,,",
        "b.png,,,,,",
        "c.png,Node,,,,",
      ),
    },
    classes: "all",
    expected: { "a.png": "box, absent", "b.png": "absent, absent", "c.png": "absent, unplaced" },
  },
};

Deno.test("every layout says which classes an image has, which it lacks, and which have a place", () => {
  // Phantoms, in the layout of MS-CXR, are evaluated whole in tests/detection_test.ts.
  assertEquals(
    Object.keys(CASES).sort(),
    Object.keys(LAYOUTS).filter((k) => k !== "ms-cxr").sort(),
  );
  for (const [name, { content, companion, classes, expected }] of Object.entries(CASES)) {
    const { labels }: Layout = LAYOUTS[name as keyof typeof LAYOUTS];
    const path = content.table?.name ?? "ChestX_Det_test.json";
    const { rows, classes: chosen } = askEveryClass(
      path,
      labels!.rows(path, content, companion),
      labels!.classes,
      { classes: [classes], template: "Where is {label}?" },
    );
    const kindOf = (row: typeof rows[number]) =>
      row.fault
        ? "fault"
        : row.box
        ? "box"
        : row.mask
        ? "mask"
        : row.isPresent
        ? "unplaced"
        : "absent";
    const found = [...Map.groupBy(rows, ({ image }) => image)].map(([image, own]) => [
      image,
      chosen.map((category) => own.filter((row) => row.category === category).map(kindOf).join(" "))
        .join(", "),
    ]);
    assertEquals(Object.fromEntries(found), expected, name);
    for (const row of rows) {
      assertEquals(row.phrase, `Where is ${row.category}?`);
      assertEquals(row.isNegative === true, kindOf(row) === "absent" || kindOf(row) === "fault");
    }
    const places = rows.filter(({ isNegative }) => isNegative).map(({ where }) => where);
    assertEquals(new Set(places).size, places.length, "each failure has an id of its own");
  }
});

Deno.test("a class counts once in any spelling; an unknown class is answered with the nearest", () => {
  const known = ["Pleural Effusion", "Mass", "Nodule, large"];
  const choose = (...asked: string[]) => chooseClasses(asked, known);
  assertEquals(choose("mass,PLEURAL effusion,Mass"), ["Mass", "Pleural Effusion"]);
  assertEquals(choose("nodule, large", "all"), ["Nodule, large", "Pleural Effusion", "Mass"]);
  assertEquals(chooseClasses(["all"], known, ["Mass"]), ["Mass"]);
  const begin = "expected all or some of Pleural Effusion, Mass, Nodule, large";
  assertThrows(() => choose("Efusion"), RangeError, `class "Efusion": ${begin}`);
  assertThrows(() => choose("plural effusion"), RangeError, 'did you mean "Pleural Effusion"?');
  assertThrows(() => choose("Mass,,x"), RangeError, `class "": ${begin}`);
});

Deno.test("a template needs a place for the class", () => {
  assertEquals(fillTemplate("{label}, $& or {label}", "$1"), "$1, $& or $1");
  for (const template of TEMPLATES) assertEquals(fillTemplate(template, "x").includes("x"), true);
  assertThrows(
    () => fillTemplate("Where is it?", "Mass"),
    RangeError,
    'by the template "Where is it?": expected {label} in it, such as "Where is {label}?"',
  );
});

Deno.test("a table with as many classes as images is refused before memory runs out", () => {
  const rows = Array.from({ length: 2500 }, (_, i) => ({
    ...{ where: `r:${i}`, stem: `${i}`, image: `${i}.png`, phrase: "", category: `class ${i}` },
  }));
  const ask = (classes: string[]) =>
    askEveryClass("r.csv", rows, undefined, { classes, template: "{label}" }).rows.length;
  assertThrows(
    () => ask(["all"]),
    RangeError,
    'Cannot ask the 2500 images of "r.csv" for 2500 classes: expected',
  );
  assertEquals(ask(["class 7", "class 8"]), 5000);
});
