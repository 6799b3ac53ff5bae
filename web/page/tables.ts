/// <reference lib="dom" />
/**
 * A run's tables.
 *
 * @module
 */

import type { ResultTable } from "../../reports/result_table.ts";
import { make } from "./parts_of_page.ts";

/** A table of scores with its caption. */
export function tableElement({ columns, groups, counts, caption }: ResultTable): HTMLElement {
  const table = make("table");
  const heading = (text: string, scope: string) => make("th", text, { scope });
  const line = (first: string, second: string, cells: readonly string[]) => {
    const row = make("tr");
    row.append(
      heading(first, "row"),
      heading(second, "row"),
      ...cells.map((text) => make("td", text)),
    );
    return row;
  };
  const head = make("tr");
  head.append(make("td"), make("td"), ...columns.map((name) => heading(name, "col")));
  table.append(head);
  for (const { method, isPublished, rows } of groups) {
    rows.forEach(({ label, cells }, i) => {
      const name = i === 0 ? `${method}${isPublished ? " (published)" : ""}` : "";
      table.append(line(name, label, cells.map(({ text }) => text)));
    });
  }
  for (const { label, cells } of counts) table.append(line("", label, cells));
  const element = make("div");
  element.append(table, make("p", caption.join(" ")));
  return element;
}
