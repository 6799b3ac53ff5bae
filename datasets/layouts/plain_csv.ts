/**
 * A plain CSV of images and phrases, with boxes or without.
 *
 * @module
 */

import { findBoxColumns, isNoBox } from "../box_columns.ts";
import { type CsvTable, requireColumns } from "../csv.ts";
import { nameOf } from "../../base/paths.ts";
import type { SplitRow } from "../split_row.ts";
import type { Layout } from "./layout.ts";

const COLUMNS = ["image", "phrase"];

/**
 * Makes rows from a CSV with the columns `image` and `phrase`. Boxes have the columns
 * `x, y, w, h` or corners such as `x1, y1, x2, y2`. The columns of boxes, `category`,
 * `split` and `words` are optional.
 *
 * @throws {SyntaxError} If a column is missing.
 */
export function plainRows(path: string, table: CsvTable): SplitRow[] {
  const boxColumns = findBoxColumns(path, table);
  requireColumns(path, table, COLUMNS);
  return table.records.map(({ line, get, fault }) => {
    const text = (column: string) => (get(column) ?? "").trim();
    const box = boxColumns?.names.map(text) ?? [];
    const [category, split, words] = [text("category"), text("split"), text("words")];
    return {
      where: `${table.name}:${line}`,
      stem: nameOf(text("image")),
      image: text("image"),
      phrase: text("phrase"),
      ...(!isNoBox(box) && { box, ...(boxColumns && { boxColumns }) }),
      ...(category && { category }),
      ...(split && { split }),
      ...(words && { words }),
      ...(fault && { fault }),
    };
  });
}

/** Tables of users; a file may have any name. */
export const PLAIN_CSV: Layout = {
  title: "a CSV of image, phrase[, x, y, w, h]",
  table: {
    columns: COLUMNS,
    // One column decides, so that `plainRows` can name the other if it is missing.
    matches: (has) => COLUMNS.some(has),
    rows: plainRows,
    example: `${COLUMNS.join()},x,y,w,h,category,split
a.png,haze,1,1,4,4,Edema,test
files/b.png,left lung,,,,,,val
`,
  },
};
