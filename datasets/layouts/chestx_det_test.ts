import { assertEquals, assertThrows } from "@std/assert";
import { chestxDetRows } from "./chestx_det.ts";

const entry = (more: object) => ({ file_name: "36302.png", syms: [], boxes: [], ...more });

Deno.test("chestxDetRows() reads outlines, the split, and boxes where outlines are missing", () => {
  const json = [
    entry({ polygons: [] }),
    entry({
      syms: ["Effusion", "Diffuse Nodule"],
      boxes: [[1, 2, 3, 4], [0, 0, 9, 9]],
      polygons: [[[1, 2], [3, 2], [3, 4]], [[[0, 0], [9, 0], [9, 9]], [[7, 7], [8, 7], [8, 8]]]],
    }),
    entry({ syms: ["Mass"], boxes: [[1, 2, 3, 4]] }),
  ];
  const common = { stem: "36302", image: "36302.png", split: "test" };
  assertEquals(chestxDetRows("d/ChestX_Det_test.json", json), [
    {
      ...common,
      where: "ChestX_Det_test.json:[1].polygons[0]",
      phrase: "The patient has Effusion",
      category: "Pleural Effusion",
      mask: { segmentation: [[1, 2, 3, 2, 3, 4]] },
    },
    {
      ...common,
      where: "ChestX_Det_test.json:[1].polygons[1]",
      phrase: "The patient has Diffuse Nodule",
      category: "Diffuse Nodule",
      mask: { segmentation: [[0, 0, 9, 0, 9, 9], [7, 7, 8, 7, 8, 8]] },
    },
    {
      ...common,
      where: "ChestX_Det_test.json:[2].boxes[0]",
      phrase: "The patient has Mass",
      category: "Mass",
      box: [1, 2, 3, 4],
      boxColumns: { names: ["x1", "y1", "x2", "y2"], areCorners: true },
    },
  ]);
});

Deno.test("chestxDetRows() records the fault of an entry", () => {
  const faults = chestxDetRows("a.json", [
    5,
    entry({ syms: ["Mass"], polygons: [] }),
    entry({ syms: ["Tumour"], polygons: [[[1, 2], [3, 2], [3, 4]]] }),
  ]).map(({ fault }) => fault);
  assertEquals(faults, [
    'expected lists "syms" and "boxes" of equal length, got 5',
    'expected lists "syms" and "polygons" of equal length, got {"syms":["Mass"],"polygons":[]}',
    "the class must be one of Atelectasis, Calcification, Cardiomegaly, Consolidation, " +
    "Diffuse Nodule, Effusion, Emphysema, Fibrosis, Fracture, Mass, Nodule, " +
    'Pleural Thickening, Pneumothorax, got "Tumour"',
  ]);
  assertThrows(() => chestxDetRows("a.json", {}), SyntaxError, "expected a list");
});
