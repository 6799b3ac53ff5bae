/**
 * VinDr-CXR: boxes of findings that radiologists drew, as CSV.
 *
 * @module
 */

import { InputSyntaxError } from "../../base/errors.ts";
import { area, type Box, intersect } from "../../base/geometry.ts";
import { type CsvTable, requireColumns, toNumber } from "../csv.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import type { Layout } from "./layout.ts";
import { CLASSES } from "../sample.ts";
import { classPhrase } from "./_class_phrase.ts";
import { given } from "../../base/json.ts";

/** Columns of `annotations_train.csv`, which has `rad_id` too, and of `annotations_test.csv`. */
const VINDR_COLUMNS = ["image_id", "class_name", "x_min", "y_min", "x_max", "y_max"];

/** The paper's eight classes by their spelling in VinDr-CXR. */
const NAMES = new Map<string, string>(
  CLASSES.map((name) => [name === "Pleural Effusion" ? "Pleural effusion" : name, name]),
);

/** Findings that count as pneumonia if the whole-image labels name any of the eight classes. */
const PNEUMONIA = ["ILD", "Infiltration"];

/** Minimum IoU at which two radiologists' boxes of one class count as the same finding. */
const SAME_BOX = 0.55;

/** Name of the file with whole-image labels for a file of boxes; both lie in one folder. */
export function labelsName(annotations: string): string | undefined {
  const split = splitOf(annotations);
  return split && `image_labels_${split}.csv`;
}

function splitOf(annotations: string): string | undefined {
  return /^annotations_(\w+)\.csv$/.exec(annotations)?.[1];
}

/**
 * Makes rows from the boxes, as the released code does. Rows have the eight
 * classes of MS-CXR. ILD and infiltration count as pneumonia in images whose
 * whole-image labels name any of the eight classes. Other classes and images
 * without a finding are left out. The phrase is "The patient has Pleural effusion"
 * and so on. A column `rad_id` means that several radiologists drew boxes. Then two
 * boxes of one class in an image may have an IoU of 0.55 or more: the larger is kept.
 *
 * @param labels The whole-image labels, if their file is present.
 * @throws {SyntaxError} If a column is missing, or if labels are needed but missing.
 */
export function vindrRows(path: string, table: CsvTable, labels: CsvTable | undefined): SplitRow[] {
  requireColumns(path, table, VINDR_COLUMNS);
  const isPneumonia = (name: string) => PNEUMONIA.includes(name);
  const named = table.records.map(({ text, ...record }) => ({
    ...{ ...record, text, image: text("image_id"), name: text("class_name") },
  }));
  const other = named.find(({ name }) => isPneumonia(name));
  if (other && !labels) {
    throw new InputSyntaxError(
      `Cannot read "${path}": ${other.name} counts as pneumonia where image_labels_….csv says so, ` +
        `expected it beside the file`,
    );
  }
  const positive = labels ? positiveImages(labels) : new Map<string, boolean | string>();
  const split = splitOf(table.name);
  const rows = named.flatMap(({ line, fault: own, text, image, name }): SplitRow[] => {
    const label = isPneumonia(name) ? positive.get(image) : undefined;
    const fault = own ?? (typeof label === "string" ? label : undefined);
    const spelled = isPneumonia(name) ? label ? "Pneumonia" : undefined : name;
    const category = NAMES.get(spelled ?? "");
    if (!fault && !category) return [];
    return [{
      where: `${table.name}:${line}`,
      stem: image,
      image,
      phrase: classPhrase(spelled ?? ""),
      ...toBox(CORNERS.names.map(text)),
      ...given({ category, split, fault }),
    }];
  });
  return table.has("rad_id") ? dropRepeated(rows) : rows;
}

const CORNERS = { names: ["x_min", "y_min", "x_max", "y_max"], areCorners: true };

