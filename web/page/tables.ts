/// <reference lib="dom" />
/**
 * Shows tables of a run's scores.
 *
 * @module
 */

import type { ResultTable } from "../../reports/tables/result_table.ts";
import { formatHtml } from "../../reports/tables/table_html.ts";
import { make } from "./parts_of_page.ts";

/** Makes an element of a table with its caption, in the report's HTML. */
export function tableElement(table: ResultTable): HTMLElement {
  const element = make("div");
  // Safe: formatHtml() escapes all texts.
  element.innerHTML = formatHtml(table);
  return element;
}
