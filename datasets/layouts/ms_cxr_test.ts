import { assertEquals, assertThrows } from "@std/assert";
import { readCsv } from "../csv.ts";
import { cocoRows, MS_CXR_COLUMNS, msCxrRows } from "./ms_cxr.ts";

const csvRows = (...lines: string[]) => msCxrRows("m/a.csv", readCsv("m/a.csv", lines.join("\n")));

Deno.test("msCxrRows() reads a row of either release as written", () => {
  const columns = MS_CXR_COLUMNS.join();
  const values = "d1,Edema,mild haze ,1,2,3,4,100,200,files/p10/1.jpg";
  const row = {
    where: "a.csv:2",
    stem: "d1",
    image: "files/p10/1.jpg",
    phrase: "mild haze ",
    category: "Edema",
    box: ["1", "2", "3", "4"],
    size: ["100", "200"] as const,
  };
  assertEquals(csvRows(columns, values), [row]);
  assertEquals(csvRows(`${columns},split`, `${values},test`), [{ ...row, split: "test" }]);
});

Deno.test("msCxrRows() names every column that is missing", () => {
  for (const column of MS_CXR_COLUMNS) {
    const others = MS_CXR_COLUMNS.filter((name) => name !== column);
    assertThrows(
      () => csvRows(others.join()),
      SyntaxError,
      `Cannot read "m/a.csv": column "${column}" is missing (found: ${others.join(", ")})`,
    );
  }
});

const IMAGE = { id: 7, file_name: "1.jpg", path: "files/1.jpg", width: 50, height: 60 };
const CATEGORY = { id: 3, name: "Edema" };
const ANNOTATION = { image_id: 7, category_id: 3, bbox: [1, 2, 3, 4], label_text: "haze" };
const coco = (changes: Record<string, unknown> = {}) =>
  cocoRows("m/a.json", {
    images: [IMAGE],
    categories: [CATEGORY],
    annotations: [ANNOTATION],
    ...changes,
  });

Deno.test("cocoRows() reads an annotation with its image and class", () => {
  const row = {
    where: "a.json:annotations[0]",
    stem: "1",
    image: "files/1.jpg",
    phrase: "haze",
    category: "Edema",
    box: [1, 2, 3, 4],
    size: [50, 60] as const,
  };
  assertEquals(coco(), [row]);
  assertEquals(coco({ images: [{ ...IMAGE, split: "val" }] }), [{ ...row, split: "val" }]);
  assertEquals(coco({ annotations: [{ ...ANNOTATION, split: "test" }] }), [
    { ...row, split: "test" },
  ]);
  assertEquals(coco({ images: [{ ...IMAGE, path: "" }] }), [{ ...row, image: "1.jpg" }]);
});

Deno.test("cocoRows() finds a fault in an annotation that refers to nothing or has no box", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ image_id: 8 }, "it refers to image 8, which is not there"],
    [{ category_id: "3" }, "it refers to category 3, which is not there"],
    [{ label_text: 5 }, '"label_text" must be text, got 5'],
    [{ bbox: [1, 2, 3] }, '"bbox" must be four numbers, got [1,2,3]'],
    [{ bbox: [1, 2, 3, null] }, '"bbox" must be four numbers, got [1,2,3,null]'],
  ];
  for (const [change, fault] of cases) {
    const [, row] = coco({ annotations: [ANNOTATION, { ...ANNOTATION, ...change }] });
    assertEquals([row!.where, row!.fault], ["a.json:annotations[1]", fault]);
  }
});

Deno.test("cocoRows() names the list or field that is missing", () => {
  const without = (entry: object, key: string) =>
    Object.fromEntries(Object.entries(entry).filter(([name]) => name !== key));
  const lists: [string, object, string[]][] = [
    ["images", IMAGE, ["id", "file_name", "width", "height"]],
    ["categories", CATEGORY, ["id", "name"]],
    ["annotations", ANNOTATION, ["image_id", "category_id", "bbox", "label_text"]],
  ];
  for (const [name, entry, fields] of lists) {
    assertThrows(() => coco({ [name]: 5 }), SyntaxError, `"m/a.json": it has no list "${name}"`);
    assertThrows(() => coco({ [name]: [null] }), SyntaxError, `${name}[0] is not an object`);
    for (const field of fields) {
      assertThrows(
        () => coco({ [name]: [without(entry, field)] }),
        SyntaxError,
        `Cannot read "m/a.json": ${name}[0] has no "${field}"`,
      );
    }
  }
  for (const json of [null, [], 5, "x"]) {
    assertThrows(() => cocoRows("m/a.json", json), SyntaxError, "expected an object");
  }
});

Deno.test("cocoRows() leaves a bad entry to the annotations that need it", () => {
  const second = { ...ANNOTATION, image_id: 8, category_id: 4 };
  const faults = coco({
    images: [null, IMAGE, { ...IMAGE, id: 8 }, IMAGE, { file_name: "x" }],
    categories: [5, CATEGORY, { ...CATEGORY, id: 4 }],
    annotations: [ANNOTATION, null, 7, [], second, { ...second, category_id: NaN }],
  }).map(({ fault }) => fault);
  assertEquals(faults, [
    "it refers to image 7, of which there are several",
    "it is not an object, got null",
    "it is not an object, got 7",
    "it is not an object, got []",
    undefined,
    "it refers to category NaN, which is not there",
  ]);
});

Deno.test("cocoRows() records a field that is not text as a fault", () => {
  for (const name of [{ toString: 1 }, 5, null]) {
    const [row] = coco({ categories: [{ id: 3, name }] });
    assertEquals(
      [row!.fault, row!.category],
      [`"name" of its category must be text, got ${JSON.stringify(name)}`, undefined],
    );
  }
  const [row] = coco({ annotations: [{ ...ANNOTATION, image_id: { toString: 1 } }] });
  assertEquals(row!.stem, '{"toString":1}');
});
