/**
 * A plain CSV of images and phrases, with boxes or without.
 *
 * @module
 */

import { type CsvTable, requireColumns } from "./_csv.ts";
import { nameOf } from "./_paths.ts";
import type { SplitRow } from "./ms_cxr.ts";

const BOX_COLUMNS = ["x", "y", "w", "h"];

/**
 * Rows of a CSV with the columns `image, phrase` and, if there are boxes,
 * `x, y, w, h`; `category` and `split` are read where they are there.
 *
 * @throws {SyntaxError} If a column is missing.
 */
export function plainRows(path: string, table: CsvTable): SplitRow[] {
  const hasBoxes = BOX_COLUMNS.some((column) => table.columns.includes(column));
  requireColumns(path, table, ["image", "phrase", ...(hasBoxes ? BOX_COLUMNS : [])]);
  return table.records.map(({ line, get, fault }) => {
    const text = (column: string) => (get(column) ?? "").trim();
    const box = BOX_COLUMNS.map(text);
    const [category, split] = [text("category"), text("split")];
    return {
      where: `${table.name}:${line}`,
      stem: nameOf(text("image")),
      image: text("image"),
      phrase: text("phrase"),
      ...(box.some((value) => value !== "") && { box }),
      ...(category && { category }),
      ...(split && { split }),
      ...(fault && { fault }),
    };
  });
}
