import { type ResultTable, type TableCell, writeGroup } from "./result_table.ts";

/**
 * A table of results in LaTeX, to be put into a document by `\input`.
 *
 * @param label What the document refers to it by, after `tab:`.
 */
export function formatLatex(table: ResultTable, label: string): string {
  const { columns, groups, counts, caption } = table;
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

/** Words above each other, which keeps columns narrow. */
function heading(name: string): string {
  const words = escape(name).split(" ");
  return words.length > 1 ? `\\shortstack[r]{${words.join("\\\\")}}` : words.join();
}

function write({ text, better }: TableCell): string {
  const shown = number(text);
  return better === 0 ? `\\textbf{${shown}}` : better === 1 ? `\\underline{${shown}}` : shown;
}

/** Numbers, or what stands for none. */
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
  // Either would belong to the line's end before it.
  "[": "{[}",
  "*": "{*}",
};

/** Text of which nothing is taken for a command. */
function escape(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ")
    .replaceAll(/[\\~^|<>[*&%$#_{}]/g, (character) => ESCAPES[character] ?? `\\${character}`);
}
