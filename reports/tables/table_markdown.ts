import { type ResultTable, type TableCell, writeGroup } from "./result_table.ts";

/** A table of results in GitHub's Markdown, under its caption. */
export function formatMarkdown(table: ResultTable): string {
  const { columns, groups, counts, caption } = table;
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
  // What GitHub shows underlined is what was inserted.
  return better === 0 ? `**${text}**` : better === 1 ? `<ins>${text}</ins>` : text;
}

/** Text of which nothing is taken for markup. */
function escape(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ").replaceAll(/[\\`*_{}[\]<>#|~&]/g, "\\$&");
}
