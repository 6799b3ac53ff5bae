/**
 * The RSNA pneumonia detection challenge: boxes as CSV.
 *
 * @module
 */

import { classPhrase } from "./_class_phrase.ts";
import { type CsvTable, requireColumns, toNumber } from "../csv.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import type { Layout } from "./layout.ts";

/** Columns of `stage_2_train_labels.csv`. */
const RSNA_COLUMNS = ["patientId", "x", "y", "width", "height", "Target"] as const;

/**
 * Makes rows from the boxes, where `Target` is 1. Each row has the class Pneumonia
 * and the phrase "The patient has Pneumonia". Images without a box (`Target` 0)
 * are left out.
 *
 * @param asLabels Images without a box have a row without a class.
 * @throws {SyntaxError} If a column is missing.
 */
export function rsnaRows(path: string, table: CsvTable, asLabels = false): SplitRow[] {
  requireColumns(path, table, RSNA_COLUMNS);
  return table.records.flatMap(({ line, text, fault }): SplitRow[] => {
    const target = text("Target");
    const image = text("patientId");
    const where = `${table.name}:${line}`;
    if (!fault && toNumber(target) === 0) {
      return asLabels ? [{ where, stem: image, image, phrase: "" }] : [];
    }
    const wrong = fault ??
      (toNumber(target) === 1 ? undefined : `"Target" must be 0 or 1, got "${show(target)}"`);
    return [{
      where,
      stem: image,
      image,
      phrase: classPhrase("Pneumonia"),
      category: "Pneumonia",
      box: ["x", "y", "width", "height"].map(text),
      ...(wrong && { fault: wrong }),
    }];
  });
}

/** Files of the challenge's second stage. */
export const RSNA_PNEUMONIA: Layout = {
  title: "RSNA pneumonia",
  imagesOf: "nih-chestxray14",
  table: {
    columns: RSNA_COLUMNS,
    rows: (path, table) => rsnaRows(path, table),
    example: `${RSNA_COLUMNS.join()}
a,1,1,4,4,1
b,,,,,0
`,
  },
  release: {
    names: [/^stage_2_train_labels\.csv$/],
    shown: "stage_2_train_labels.csv (RSNA)",
  },
  findsImagesByName: true,
  labels: {
    classes: ["Pneumonia"],
    rows: (path, { table }) => rsnaRows(path, table!, true),
  },
  wordings: {},
};
