/**
 * A plain CSV of images and phrases, with boxes or without.
 *
 * @module
 */

import { findBoxColumns, isNoBox } from "../box_columns.ts";
import { type CsvRecord, type CsvTable, fold, requireColumns } from "../csv.ts";
import type { RowMask } from "../masks.ts";
import { nameOf } from "../../base/paths.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import type { Layout } from "./layout.ts";
import { given } from "../../base/json.ts";

const COLUMNS = ["image", "phrase"];

/**
 * Makes rows from a CSV with the columns `image` and `phrase`. Boxes have the columns
 * `x, y, w, h` or corners such as `x1, y1, x2, y2`. The columns of boxes, `category`, `split` and
 * `words` are optional. A column `mask` has the path of a PNG, or the JSON of a COCO
 * segmentation; `left` and `top` then are the place of a PNG that is smaller than its image, and
 * `width` and `height` its size.
 *
 * @param columns Columns that the table must have.
 * @throws {SyntaxError} If a column is missing.
 */
export function plainRows(path: string, table: CsvTable, columns = COLUMNS): SplitRow[] {
  const hasMasks = table.has("mask");
  const found = findBoxColumns(path, table);
  const isOfMask = hasMasks && found?.names.some((name) => fold(name) === "left");
  const boxColumns = isOfMask ? undefined : found;
  requireColumns(path, table, columns);
  return table.records.map((record) => {
    const { line, text, fault } = record;
    const box = boxColumns?.names.map(text) ?? [];
    const [category, split, words] = [text("category"), text("split"), text("words")];
    const patient = text("patient");
    return {
      where: `${table.name}:${line}`,
      stem: nameOf(text("image")),
      image: text("image"),
      phrase: text("phrase"),
      ...(!isNoBox(box) && { box, ...(boxColumns && { boxColumns }) }),
      ...(hasMasks && maskOf(record)),
      ...given({ category, split, patient, words, fault }),
    };
  });
}

/** The mask of a row; a fault if it is JSON that cannot be read. */
function maskOf({ text }: CsvRecord): { readonly mask?: RowMask; readonly fault?: string } {
  const [mask, left, top] = [text("mask"), text("left"), text("top")];
  const [width, height] = [text("width"), text("height")];
  if (isNoBox([mask])) return {};
  if (/^[[{]/.test(mask)) {
    try {
      return { mask: { segmentation: JSON.parse(mask) } };
    } catch (error) {
      const reason = show((error as Error).message, 200);
      return { fault: `"mask" must be a path or the JSON of a COCO segmentation (${reason})` };
    }
  }
  const isPlaced = left !== "" || top !== "";
  return {
    mask: {
      path: mask,
      ...(isPlaced && { left, top }),
      ...(isPlaced && width !== "" && height !== "" && { size: [width, height] as const }),
    },
  };
}

/** Tables of users; a file may have any name. */
export const PLAIN_CSV: Layout = {
  title: "a CSV of image, phrase[, x, y, w, h] or image, phrase, mask",
  imagesOf: "*",
  table: {
    columns: COLUMNS,
    // One column decides, so that `plainRows` can name the other if it is missing.
    matches: (has) => COLUMNS.some(has),
    rows: (path, table) => plainRows(path, table),
    example: `${COLUMNS.join()},x,y,w,h,category,split,mask,left,top
a.png,haze,1,1,4,4,Edema,test,,,
files/b.png,left lung,,,,,,val,,,
a.png,right lung,,,,,,,masks/m.png,1,2
files/b.png,heart,,,,,,,"[[1,1,5,1,5,5]]",,
`,
  },
  // The user says by the choice of the mode that the table names every class of each image.
  labels: { rows: (path, { table }) => plainRows(path, table!, ["image", "category"]) },
};
