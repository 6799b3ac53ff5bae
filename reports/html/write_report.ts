/**
 * Writes a run as one HTML page that needs no other file.
 *
 * @module
 */

import type { Size } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { printable, quote } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { originalImage } from "../original_image.ts";
import { BOX, DIMMED, HEAT_COLORS, MAX_OPACITY, OUTLINE } from "../figures/heat_colors.ts";
import { describeCounts, SCORE_STYLES } from "../tables/result_table.ts";
import { resultOutline } from "../../runs/result_truth.ts";
import { Run } from "../../runs/run.ts";
import { hasHeatmap, imageOf, isGrounded, type RunRecord } from "../../runs/run_folder.ts";
import type { ReaderOptions } from "../reader_options.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { type Laterality, readLaterality } from "../laterality/laterality.ts";
import { tabulate } from "../tables/table_files.ts";
import { formatHtml, safe } from "../tables/table_html.ts";
import { writeWhole } from "../../base/write_whole.ts";
import { factsHtml, runName } from "./_facts.ts";
import { heatmapElement, imageElement, missingElement, truthElement } from "./_pictures.ts";
import { pageRow, scriptJson } from "./_rows.ts";
import template from "./page.html" with { type: "text" };
import style from "./page.css" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import pictures from "./page/pictures.js" with { type: "text" };
import draw from "./page/draw.js" with { type: "text" };
import rows from "./page/rows.js" with { type: "text" };
import details from "./page/details.js" with { type: "text" };
import main from "./page/main.js" with { type: "text" };

/** Name of the page within a run's folder. */
export const REPORT = "report.html";

/** Options of {@linkcode writeReport}. */
export interface ReportOptions extends ReaderOptions {
  /**
   * Path of the page.
   *
   * @default {"report.html" in the run's folder}
   */
  readonly out?: string;
}

/** Longer side of the page's largest picture, in pixels of a fine screen. */
const PICTURE_SIDE = 1520;

/** Most corners of a sample's outline, some 10 KB: no more than a picture takes. */
const MAX_CORNERS = 1000;

type Slots = Readonly<Record<string, () => AsyncIterable<string> | readonly string[]>>;

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
 * @param known Laterality of the run, if the caller has read it already.
 */
export async function writeRunReport(
  folder: string,
  options: ReportOptions,
  known?: Laterality,
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
    known ?? readLaterality(run, (done, total) => {
      signal?.throwIfAborted();
      judged = total;
      onProgress?.(done, total + found);
    }));
  const notices: string[] = [];
  const notify = (notice: string) => {
    notices.push(notice);
    onNotice(notice);
  };
  const missing = run.missing(lacking);
  if (missing) notify(missing.message);
  const slots: Slots = {
    style: () => [`<style>${style}</style>`],
    title: () => [`<title>Groundray report: ${safe(runName(record))}</title>`],
    heading: () => [
      `<h1>Phrase grounding on ${safe(runName(record))}</h1>\n`,
      `<p>${done} of ${record.plan.length} samples on ${images.size} X-rays: `,
      `${safe(describeCounts(summary))}.</p>`,
    ],
    tables: () => tables.map(formatHtml),
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
    script: () => [`<script>${SCRIPT}</script>`],
    pictures: async function* () {
      const sizes = new Map<string, Size | undefined>();
      let n = 0;
      for await (const sample of run.samples()) {
        signal?.throwIfAborted();
        onProgress?.(judged + n, judged + found);
        const first = n;
        let size: Size | undefined;
        for (const result of sample) {
          const { id, setting } = result;
          const number = n++;
          if (hasHeatmap(result)) {
            try {
              const heatmap = await run.get(id, setting);
              size = heatmap.image;
              yield heatmapElement(number, heatmap);
            } catch (error) {
              const reason = printable((error as Error).message, 500);
              // One notice above names all heatmaps that are missing from the file.
              if (run.has(id, setting)) notify(`No heatmap of ${quote(id)}: ${reason}`);
              yield missingElement(`heatmap-${number}`, reason);
            }
          }
          const image = imageOf(result);
          if (!image || sizes.has(image)) continue;
          sizes.set(image, undefined);
          const name = images.get(image)!;
          try {
            const gray = await originalImage(image, size);
            sizes.set(image, gray);
            yield await imageElement(name, gray);
          } catch (error) {
            const reason = printable((error as Error).message, 500);
            // Without a heatmap or boxes the page shows nothing on the X-ray, and the row says why.
            if (size || isGrounded(result) && result.predicted) {
              notify(`No X-ray of ${quote(id)}: ${reason}`);
            }
            yield missingElement(`image-${name}`, reason);
          }
        }
        const result = sample.find(isGrounded) ?? sample[0]!;
        const known = size ?? sizes.get(imageOf(result) ?? "");
        try {
          const outline = known && await outlineIn(result, known);
          if (outline) yield truthElement(first, outline);
        } catch (error) {
          const reason = printable((error as Error).message, 500);
          // The row of a sample that dropped out says why.
          if (isGrounded(result)) notify(`No ground truth of ${quote(result.id)}: ${reason}`);
        }
      }
    },
    missing: () =>
      notices.length === 0 ? [] : [
        `<section id="missing" aria-labelledby="missing-title"><h2 id="missing-title">Left out</h2>`,
        `<ul>${notices.map((notice) => `<li>${safe(notice)}</li>`).join("\n")}</ul></section>`,
      ],
  };
  await writeWhole(out, fill(slots));
  return out;
}

/** Outline of a result's masks for the page's pictures; `undefined` if the result has no masks. */
async function outlineIn(result: SampleResult, image: Size): Promise<Ring[] | undefined> {
  // Three quarters of a pixel span the staircase of a slanted edge, which needs many corners.
  const tolerance = Math.max(
    0.75,
    ...[image.width, image.height].map((side) => side / PICTURE_SIDE / 2),
  );
  return await resultOutline(result, image, { tolerance, most: MAX_CORNERS });
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

function dataElement(id: string, json: string): string {
  return `<script type="application/json" id="${id}">${json}</script>`;
}

/** The page's modules as one script, placed before the pictures so that it runs while they load. */
const SCRIPT = joinModules([dom, pictures, draw, rows, details, main]);

function joinModules(modules: readonly string[]): string {
  const bodies = modules.map((text) =>
    text.replaceAll(/^import [^;]*;\n/gm, "").replaceAll(/^export /gm, "")
  );
  return `(() => {\n"use strict";\n${bodies.join("\n")}})();\n`;
}

/** Yields the page's template with its slots filled. */
async function* fill(slots: Slots): AsyncIterableIterator<string> {
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; ` +
    `img-src data:; style-src '${await hashOf(style)}'; script-src '${await hashOf(SCRIPT)}'; ` +
    `base-uri 'none'; form-action 'none'">`;
  const parts = template.split(/<!-- slot: (\w+) -->/);
  for (const [i, part] of parts.entries()) {
    if (i % 2 === 0) yield part;
    else if (part === "policy") yield policy;
    else yield* slots[part]!();
  }
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${new Uint8Array(digest).toBase64()}`;
}
