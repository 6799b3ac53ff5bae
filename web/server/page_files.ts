/**
 * What the page is made of.
 *
 * @module
 */

import type { AssetList } from "./assets.ts";

/** The page's files by the paths of their addresses. */
export const PAGE_FILES: AssetList = new Map([
  ["/", { file: new URL("placeholder.html", import.meta.url) }],
]);
