import { escape } from "@std/html/entities";
import { printable } from "../../base/text.ts";
import type { ResultTable, TableCell } from "./result_table.ts";

/** Formats a table of results as HTML, with the caption below the table. */
export function formatHtml({ columns, groups, counts = [], caption }: ResultTable): string {
  const label = safe(caption[0]!);
  const head = columns.map((name) => `<th scope="col">${safe(name)}</th>`);
  const bodies = groups.map(({ method, isPublished, rows }) => {
    const name = `<th scope="rowgroup" rowspan="${rows.length}">${safe(method)}` +
      `${isPublished ? "†" : ""}</th>`;
    const lines = rows.map(({ label, cells }, i) =>
      `<tr>${i === 0 ? name : ""}<th scope="row">${safe(label)}</th>` +
      `${cells.map(writeCell).join("")}</tr>`
    );
    return `<tbody${isPublished ? ' class="published"' : ""}>${lines.join("\n")}</tbody>`;
  });
  const totals = counts.map(({ label, cells }) =>
    `<tr><td></td><th scope="row">${safe(label)}</th>` +
    `${cells.map((text) => `<td>${safe(text)}</td>`).join("")}</tr>`
  );
  return `<div class="scroll" tabindex="0" role="region" aria-label="${label}">` +
    `<table class="scores"><thead><tr><td></td><td></td>${head.join("")}</tr></thead>\n${
      bodies.join("\n")
    }\n` +
    `<tfoot>${totals.join("\n")}</tfoot></table></div>\n` +
    `<p class="caption">${caption.map((sentence) => safe(sentence)).join(" ")}</p>\n`;
}

function writeCell({ text, better, interval, href }: TableCell): string {
  const tag = better === 0 ? "b" : better === 1 ? "u" : undefined;
  const marked = tag ? `<${tag}>${safe(text)}</${tag}>` : safe(text);
  const value = href === undefined ? marked : `<a href="${escape(href)}">${marked}</a>`;
  return `<td>${value}${interval ? ` <small>${safe(interval)}</small>` : ""}</td>`;
}

/** Escapes a text from a file for HTML, shows invisible characters, and cuts at `length`. */
export function safe(text: string, length = 2000): string {
  return escape(printable(text, length));
}
