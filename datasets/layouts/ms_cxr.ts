/**
 * MS-CXR, releases 0.1 (1.0.0) and 1.1.0: phrases and boxes for images of
 * MIMIC-CXR-JPG, as CSV or as COCO-style JSON.
 *
 * @module
 */

import { InputSyntaxError } from "../../base/errors.ts";
import { type CsvTable, requireColumns, toNumber } from "../csv.ts";
import { given, isObject, type JsonObject } from "../../base/json.ts";
import { nameOf, stemOf } from "../../base/paths.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import { isNoBox } from "../box_columns.ts";
import { CLASSES } from "../sample.ts";
import type { HasColumn, Layout } from "./layout.ts";

/** Columns in every release; release 1.1.0 added `split`. */
export const MS_CXR_COLUMNS = [
  "dicom_id",
  "category_name",
  "label_text",
  "x",
  "y",
  "w",
  "h",
  "image_width",
  "image_height",
  "path",
] as const;

/** Prefix of the `dicom_id` of phantoms, which are written in this layout. */
export const PHANTOM_STEM = "phantom-";

/**
 * Makes rows from the CSV of a release. A column `words` may be added: the words of the phrase that
 * methods by words should read.
 *
 * @throws {SyntaxError} If a column is missing.
 */
export function msCxrRows(path: string, table: CsvTable): SplitRow[] {
  requireColumns(path, table, MS_CXR_COLUMNS);
  return table.records.map(({ line, get, text, fault }) => {
    const [split, words] = [text("split"), text("words")];
    return {
      where: `${table.name}:${line}`,
      stem: text("dicom_id") || nameOf(text("path")),
      image: text("path"),
      // Do not trim the phrase: docs/method.md, section 3 merges only rows with equal phrases.
      phrase: get("label_text") ?? "",
      category: text("category_name"),
      box: ["x", "y", "w", "h"].map(text),
      size: [text("image_width"), text("image_height")],
      ...given({ split, words, fault }),
    };
  });
}

/**
 * Gets a list from the JSON. Throws if the list is missing or all of its objects lack a field: the
 * file then has another layout. The caller checks each entry, because some may lack a field or
 * may not be objects.
 */
function list(path: string, json: JsonObject, key: string, fields: readonly string[]): unknown[] {
  const value = json[key];
  if (!Array.isArray(value)) {
    throw new InputSyntaxError(`Cannot read "${path}": it has no list "${key}"`);
  }
  const entries = value.filter(isObject);
  if (entries.length === 0 && value.length > 0) {
    throw new InputSyntaxError(`Cannot read "${path}": ${key}[0] is not an object`);
  }
  const missing = fields.find((field) => entries.every((entry) => !(field in entry)));
  if (entries.length > 0 && missing !== undefined) {
    throw new InputSyntaxError(`Cannot read "${path}": ${key}[0] has no "${missing}"`);
  }
  return value;
}

/** Groups objects by their id, so that the caller can find repeated ids. */
function byId(entries: readonly unknown[]): Map<unknown, JsonObject[]> {
  return Map.groupBy(entries.filter(isObject), ({ id }) => id);
}

/**
 * Makes rows from the COCO-style JSON of a release.
 *
 * @throws {SyntaxError} If a list or field is missing.
 */
