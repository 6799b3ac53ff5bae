import { printable } from "../../base/text.ts";
import type { ComparedRuns } from "../../reports/compare/compare.ts";
import { comparisonTables, describeComparison } from "../../reports/compare/comparison_tables.ts";
import type { Column } from "../../reports/compare/read_columns.ts";
import type { ReaderOptions } from "../../reports/reader_options.ts";
import { formatHtml, safe } from "../../reports/tables/table_html.ts";
import { writeReview } from "./_page.ts";

/** Name of the page within the folder of a comparison. */
export const COMPARISON = "comparison.html";

/**
 * Writes a page with the tables of a comparison, and the columns' heatmaps of each sample side by
 * side. The samples that differ most by mIoU come first.
 *
 * @param columns The columns, open for reading.
 * @param options Path of the page, and callbacks.
 * @throws {Error} If the file cannot be written.
 */
export async function writeComparison(
  columns: readonly Column[],
  { comparison, samples }: ComparedRuns,
  { out, onProgress, ...options }: ReaderOptions & { readonly out: string },
): Promise<void> {
  const methods = columns.map(({ name }) => printable(name, 2000));
  const title = `${methods.slice(1).join(", ")} against ${methods[0]!}`;
  await writeReview(out, {
    ...{ title, methods, isComparison: true, settings: "" },
    name: `Groundray: ${methods.join(", ")}`,
    tables: [
      `<h2>${safe(title)}</h2>\n`,
      ...describeComparison(comparison).map((sentence) => `<p>${safe(sentence)}</p>\n`),
      ...comparisonTables(comparison).map(formatHtml),
    ],
    samples: () => samples,
    runOf: (place) => columns[place]!.run,
  }, {
    ...options,
    onProgress: (done) => onProgress?.(done, samples.length * columns.length),
  });
}
