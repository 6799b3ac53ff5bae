/**
 * Writes a comparison of runs as one HTML page that needs no other file.
 *
 * @module
 */

import { printable } from "../../base/text.ts";
import { writeWhole } from "../../base/write_whole.ts";
import type { ComparedRuns } from "../../reports/compare/compare.ts";
import { comparisonTables, describeComparison } from "../../reports/compare/comparison_tables.ts";
import type { Column } from "../../reports/compare/read_columns.ts";
import type { ReaderOptions } from "../../reports/reader_options.ts";
import { imageOf } from "../../runs/run_folder.ts";
import { formatHtml, safe } from "../../reports/tables/table_html.ts";
import { dataElement, missingSection, reportPage, scriptElement } from "./_page.ts";
import { reportRow, scriptJson } from "./_rows.ts";
import { samplePictures } from "./_sample_pictures.ts";
import { sheetFigures } from "./_sheet.ts";

/** Name of the page within the folder of a comparison. */
export const COMPARISON = "comparison.html";

/** Options of {@linkcode writeComparison}. */
export interface ComparisonOptions extends ReaderOptions {
  /** Path of the page. */
  readonly out: string;
}

/**
 * Writes a page with the tables of a comparison, and the columns' heatmaps of each sample side by
 * side. The samples that differ most by mIoU come first.
 *
 * @param columns The columns, open for reading.
 * @param compared Their comparison.
 * @param options Path of the page, and callbacks.
 * @throws {Error} If the file cannot be written.
 */
export async function writeComparison(
  columns: readonly Column[],
  { comparison, samples }: ComparedRuns,
  { out, onNotice = () => {}, onProgress, signal }: ComparisonOptions,
): Promise<void> {
  const names = columns.map(({ name }) => name);
  const images = new Map<string, number>();
  for (const [result] of samples) {
    const image = imageOf(result!);
    if (image && !images.has(image)) images.set(image, images.size);
  }
  const notices: string[] = [];
  const title = `${names.slice(1).join(", ")} against ${names[0]!}`;
  const methods = names.map((name) => printable(name, 2000));
  const runOf = (place: number) => columns[place]!.run;
  await writeWhole(
    out,
    reportPage({
      title: `Groundray: ${names.join(", ")}`,
      tables: [
        `<h2>${safe(title)}</h2>\n`,
        ...describeComparison(comparison).map((sentence) => `<p>${safe(sentence)}</p>\n`),
        ...comparisonTables(comparison).map(formatHtml),
      ],
      pictures: sheetFigures(samples, runOf, names),
      settings: "",
      async *data() {
        yield dataElement("report", scriptJson({ title, methods, isComparison: true }));
        const rows = samples.flatMap((results, i) => {
          const first = i * names.length;
          const xray = images.get(imageOf(results[0]!) ?? "") ?? null;
          return results.map((result, place) =>
            reportRow(result, first + place, xray, first, names[place])
          );
        });
        yield dataElement("rows", scriptJson(rows));
        yield scriptElement();
        yield* samplePictures(samples, runOf, images, {
          notify(notice) {
            notices.push(notice);
            onNotice(notice);
          },
          onHeatmaps(done) {
            signal?.throwIfAborted();
            onProgress?.(done, samples.length * names.length);
          },
        });
        yield* missingSection(notices);
      },
    }),
  );
}
