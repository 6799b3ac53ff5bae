/// <reference lib="dom" />
/**
 * A run's tables.
 *
 * @module
 */

import type { ResultTable } from "../../reports/tables/result_table.ts";
import { formatHtml } from "../../reports/tables/table_html.ts";
import { make } from "./parts_of_page.ts";

/** A table of scores with its caption, as the report has it. */
export function tableElement(table: ResultTable): HTMLElement {
  const element = make("div");
  // Its texts are escaped there.
  element.innerHTML = formatHtml(table);
  return element;
}
