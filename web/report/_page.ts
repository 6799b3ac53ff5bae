import { safe } from "../../reports/tables/table_html.ts";
import script from "./page_script.js" with { type: "text" };
import template from "../page/index.html" with { type: "text" };
import style from "../page/style.css" with { type: "text" };

/** Texts of a report's page; each part is written in turn. */
export interface ReportPage {
  /** Title of the document. */
  readonly title: string;
  /** HTML of the tables, of the first pictures, and of the settings. */
  readonly tables: Iterable<string>;
  readonly pictures: AsyncIterable<string>;
  readonly settings: string;
  /** Elements with the data of the page's script. */
  readonly data: () => AsyncIterable<string>;
}

/** Yields a report: the page of the viewer, with style, script and data inside. */
export async function* reportPage(page: ReportPage): AsyncIterableIterator<string> {
  const noScript = "<p>Scripts are switched off: tables and the first pictures alone show.</p>";
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; ` +
    `img-src data:; style-src '${await hashOf(style)}'; script-src '${await hashOf(script)}'; ` +
    `base-uri 'none'; form-action 'none'">`;
  let rest: string = template;
  /** Takes the template up to a part, which it leaves out. */
  const upTo = (part: string) => {
    const at = rest.indexOf(part);
    if (at < 0) throw new Error(`The page's template has no ${part}`);
    const before = rest.slice(0, at);
    rest = rest.slice(at + part.length);
    return before;
  };
  yield upTo('<link rel="stylesheet" href="style.css">');
  yield `${policy}\n<style>${style}</style>`;
  yield upTo("<title>Groundray</title>");
  yield `<title>${safe(page.title)}</title>`;
  yield upTo('<script type="module" src="main.js" blocking="render"></script>');
  yield upTo('<p id="message"');
  yield `<noscript>${noScript}</noscript><p hidden id="message"`;
  upTo(">The page's script does not run.");
  yield ' role="alert">';
  upTo("reload the page.");
  yield upTo('aria-label="Scores and settings" hidden>');
  yield 'aria-label="Scores and settings">';
  yield upTo('<div id="tables">');
  yield '<div id="tables">';
  yield* page.tables;
  yield upTo('<div id="facts" class="facts">');
  yield* page.pictures;
  yield `<div id="facts" class="facts">${page.settings}`;
  yield upTo("</body>");
  // The script comes before the pictures, so that it runs while they load.
  yield* page.data();
  yield `</body>${rest}`;
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${new Uint8Array(digest).toBase64()}`;
}

/** Makes the element of the page's script. */
export function scriptElement(): string {
  return `<script>${script}</script>`;
}

/** Makes an element with data for the page's script. */
export function dataElement(id: string, json: string): string {
  return `<script type="application/json" id="${id}">${json}</script>`;
}

/** Section with the reasons why parts of the page are missing; nothing without reasons. */
export function missingSection(notices: readonly string[]): string[] {
  return notices.length === 0 ? [] : [
    `<section id="missing" aria-labelledby="missing-title"><h2 id="missing-title">Left out</h2>`,
    `<ul>${notices.map((notice) => `<li>${safe(notice)}</li>`).join("\n")}</ul></section>`,
  ];
}
