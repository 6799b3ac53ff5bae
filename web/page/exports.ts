/// <reference lib="dom" />
/**
 * Files of what is seen.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { encodeNpy } from "../../reports/npy.ts";
import type { Finished, Shown } from "./shown.ts";

/**
 * What `result.json` says, as `deno task ground` has it.
 *
 * @param record What else it is made with.
 */
export function resultOf(
  { title, original, crop, settings, notes = [] }: Shown,
  { size, sigma, threshold, originalBox }: Finished,
  record: object,
): object {
  return {
    phrase: title,
    ...original,
    threshold: threshold ?? null,
    box: originalBox ?? null,
    crop,
    heatmapSize: size,
    ...(notes.length > 0 && { notes }),
    settings: { ...settings, sigma },
    ...record,
  };
}

/** A phrase as the name of a file without its ending, which every system takes. */
export function fileStem(title: string): string {
  const words = title.toLowerCase().match(/[a-z0-9]+/g)?.join("-") ?? "";
  return words.slice(0, 80) || "heatmap";
}

/** Boxes around masks as CSV: image, phrase, x, y, w, h in pixels of the image. */
export function boxesCsv(image: string, shown: readonly (readonly [Shown, Finished])[]): string {
  const rows = shown.flatMap(([{ title }, { originalBox }]) =>
    originalBox ? [[image, title, ...originalBox]] : []
  );
  return stringify([["image", "phrase", "x", "y", "w", "h"], ...rows]);
}

/** A heatmap as a NumPy array, `[size, size]` float32. */
export function heatmapNpy({ heatmap, size }: Finished): Uint8Array {
  return encodeNpy(heatmap, [size, size]);
}

/** Has the browser save a file. */
export function save(name: string, content: BlobPart): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content]));
  link.download = name;
  link.click();
  // Not at once: the browser reads it after this task.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