export function cocoRows(path: string, json: unknown): SplitRow[] {
  if (!isObject(json)) throw new InputSyntaxError(`Cannot read "${path}": expected an object`);
  const images = byId(list(path, json, "images", ["id", "file_name", "width", "height"]));
  const categories = byId(list(path, json, "categories", ["id", "name"]));
  const annotations = list(path, json, "annotations", [
    "image_id",
    "category_id",
    "bbox",
    "label_text",
  ]);
  return annotations.map((entry, i) => {
    const annotation = isObject(entry) ? entry : {};
    const [image, ...otherImages] = images.get(annotation.image_id) ?? [];
    const [category, ...otherCategories] = categories.get(annotation.category_id) ?? [];
    const text = (value: unknown) => typeof value === "string" ? value.trim() : "";
    const imagePath = text(image?.path) || text(image?.file_name);
    const split = text(annotation.split) || text(image?.split);
    const box = Array.isArray(annotation.bbox) ? annotation.bbox : [];
    const isBox = box.length === 4 && box.every((value) => !Number.isNaN(toNumber(value)));
    const fault = !isObject(entry)
      ? `it is not an object, got ${show(entry)}`
      : otherImages.length > 0
      ? `it refers to image ${show(annotation.image_id)}, of which there are several`
      : otherCategories.length > 0
      ? `it refers to category ${show(annotation.category_id)}, of which there are several`
      : !image
      ? `it refers to image ${show(annotation.image_id)}, which is not there`
      : category === undefined
      ? `it refers to category ${show(annotation.category_id)}, which is not there`
      : typeof category.name !== "string"
      ? `"name" of its category must be text, got ${show(category.name)}`
      : typeof annotation.label_text !== "string"
      ? `"label_text" must be text, got ${show(annotation.label_text)}`
      : isBox
      ? undefined
      : `"bbox" must be four numbers, got ${show(annotation.bbox)}`;
    return {
      where: `${nameOf(path)}:annotations[${i}]`,
      stem: stemOf(nameOf(imagePath)) || show(annotation.image_id),
      image: imagePath,
      phrase: typeof annotation.label_text === "string" ? annotation.label_text : "",
      box,
      ...(text(category?.name) && { category: text(category?.name) }),
      ...(image && { size: [image.width, image.height] as const }),
      ...(split && { split }),
      ...(fault && { fault }),
    };
  });
}

/** Name of the table with every finding of phantoms, of which only some have a phrase. */
export const PHANTOM_FINDINGS = "phantom_findings.csv";

/** A table resembles MS-CXR if it has two of its long column names; others may be missing. */
function resembles(has: HasColumn): boolean {
  return MS_CXR_COLUMNS.filter((column) => column.length > 1 && has(column)).length >= 2;
}

/** Files of MS-CXR, and of phantoms. */
export const MS_CXR: Layout = {
  title: "MS-CXR",
  imagesOf: "mimic-cxr",
  table: {
    columns: MS_CXR_COLUMNS,
    // Two columns decide, so that `msCxrRows` can name the others if they are missing.
    matches: (has) => has("label_text") && has("path"),
    resembles,
    rows: msCxrRows,
    example: `${MS_CXR_COLUMNS.join()},split
d1,Edema,haze,1,1,4,4,8,8,files/b.png,test
d2,Edema,more haze,0,0,8,8,8,8,a.png,val
`,
  },
  json: {
    matches: isObject,
    rows: cocoRows,
    example: {
      images: [
        { id: 1, file_name: "a.png", width: 8, height: 8, path: "files/b.png" },
        { id: 2, file_name: "a.png", width: 8, height: 8 },
      ],
      categories: [{ id: 1, name: "Edema" }],
      annotations: [
        { image_id: 1, category_id: 1, bbox: [1, 1, 4, 4], label_text: "edema", split: "test" },
        { image_id: 2, category_id: 1, bbox: [0, 0, 8, 8], label_text: "more edema" },
      ],
    },
  },
  release: {
    names: [/^MS_CXR_Local_Alignment_v[\d.]+\.csv$/, /^MS_CXR_Local_Alignment_v[\d.]+\.json$/],
    shown: "MS_CXR_Local_Alignment_v….csv or .json",
  },
  labels: {
    classes: CLASSES,
    table: {
      name: PHANTOM_FINDINGS,
      needs:
        "MS-CXR does not say which classes an image lacks, and only phantoms have such a table",
    },
    rows: (path, _content, findings) =>
      // A finding outside the picture's edge has no box.
      msCxrRows(path, findings!).map(({ box, ...row }) =>
        isNoBox(box as string[]) ? row : { ...row, box: box! }
      ),
  },
  tree: { folder: "files", of: "MIMIC-CXR-JPG" },
  arePhantoms: (rows) => rows.every(({ stem }) => stem.startsWith(PHANTOM_STEM)),
};
