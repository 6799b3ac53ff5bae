/**
 * MS-CXR, releases 0.1 (1.0.0) and 1.1.0: phrases and boxes for images of
 * MIMIC-CXR-JPG, as CSV or as COCO-style JSON.
 *
 * @module
 */

import { type CsvTable, requireColumns } from "./_csv.ts";
import { nameOf } from "./_paths.ts";
import { type Row, toNumber } from "./_rows.ts";

/** Columns that every release has; `split` came with 1.1.0. */
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

/** A {@linkcode Row} and the split it belongs to. */
export interface SplitRow extends Row {
  /** Such as `val` or `test`. */
  readonly split?: string;
}

/**
 * Rows of the release's CSV.
 *
 * @throws {SyntaxError} If a column is missing.
 */
export function msCxrRows(path: string, table: CsvTable): SplitRow[] {
  requireColumns(path, table, MS_CXR_COLUMNS);
  return table.records.map(({ line, get, fault }) => {
    const text = (column: string) => (get(column) ?? "").trim();
    const split = text("split");
    return {
      where: `${table.name}:${line}`,
      stem: text("dicom_id") || nameOf(text("path")),
      image: text("path"),
      phrase: text("label_text"),
      category: text("category_name"),
      box: ["x", "y", "w", "h"].map(text),
      size: [text("image_width"), text("image_height")],
      ...(split && { split }),
      ...(fault && { fault }),
    };
  });
}

type Entry = Readonly<Record<string, unknown>>;

/** The objects of a list in the JSON. */
function list(path: string, json: Entry, key: string, fields: readonly string[]): Entry[] {
  const value = json[key];
  if (!Array.isArray(value)) {
    throw new SyntaxError(`Cannot read "${path}": it has no list "${key}"`);
  }
  value.forEach((entry, i) => {
    const missing = typeof entry === "object" && entry !== null
      ? fields.find((field) => !(field in entry))
      : fields[0];
    if (missing !== undefined) {
      throw new SyntaxError(`Cannot read "${path}": ${key}[${i}] has no "${missing}"`);
    }
  });
  return value;
}

/**
 * Rows of the release's COCO-style JSON.
 *
 * @throws {SyntaxError} If a list or field is missing.
 */
export function cocoRows(path: string, json: unknown): SplitRow[] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new SyntaxError(`Cannot read "${path}": expected an object`);
  }
  const top = json as Entry;
  const images = new Map(
    list(path, top, "images", ["id", "file_name", "width", "height"])
      .map((image) => [image.id, image]),
  );
  const categories = new Map(
    list(path, top, "categories", ["id", "name"]).map(({ id, name }) => [id, String(name)]),
  );
  const annotations = list(path, top, "annotations", [
    "image_id",
    "category_id",
    "bbox",
    "label_text",
  ]);
  return annotations.map((annotation, i) => {
    const image = images.get(annotation.image_id);
    const category = categories.get(annotation.category_id);
    const imagePath = String(image?.path ?? image?.file_name ?? "");
    const split = annotation.split ?? image?.split;
    const box = Array.isArray(annotation.bbox) ? annotation.bbox : [];
    const isBox = box.length === 4 && box.every((value) => !Number.isNaN(toNumber(value)));
    const fault = !image
      ? `it refers to image ${annotation.image_id}, which is not there`
      : category === undefined
      ? `it refers to category ${annotation.category_id}, which is not there`
      : isBox
      ? undefined
      : `"bbox" must be four numbers, got ${JSON.stringify(annotation.bbox)}`;
    return {
      where: `${nameOf(path)}:annotations[${i}]`,
      stem: nameOf(imagePath).replace(/\.[^.]*$/, "") || String(annotation.image_id),
      image: imagePath,
      phrase: String(annotation.label_text ?? "").trim(),
      box,
      ...(category !== undefined && { category }),
      ...(image && { size: [image.width, image.height] as const }),
      ...(typeof split === "string" && { split }),
      ...(fault && { fault }),
    };
  });
}
