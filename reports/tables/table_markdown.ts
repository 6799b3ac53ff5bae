import { type ResultTable, type TableCell, writeGroup } from "./result_table.ts";

/** Formats a table of results in GitHub's Markdown, with the caption above the table. */
export function formatMarkdown(table: ResultTable): string {
  const { columns, groups, counts = [], caption } = table;
  const rows = groups.flatMap((group) =>
    writeGroup(group, { text: escape, value: write, interval: escape, published: "†" })
  );
  const lines = [
    ["", "", ...columns.map(escape)],
    [":--", ":--", ...columns.map(() => "--:")],
    ...rows,
    ...counts.map(({ label, cells }) => ["", label, ...cells]),
  ].map((cells) => `| ${cells.join(" | ")} |`);
  return `${caption.map(escape).join(" ")}\n\n${lines.join("\n")}\n`;
}

function write({ text, better }: TableCell): string {
  // GitHub has no tag for underlined text, but underlines `<ins>`.
  return better === 0 ? `**${text}**` : better === 1 ? `<ins>${text}</ins>` : text;
}

/** Escapes the characters that have a meaning in Markdown. */
function escape(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ").replaceAll(/[\\`*_{}[\]<>#|~&]/g, "\\$&");
}
