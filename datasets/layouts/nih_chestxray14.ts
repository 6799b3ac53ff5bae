/**
 * NIH ChestX-ray14: the boxes of `BBox_List_2017.csv`.
 *
 * @module
 */

import { stemOf } from "../../base/paths.ts";
import { findBoxColumns } from "../box_columns.ts";
import { type CsvTable, requireColumns, toNumber } from "../csv.ts";
import type { SplitRow } from "../split_row.ts";
import type { Layout } from "./layout.ts";
import { classFault, classPhrase } from "./_class_phrase.ts";

/** Columns of the table. Its header `Bbox [x,y,w,h],,,` parts into four names and empty ones. */
const COLUMNS = ["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"] as const;

/** Columns that tell the table from others. */
const OWN = COLUMNS.slice(0, 2);

/** Classes with boxes, and their names in tables. */
const CLASSES = new Map([
  ["Atelectasis", "Atelectasis"],
  ["Cardiomegaly", "Cardiomegaly"],
  // The paper's name of the class.
  ["Effusion", "Pleural Effusion"],
  ["Infiltrate", "Infiltrate"],
  ["Mass", "Mass"],
  ["Nodule", "Nodule"],
  ["Pneumonia", "Pneumonia"],
  ["Pneumothorax", "Pneumothorax"],
]);

/** Side of every image in pixels. */
const SIDE = 1024;

/**
 * Makes rows from the boxes. The edges of boxes are rounded to whole pixels of the image of
 * 1024x1024; a file of another size fails.
 *
 * @throws {SyntaxError} If a column is missing.
 */
export function nihRows(path: string, table: CsvTable): SplitRow[] {
  requireColumns(path, table, OWN);
  const columns = findBoxColumns(path, table);
  if (!columns) requireColumns(path, table, COLUMNS);
  return table.records.map(({ line, text, fault }): SplitRow => {
    const [image, name] = [text("Image Index"), text("Finding Label")];
    const category = CLASSES.get(name);
    const wrong = fault ?? (category ? undefined : classFault(CLASSES.keys(), name));
    const box = columns!.names.map(text);
    return {
      where: `${table.name}:${line}`,
      stem: stemOf(image),
      image,
      phrase: category ? classPhrase(name) : "",
      ...(category && { category }),
      size: [SIDE, SIDE],
      ...(columns!.areCorners ? { box, boxColumns: columns! } : { box: roundEdges(box) }),
      ...(wrong && { fault: wrong }),
    };
  });
}

/** Rounds the edges of a box to whole pixels; leaves texts that are not numbers unchanged. */
function roundEdges(box: readonly string[]): readonly unknown[] {
  const [x, y, width, height] = box.map(toNumber) as [number, number, number, number];
  if ([x, y, width, height].some(Number.isNaN)) return box;
  const [left, top] = [Math.round(x), Math.round(y)];
  return [left, top, Math.round(x + width) - left, Math.round(y + height) - top];
}

/** Name of the table with the labels of all images, and its columns. */
const LABELS = "Data_Entry_2017.csv";
const LABEL_COLUMNS = ["Image Index", "Finding Labels"];

/**
 * Makes the rows of {@linkcode nihRows}, and rows without a box: for each of their images, and for each
 * class that the labels of the image name. Not every finding of these images has a box.
 */
function labelRows(path: string, table: CsvTable, labels: CsvTable): SplitRow[] {
  requireColumns(LABELS, labels, LABEL_COLUMNS);
  const boxed = nihRows(path, table);
  const found = new Map(labels.records.map(({ text, fault }) => [
    text("Image Index"),
    { names: text("Finding Labels").split("|"), fault },
  ]));
  const images = new Map(boxed.map((row) => [row.image, row]));
  const alone = [...images].flatMap(([image, { where, stem }]): SplitRow[] => {
    const { names = [], fault = undefined } = found.get(image) ??
      { fault: `${LABELS} has no labels of the image` };
    const row = { where, stem, image, phrase: "", ...(fault && { fault }) };
    // The two tables spell one class differently.
    const named = names.flatMap((name) =>
      CLASSES.get(name.trim().replace(/^Infiltration$/, "Infiltrate")) ?? []
    );
    return [row, ...named.map((category) => ({ ...row, category }))];
  });
  return [...boxed, ...alone];
}

/** The table of boxes; the images lie in folders such as `images_001/images`. */
export const NIH_CHESTXRAY14: Layout = {
  title: "NIH ChestX-ray14",
  table: {
    columns: COLUMNS,
    // Two columns decide, so that `nihRows` can name a box's column that is missing.
    matches: (has) => OWN.every(has),
    rows: nihRows,
    example: `Image Index,Finding Label,Bbox [x,y,w,h],,,
a.png,Effusion,225.08,547.01,86.77,79.18,,,
b.png,Infiltrate,1,1,5,5
`,
  },
  release: {
    names: [/^BBox_List_2017\.csv$/i],
    shown: "BBox_List_2017.csv (NIH ChestX-ray14)",
  },
  findsImagesByName: true,
  labels: {
    classes: [...CLASSES.values()],
    table: { name: LABELS, needs: "the boxes are of some findings only" },
    rows: (path, { table }, labels) => labelRows(path, table!, labels!),
  },
  wordings: {},
};
