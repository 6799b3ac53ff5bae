import { assertEquals, assertThrows } from "@std/assert";
import { readCsv } from "../csv.ts";
import { labelsName, vindrRows } from "./vindr_cxr.ts";

const HEADER = "image_id,class_name,x_min,y_min,x_max,y_max";
const TRAIN = `${HEADER},rad_id`;

const rowsOf = (lines: string[], labels?: string[], name = "annotations_test.csv") =>
  vindrRows(
    name,
    readCsv(name, lines.join("\n")),
    labels && readCsv("image_labels_test.csv", labels.join("\n")),
  );

Deno.test("vindrRows() reads the eight classes, corners as boxes, and the split of the name", () => {
  const rows = rowsOf([
    HEADER,
    "a,Pleural effusion,10.9,20.2,30.1,45.9",
    "a,Aortic enlargement,1,2,3,4",
    "b,No finding,,,,",
    "b,Cardiomegaly,1,2,three,4",
  ]);
  assertEquals(rows, [
    {
      where: "annotations_test.csv:2",
      stem: "a",
      image: "a",
      phrase: "The patient has Pleural effusion",
      box: [10, 20, 20, 25],
      category: "Pleural Effusion",
      split: "test",
    },
    {
      where: "annotations_test.csv:5",
      stem: "b",
      image: "b",
      phrase: "The patient has Cardiomegaly",
      box: ["1", "2", "three", "4"],
      boxColumns: { names: ["x_min", "y_min", "x_max", "y_max"], areCorners: true },
      category: "Cardiomegaly",
      split: "test",
    },
  ]);
});

Deno.test("vindrRows() takes ILD and infiltration as pneumonia where the whole image has a class", () => {
  const lines = [
    HEADER,
    "a,ILD,1,2,30,40",
    "a,Infiltration,5,6,30,40",
    "b,ILD,1,2,30,40",
    "c,Infiltration,1,2,30,40",
  ];
  const labels = [
    "image_id,Edema,Pneumonia,Tuberculosis",
    "a,0,1,0",
    "b,0,0,1",
    "c,0,0,0",
    "c,1,0,0",
  ];
  const found = rowsOf(lines, labels).map(({ image, phrase, category, box }) => [
    image,
    phrase,
    category,
    box,
  ]);
  assertEquals(found, [
    ["a", "The patient has Pneumonia", "Pneumonia", [1, 2, 29, 38]],
    ["a", "The patient has Pneumonia", "Pneumonia", [5, 6, 25, 34]],
    ["c", "The patient has Pneumonia", "Pneumonia", [1, 2, 29, 38]],
  ]);
  assertThrows(() => rowsOf(lines), SyntaxError, "ILD counts as pneumonia where image_labels");
});

Deno.test("vindrRows() keeps the largest of boxes that several radiologists drew", () => {
  const lines = [
    TRAIN,
    "a,Edema,0,0,100,100,R1",
    "a,Edema,0,0,100,55,R2", // IoU with the first box: 0.55
    "a,Edema,0,0,100,54,R3", // IoU with the first box: 0.54, with the second: 0.98
    "a,Atelectasis,0,0,100,100,R1",
    "b,Edema,0,0,100,100,R1",
    "a,Edema,0,0,x,100,R1",
  ];
  const boxes = rowsOf(lines).map(({ where, box }) => [where, box]);
  assertEquals(boxes, [
    ["annotations_test.csv:2", [0, 0, 100, 100]],
    ["annotations_test.csv:5", [0, 0, 100, 100]],
    ["annotations_test.csv:6", [0, 0, 100, 100]],
    ["annotations_test.csv:7", ["0", "0", "x", "100"]],
  ]);
  const single = lines.slice(0, 3).map((line) => line.replace(/,[^,]*$/, ""));
  assertEquals(rowsOf(single).length, 2);
});

Deno.test("vindrRows() keeps a row that is malformed, as a fault", () => {
  const [row] = rowsOf([HEADER, "a,Edema,1,2,3"]);
  assertEquals(row!.fault, "the row has 5 fields, but the header has 6");
});

Deno.test("vindrRows() fails the rows whose labels cannot be read, and no others", () => {
  const labels = ["image_id,Pneumonia", "a,x", "b,1.0", 'c,"1', "d,1", "a2,x", "a2,1"];
  const lines = [HEADER, ...["a", "b", "c", "d", "a2"].map((image) => `${image},ILD,1,2,3,4`)];
  const rows = rowsOf([...lines, "a,Edema,1,2,3,4"], labels);
  const begin = "its labels cannot be read: ";
  assertEquals(rows.map(({ image, fault }) => [image, fault]), [
    ["a", `${begin}"Pneumonia" must be a number, got "x" (image_labels_test.csv:2)`],
    ["b", undefined],
    ["c", `${begin}field 2 begins with a quote that does not close (image_labels_test.csv:4)`],
    ["d", undefined],
    ["a2", undefined],
    ["a", undefined],
  ]);
});

Deno.test("labelsName() goes by the name of the annotations", () => {
  assertEquals(labelsName("annotations_train.csv"), "image_labels_train.csv");
  assertEquals(labelsName("boxes.csv"), undefined);
});
