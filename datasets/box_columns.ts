import { InputSyntaxError } from "../base/errors.ts";
import { type CsvTable, fold, requireColumns } from "./csv.ts";
import { type BoxColumns, XYWH } from "./rows.ts";
import { show } from "./show.ts";

/** Names of box columns after {@linkcode fold}; the first layout that fits is used. */
const LAYOUTS: readonly { readonly names: readonly string[][]; readonly areCorners: boolean }[] = [
  { areCorners: false, names: [[...XYWH.names]] },
  {
    areCorners: true,
    names: [
      ["x1", "y1", "x2", "y2"],
      ["x0", "y0", "x1", "y1"],
      ["xmin", "ymin", "xmax", "ymax"],
      ["minx", "miny", "maxx", "maxy"],
      ["left", "top", "right", "bottom"],
      ["x", "y", "x2", "y2"],
      ["xtl", "ytl", "xbr", "ybr"],
    ],
  },
  // Tried after corners, because `width` and `height` beside corners belong to the image.
  {
    areCorners: false,
    names: [
      ["x", "y", "width", "height"],
      ["left", "top", "width", "height"],
      ["xmin", "ymin", "width", "height"],
    ],
  },
];

/** Columns of box centres, which are not supported. */
const UNREAD = [["cx", "cy"], ["xc", "yc"], ["xcenter", "ycenter"], ["xcentre", "ycentre"]];

/** Matches a column of whole boxes, which is refused: the order of their numbers is unknown. */
const WHOLE = /^(bbox|box|bndbox|boundingbox)(es)?$/;

/** Matches a prefix that columns of coordinates may have. */
const PREFIX = /^(bbox|bndbox|boundingbox|box)(?=.)/;

/**
 * Finds the columns of boxes.
 *
 * @returns `undefined` if the file has no boxes.
 * @throws {SyntaxError} If columns look like boxes, but a column is missing or the meaning of the
 * numbers is unclear.
 */
export function findBoxColumns(path: string, table: CsvTable): BoxColumns | undefined {
  const byName = new Map<string, string>();
  for (const column of table.columns) {
    const name = fold(column).replace(PREFIX, "");
    // An exact name takes precedence over a similar spelling.
    if (!byName.has(name) || column === name) byName.set(name, column);
  }
  const shown = (columns: readonly (string | undefined)[]) =>
    columns.map((column) => `"${show(column)}"`).join(", ");
  const unclear = (found: string) =>
    new InputSyntaxError(
      `Cannot read "${path}": ${found} like a box, expected the columns x, y, w, h, ` +
        "or corners such as x1, y1, x2, y2",
    );
  for (const { names, areCorners } of LAYOUTS) {
    const found = names.filter((four) => four.every((name) => byName.has(name)))
      .map((four) => four.map((name) => byName.get(name)!));
    if (found.length > 1) {
      throw unclear(`both columns ${found.map(shown).join(" and columns ")} look`);
    }
    if (found[0]) return { names: found[0], areCorners };
  }
  if (XYWH.names.some((name) => table.columns.includes(name))) {
    requireColumns(path, table, XYWH.names);
  }
  const whole = table.columns.find((column) => WHOLE.test(fold(column)));
  if (whole !== undefined) throw unclear(`column ${shown([whole])} looks`);
  const partial = [...LAYOUTS.flatMap(({ names }) => names), ...UNREAD]
    .map((names) => names.filter((name) => byName.has(name)))
    .find((names) => names.length === 3 || UNREAD.some((center) => `${center}` === `${names}`));
  if (partial) throw unclear(`columns ${shown(partial.map((name) => byName.get(name)))} look`);
  return undefined;
}

/** Whether all fields of a box are empty or mark a missing value, as pandas and R write it. */
export function isNoBox(fields: readonly string[]): boolean {
  return fields.every((field) => /^\s*(|nan|n\/?a|<na>|null|none)\s*$/i.test(field));
}