/** Cuts corners to whole pixels and makes a box; leaves corners that are not numbers unchanged. */
function toBox(corners: readonly string[]): Pick<SplitRow, "box" | "boxColumns"> {
  const numbers = corners.map((corner) => Math.trunc(toNumber(corner)));
  if (numbers.some(Number.isNaN)) return { box: corners, boxColumns: CORNERS };
  const [left, top, right, bottom] = numbers as [number, number, number, number];
  return { box: [left, top, right - left, bottom - top] };
}

/**
 * Maps an image to `true` if its whole-image labels name any of the eight classes. Maps it to a
 * reason if its labels cannot be read.
 */
function positiveImages(labels: CsvTable): Map<string, boolean | string> {
  const columns = labels.columns.filter((column) => NAMES.has(column));
  const found = new Map<string, boolean | string>();
  for (const { text, line, fault } of labels.records) {
    const image = text("image_id");
    const values = columns.map(text);
    const bad = values.findIndex((value) => value !== "" && Number.isNaN(toNumber(value)));
    const why = fault ??
      (bad < 0 ? undefined : `"${columns[bad]}" must be a number, got "${show(values[bad])}"`);
    if (!fault && values.some((value) => toNumber(value) > 0)) found.set(image, true);
    else if (why && found.get(image) !== true) {
      found.set(image, `its labels cannot be read: ${why} (${labels.name}:${line})`);
    }
  }
  return found;
}

function dropRepeated(rows: readonly SplitRow[]): SplitRow[] {
  const groups = Map.groupBy(rows, ({ image, phrase }) => JSON.stringify([image, phrase]));
  const repeated = new Set<SplitRow>();
  for (const group of groups.values()) {
    group.forEach((first, i) => {
      for (const second of group.slice(i + 1)) {
        const [one, other] = [first.box as Box, second.box as Box];
        if (!(overlap(one, other) >= SAME_BOX)) continue;
        repeated.add(area(one) <= area(other) ? first : second);
      }
    });
  }
  return rows.filter((row) => !repeated.has(row));
}

/** Intersection over union; NaN if a box does not consist of numbers. */
function overlap(one: Box, other: Box): number {
  const shared = area(intersect(one, other));
  return shared / (area(one) + area(other) - shared);
}

/**
 * Makes the rows of {@linkcode vindrRows}, and rows without a box: for each image, and for each of the
 * eight classes that the whole-image labels name.
 */
function labelRows(path: string, table: CsvTable, labels: CsvTable | undefined): SplitRow[] {
  const split = splitOf(table.name);
  const alone = [table, ...(labels ? [labels] : [])].flatMap(({ name, records }) =>
    records.flatMap(({ text, line, fault }) => {
      const image = text("image_id");
      const row = {
        ...{ where: `${name}:${line}`, stem: image, image, phrase: "" },
        ...(split && { split }),
        ...(fault && { fault }),
      };
      const named = [...NAMES].filter(([column]) => toNumber(text(column)) > 0);
      return [row, ...named.map(([, category]) => ({ ...row, category }))];
    })
  );
  return [...vindrRows(path, table, labels), ...alone];
}

/** Files of VinDr-CXR: a table for each split, and beside it the labels of whole images. */
export const VINDR_CXR: Layout = {
  title: "VinDr-CXR",
  table: {
    columns: VINDR_COLUMNS,
    rows: vindrRows,
    example: `${VINDR_COLUMNS.join()},rad_id
a,Edema,1,1,5,5,R1
a,Edema,1,1,5,6,R2
b,Nodule/Mass,0,0,8,8,R1
`,
  },
  release: {
    names: [/^annotations_\w+\.csv$/],
    shown: "annotations_….csv (VinDr-CXR; in annotations/ too)",
    folder: "annotations",
  },
  companion: labelsName,
  findsImagesByName: true,
  labels: {
    classes: CLASSES,
    rows: (path, { table }, companion) => labelRows(path, table!, companion),
  },
  wordings: {},
};
