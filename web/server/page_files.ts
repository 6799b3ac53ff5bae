/**
 * What the page is made of.
 *
 * @module
 */

import type { AssetList } from "./assets.ts";

const PAGE = new URL("../page/", import.meta.url);

/** The page's files by the paths of their addresses. */
export const PAGE_FILES: AssetList = new Map([
  ["/", { file: new URL("index.html", PAGE) }],
  ["/style.css", { file: new URL("style.css", PAGE) }],
  ["/main.js", { file: new URL("main.ts", PAGE), isScript: true }],
]);
