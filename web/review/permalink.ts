/// <reference lib="dom" />
/**
 * The fragment of the page's address, which names a sample and the view of it.
 *
 * @module
 */

import type { View } from "../viewer/view.ts";

/** A sample with the method and the part of the X-ray that are shown. */
export interface Link {
  /** Id of the sample. */
  readonly sample: string;
  /** Name of the chosen method; absent for all. */
  readonly method?: string | undefined;
  /** The visible part of the X-ray; absent for the whole. */
  readonly view?: View | undefined;
}

/** Reads the address; a leaderboard's link names a method alone. */
export function readLink(): Partial<Link> {
  const query = new URLSearchParams(location.hash.slice(1));
  const sample = query.get("sample") ?? undefined;
  const [x, y, zoom] = (query.get("view") ?? "").split(",").map(Number);
  const isView = [x, y].every((place) => place! >= 0 && place! <= 1) && zoom! > 0 && zoom! <= 16;
  return {
    ...(sample !== undefined && { sample }),
    method: query.get("setting") ?? undefined,
    ...(isView && { view: { x: x!, y: y!, zoom: zoom! } }),
  };
}

/** Writes the address in place of the earlier address. */
export function writeLink({ sample, method, view }: Link): void {
  const query = new URLSearchParams({ sample });
  if (method !== undefined) query.set("setting", method);
  if (view && view.zoom !== 1) {
    query.set("view", [view.x, view.y, view.zoom].map((part) => part.toFixed(6)).join());
  }
  // An address of the same document needs no request; a report has no other address.
  history.replaceState(null, "", `#${query}`);
}
