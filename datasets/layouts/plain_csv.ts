/**
 * A plain CSV of images and phrases, with boxes or without.
 *
 * @module
 */

import { findBoxColumns, isNoBox } from "../box_columns.ts";
import { type CsvTable, requireColumns } from "../csv.ts";
import { nameOf } from "../../base/paths.ts";
import type { SplitRow } from "./ms_cxr.ts";

/**
 * Makes rows from a CSV with the columns `image` and `phrase`. Boxes have the columns
 * `x, y, w, h` or corners such as `x1, y1, x2, y2`. The columns of boxes, `category`
 * and `split` are optional.
 *
 * @throws {SyntaxError} If a column is missing.
 */
export function plainRows(path: string, table: CsvTable): SplitRow[] {
  const boxColumns = findBoxColumns(path, table);
  requireColumns(path, table, ["image", "phrase"]);
  return table.records.map(({ line, get, fault }) => {
    const text = (column: string) => (get(column) ?? "").trim();
    const box = boxColumns?.names.map(text) ?? [];
    const [category, split] = [text("category"), text("split")];
    return {
      where: `${table.name}:${line}`,
      stem: nameOf(text("image")),
      image: text("image"),
      phrase: text("phrase"),
      ...(!isNoBox(box) && { box, ...(boxColumns && { boxColumns }) }),
      ...(category && { category }),
      ...(split && { split }),
      ...(fault && { fault }),
    };
  });
}
