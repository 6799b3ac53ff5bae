/**
 * Writes a comparison of runs as one HTML page that needs no other file.
 *
 * @module
 */

import { printable } from "../../base/text.ts";
import { writeWhole } from "../../base/write_whole.ts";
import type { ComparedRuns } from "../compare/compare.ts";
import { comparisonTables, describeComparison } from "../compare/comparison_tables.ts";
import type { Column } from "../compare/read_columns.ts";
import { BOX, DIMMED, HEAT_COLORS, MAX_OPACITY, OUTLINE } from "../figures/heat_colors.ts";
import type { ReaderOptions } from "../reader_options.ts";
import { imageOf } from "../../runs/run_folder.ts";
import { formatHtml, safe } from "../tables/table_html.ts";
import { dataElement, fillPage, joinModules, missingSection, type Slots } from "./_page.ts";
import { pageRow, scriptJson } from "./_rows.ts";
import { samplePictures } from "./_sample_pictures.ts";
import template from "./comparison.html" with { type: "text" };
import pageStyle from "./page.css" with { type: "text" };
import ownStyle from "./comparison.css" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import pictures from "./page/pictures.js" with { type: "text" };
import draw from "./page/draw.js" with { type: "text" };
import paint from "./page/paint.js" with { type: "text" };
import main from "./page/comparison.js" with { type: "text" };

/** Name of the page within the folder of a comparison. */
export const COMPARISON = "comparison.html";

/** Options of {@linkcode writeComparison}. */
export interface ComparisonOptions extends ReaderOptions {
  /** Path of the page. */
  readonly out: string;
}

const STYLE = pageStyle + ownStyle;

const SCRIPT = joinModules([dom, pictures, draw, paint, main]);

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
  const slots: Slots = {
    title: () => [`<title>Groundray: ${safe(names.join(", "))}</title>`],
    heading: () => [
      `<h1>${safe(names.slice(1).join(", "))} against ${safe(names[0]!)}</h1>\n`,
      ...describeComparison(comparison).map((sentence) => `<p>${safe(sentence)}</p>\n`),
    ],
    tables: () => comparisonTables(comparison).map(formatHtml),
    report: () => [
      dataElement(
        "report",
        scriptJson({
          columns: names.map((name) => printable(name, 2000)),
          colours: HEAT_COLORS,
          ...{ outline: OUTLINE, box: BOX, opacity: MAX_OPACITY, dimmed: DIMMED },
        }),
      ),
    ],
    rows: () => [
      dataElement(
        "rows",
        scriptJson(samples.map((results, i) => {
          const first = i * names.length;
          const image = images.get(imageOf(results[0]!) ?? "") ?? null;
          return results.map((result, place) => pageRow(result, first + place, image, first));
        })),
      ),
    ],
    pictures: () =>
      samplePictures(samples, (place) => columns[place]!.run, images, {
        notify(notice) {
          notices.push(notice);
          onNotice(notice);
        },
        onHeatmaps(done) {
          signal?.throwIfAborted();
          onProgress?.(done, samples.length * names.length);
        },
      }),
    missing: () => missingSection(notices),
  };
  await writeWhole(out, fillPage({ template, style: STYLE, script: SCRIPT, slots }));
}
