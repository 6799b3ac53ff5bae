import { type ResultTable, type TableCell, writeGroup } from "./result_table.ts";

/**
 * Formats a table of results in LaTeX, for `\input` in a document.
 *
 * @param label Label of the table, after `tab:`.
 */
export function formatLatex(table: ResultTable, label: string): string {
  const { columns, groups, counts = [], caption } = table;
  const interval = (text: string) => `{\\scriptsize ${number(text)}}`;
  const blocks = groups.map((group) =>
    writeGroup(group, { text: escape, value: write, interval, published: DAGGER })
  );
  const lines = [
    [["", "", ...columns.map(heading)]],
    ...blocks,
    counts.map(({ label, cells }) => ["", label, ...cells]),
  ].map((rows) => rows.map((cells) => `      ${cells.join(" & ")} \\\\`).join("\n"));
  return `% Needs \\usepackage{booktabs,graphicx}
\\begin{table*}
  \\centering
  \\caption{${escape(caption.join(" ")).replaceAll("†", DAGGER)}}
  \\label{tab:${label}}
  \\smallskip
  \\resizebox{\\linewidth}{!}{%
    \\begin{tabular}{ll*{${columns.length}}{r}}
      \\toprule
${lines.join("\n      \\midrule\n")}
      \\bottomrule
    \\end{tabular}}
\\end{table*}
`;
}

const DAGGER = "$^{\\dagger}$";

/** Stacks the words of a heading, to keep columns narrow. */
function heading(name: string): string {
  const words = escape(name).split(" ");
  return words.length > 1 ? `\\shortstack[r]{${words.join("\\\\")}}` : words.join();
}

function write({ text, better }: TableCell): string {
  const shown = number(text);
  return better === 0 ? `\\textbf{${shown}}` : better === 1 ? `\\underline{${shown}}` : shown;
}

/** Formats a number with LaTeX's minus sign, or a missing value as an en dash. */
function number(text: string): string {
  return text.replaceAll("-", "$-$").replaceAll("–", "--");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "|": "\\textbar{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  // After `\\` at the end of a line LaTeX reads `[` and `*` as arguments.
  "[": "{[}",
  "*": "{*}",
  "‡": "$^{\\ddagger}$",
};

/** Escapes the characters that have a meaning in LaTeX. */
function escape(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ")
    .replaceAll(/[\\~^|<>[*‡&%$#_{}]/g, (character) => ESCAPES[character] ?? `\\${character}`);
}
