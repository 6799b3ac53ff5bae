/**
 * Writes a run as one HTML page that needs no other file.
 *
 * @module
 */

import { printable } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { BOX, DIMMED, HEAT_COLORS, MAX_OPACITY, OUTLINE } from "../figures/heat_colors.ts";
import { describeCounts, type ResultTable, SCORE_STYLES } from "../tables/result_table.ts";
import { Run } from "../../runs/run.ts";
import { hasHeatmap, imageOf, REPORT, type RunRecord } from "../../runs/run_folder.ts";
import type { ReaderOptions } from "../reader_options.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { type Controls, readControls } from "../controls/controls.ts";
import { type Laterality, readLaterality } from "../laterality/laterality.ts";
import { tabulate } from "../tables/table_files.ts";
import { formatHtml, safe } from "../tables/table_html.ts";
import { writeWhole } from "../../base/write_whole.ts";
import { factsHtml, runName } from "./_facts.ts";
import { dataElement, fillPage, joinModules, missingSection, type Slots } from "./_page.ts";
import { pageRow, scriptJson } from "./_rows.ts";
import { samplePictures } from "./_sample_pictures.ts";
import template from "./page.html" with { type: "text" };
import style from "./page.css" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import pictures from "./page/pictures.js" with { type: "text" };
import draw from "./page/draw.js" with { type: "text" };
import paint from "./page/paint.js" with { type: "text" };
import rows from "./page/rows.js" with { type: "text" };
import details from "./page/details.js" with { type: "text" };
import main from "./page/main.js" with { type: "text" };

/** Options of {@linkcode writeReport}. */
export interface ReportOptions extends ReaderOptions {
  /**
   * Path of the page.
   *
   * @default {"report.html" in the run's folder}
   */
  readonly out?: string;
}

/**
 * Writes a run as one HTML page: tables, settings, and every sample with its X-ray, heatmap, ground
 * truth and scores. The page loads nothing from a network. Memory holds one X-ray at a time, since
 * the page is written in parts. Equal runs give equal bytes.
 *
 * @param folder Folder of a finished or interrupted run; images are read from the paths in its
 * results.
 * @param options Path of the page, and callbacks.
 * @returns Path of the page.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 * @throws {Error} If the file cannot be written.
 */
export async function writeReport(folder: string, options: ReportOptions = {}): Promise<string> {
  return await writeRunReport(folder, options);
}

/**
 * Writes a page as {@linkcode writeReport} does.
 *
 * @param known Laterality and controls of the run, if the caller has read them already.
 * @param more Further tables for the page, below the scores.
 */
export async function writeRunReport(
  folder: string,
  options: ReportOptions,
  known?: { readonly laterality: Laterality; readonly controls: Controls | undefined },
  more: readonly ResultTable[] = [],
): Promise<string> {
  const { out = `${folder}/${REPORT}`, onNotice = () => {}, onProgress, signal } = options;
  using run = await Run.open(folder, "show");
  const { record } = run;
  const images = new Map<string, number>();
  const lacking: SampleResult[] = [];
  let [found, judged] = [0, 0];
  const { done, summary, tables } = await tabulate(run, (result) => {
    found++;
    const image = imageOf(result);
    if (image && !images.has(image)) images.set(image, images.size);
    if (hasHeatmap(result) && !run.has(result.id, result.setting)) lacking.push(result);
  }, () =>
    known?.laterality ?? readLaterality(run, (done, total) => {
      signal?.throwIfAborted();
      judged = total;
      onProgress?.(done, total + found);
    }), () => known ? known.controls : readControls(run, () => signal?.throwIfAborted()));
  const notices: string[] = [];
  const notify = (notice: string) => {
    notices.push(notice);
    onNotice(notice);
  };
  const missing = run.missing(lacking);
  if (missing) notify(missing.message);
  const slots: Slots = {
    title: () => [`<title>Groundray report: ${safe(runName(record))}</title>`],
    heading: () => [
      `<h1>Phrase grounding on ${safe(runName(record))}</h1>\n`,
      `<p>${done} of ${record.plan.length} samples on ${images.size} X-rays: `,
      `${safe(describeCounts(summary))}.</p>`,
    ],
    tables: () => [...tables, ...more].map(formatHtml),
    facts: () => [factsHtml(record)],
    report: () => [dataElement("report", scriptJson(pageFacts(record)))],
    rows: async function* () {
      yield '<script type="application/json" id="rows">[';
      let n = 0;
      for await (const sample of run.samples()) {
        const first = n;
        for (const result of sample) {
          const image = images.get(imageOf(result) ?? "") ?? null;
          yield `${n > 0 ? "," : ""}\n${scriptJson(pageRow(result, n++, image, first))}`;
        }
      }
      yield "\n]</script>";
    },
    pictures: () =>
      samplePictures(run.samples(), () => run, images, {
        notify,
        onHeatmaps(n) {
          signal?.throwIfAborted();
          onProgress?.(judged + n, judged + found);
        },
      }),
    missing: () => missingSection(notices),
  };
  await writeWhole(out, fillPage({ template, style, script: SCRIPT, slots }));
  return out;
}

/** Data for the page's script, beside the rows. */
function pageFacts({ variants }: RunRecord): object {
  return {
    variants: variants.map((name) => printable(name, 2000)),
    scores: SCORES.map((score) => SCORE_STYLES[score].label),
    colours: HEAT_COLORS,
    ...{ outline: OUTLINE, box: BOX, opacity: MAX_OPACITY, dimmed: DIMMED },
  };
}

/** The page's modules as one script, placed before the pictures so that it runs while they load. */
const SCRIPT = joinModules([dom, pictures, draw, paint, rows, details, main]);
