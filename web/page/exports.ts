/// <reference lib="dom" />
/**
 * Files of what is seen.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { encodeNpy } from "../../reports/exports/npy.ts";
import { type ResultJson, resultJson, type ResultRecord } from "../../reports/result_json.ts";
import type { Finished, Shown } from "../viewer/shown.ts";

/**
 * What `result.json` says.
 *
 * @param record What else it is made with.
 */
export function resultOf(
  { title, phrase = title, image, gray, original, crop, settings, isGrid, notes }: Shown,
  { size, sigma, threshold, isOtsu, originalBox }: Finished,
  record: ResultRecord,
): ResultJson {
  const { grayLevels } = gray;
  const found = {
    image,
    phrase,
    size: original,
    grayLevels,
    threshold,
    box: originalBox,
    crop,
    notes,
  };
  // A baseline's heatmap is shown as it is.
  const made = isGrid ? {} : { settings: { ...settings, sigma, otsu: isOtsu } };
  return resultJson({ ...found, heatmapSize: size }, { ...made, ...record });
}

/** The name of a file, without the folders of its path, which may name a patient. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** Most characters of a name in the name of a file; with two names any system takes it. */
const MAX_STEM = 80;

/** The name of an exported file without its ending: the X-ray's, and that of what is shown of it. */
export function fileStem(image: string, title = ""): string {
  // Letters of every script stay: without them, X-rays could not be told apart.
  const name = baseName(image).replace(/\.(png|jpe?g|dcm|dicom)$/i, "")
    .match(/[\p{L}\p{M}\p{N}]+/gu)?.join("-") ?? "";
  const words = title.toLowerCase().match(/[a-z0-9]+/g)?.join("-") ?? "";
  const parts = [[...name || "xray"].slice(0, MAX_STEM / 2).join(""), words.slice(0, MAX_STEM)];
  return parts.filter(Boolean).join("-");
}

/** Boxes around masks as CSV: image, phrase, x, y, w, h in pixels of the image. */
export function boxesCsv(shown: readonly (readonly [Shown, Finished])[]): string {
  const rows = shown.flatMap(([{ image, title, phrase = title }, { originalBox }]) =>
    originalBox ? [[image, phrase, ...originalBox]] : []
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
