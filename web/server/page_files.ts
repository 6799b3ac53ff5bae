/**
 * What the page is made of.
 *
 * @module
 */

import type { AssetList } from "./assets.ts";

const page = (name: string) => new URL(`../page/${name}`, import.meta.url);

/** The page's files by the paths of their addresses. */
export const PAGE_FILES: AssetList = new Map([
  ["/", { file: page("index.html") }],
  ["/style.css", { file: page("style.css") }],
  ["/main.js", { file: page("main.ts"), isScript: true }],
]);
