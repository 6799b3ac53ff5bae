import { writeWhole } from "../../base/write_whole.ts";
import { safe } from "../../reports/tables/table_html.ts";
import { imageOf } from "../../runs/run_folder.ts";
import { dataElement } from "./_pictures.ts";
import { policyOf } from "./_plain_page.ts";
import { reportRow, scriptJson } from "./_rows.ts";
import { type Reviewed, type ReviewOptions, samplePictures, sheetFigures } from "./_samples.ts";
import script from "./page_script.js" with { type: "text" };
import template from "../page/index.html" with { type: "text" };
import style from "../page/style.css" with { type: "text" };

/** Content of a page that reviews samples. */
export interface ReviewPage extends Reviewed {
  /** Title of the document. */
  readonly name: string;
  /** Title of the review. */
  readonly title: string;
  /** The columns are runs, and the samples that differ most come first. */
  readonly isComparison?: boolean;
  /** HTML of the tables, and of the settings. */
  readonly tables: readonly string[];
  readonly settings: string;
  /** Sentences about parts that are missing already. */
  readonly notices?: readonly string[];
}

/** A part of the template, with the HTML in its place. */
type Replaced = readonly [part: string, by: Iterable<string> | AsyncIterable<string>];

/**
 * Writes the page of the viewer with style, script, tables, samples and pictures inside.
 *
 * @throws {Error} If the file cannot be written.
 */
export async function writeReview(
  out: string,
  page: ReviewPage,
  options: ReviewOptions,
): Promise<void> {
  const policy = await policyOf(style, script);
  const noScript = "Scripts are switched off: tables and the first pictures alone show.";
  const parts: readonly Replaced[] = [
    ['<link rel="stylesheet" href="style.css">', [`${policy}\n<style>${style}</style>`]],
    ["<title>Groundray</title>", [`<title>${safe(page.name)}</title>`]],
    ['<script type="module" src="main.js" blocking="render"></script>', []],
    ['<p id="message"', [`<noscript><p>${noScript}</p></noscript><p hidden id="message"`]],
    ['aria-label="Scores and settings" hidden', ['aria-label="Scores and settings"']],
    ['<div id="tables">', ['<div id="tables">', ...page.tables]],
    ['<div id="facts" class="facts">', sheetFigures(page)],
    ["</div>", [`<div id="facts" class="facts">${page.settings}</div>`]],
    ["</body>", dataOf(page, options)],
  ];
  await writeWhole(out, fill(template, parts));
}

async function* fill(rest: string, parts: readonly Replaced[]): AsyncIterableIterator<string> {
  for (const [part, by] of parts) {
    const at = rest.indexOf(part);
    if (at < 0) throw new Error(`The page's template has no ${part}`);
    yield rest.slice(0, at);
    yield* by;
    rest = rest.slice(at + part.length);
  }
  yield rest;
}

/** Yields the data of the page's script, the script itself, and the pictures. */
async function* dataOf(page: ReviewPage, options: ReviewOptions): AsyncIterableIterator<string> {
  const { title, methods, isComparison, samples } = page;
  yield dataElement("report", scriptJson({ title, methods, isComparison }));
  yield '<script type="application/json" id="rows">[';
  const images = new Map<string, number>();
  let n = 0;
  for await (const sample of samples()) {
    const image = sample.map(imageOf).find(Boolean) ?? "";
    if (image && !images.has(image)) images.set(image, images.size);
    const first = n;
    for (const [place, result] of sample.entries()) {
      const setting = isComparison ? methods[place] : result.setting;
      const row = reportRow(result, n, images.get(image) ?? null, first, setting);
      yield `${n++ > 0 ? "," : ""}\n${scriptJson(row)}`;
    }
  }
  yield "\n]</script>";
  // The script comes before the pictures, so that it runs while they load.
  yield `<script>${script}</script>`;
  const notices: string[] = [];
  const onNotice = (notice: string) => {
    notices.push(notice);
    options.onNotice?.(notice);
  };
  page.notices?.forEach(onNotice);
  yield* samplePictures(page, images, { ...options, onNotice });
  if (notices.length > 0) {
    yield `<section id="missing" aria-labelledby="missing-title"><h2 id="missing-title">Left out` +
      `</h2><ul>${notices.map((notice) => `<li>${safe(notice)}</li>`).join("\n")}</ul></section>`;
  }
  yield "</body>";
}
