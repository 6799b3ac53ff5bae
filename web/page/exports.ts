/// <reference lib="dom" />
/**
 * Files that the page saves: `result.json`, heatmaps and boxes.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { nameOf } from "../../base/paths.ts";
import { encodeNpy } from "../../reports/exports/npy.ts";
import { type ResultJson, resultJson, type ResultRecord } from "../../reports/result_json.ts";
import type { Finished, Shown } from "../viewer/shown.ts";

/**
 * Makes the contents of `result.json` for a picture.
 *
 * @param record Model, versions and run of the heatmap; its settings, if any, replace the
 * picture's.
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
  // Settings do not apply to a baseline's heatmap, which takes no Gaussian.
  const made = isGrid ? {} : { settings: { ...settings, sigma, otsu: isOtsu } };
  return resultJson({ ...found, heatmapSize: size }, { ...made, ...record });
}

/**
 * Maximum characters of a title in a file's name. The X-ray's name takes at most half as many, so
 * that every system accepts the whole name.
 */
const MAX_STEM = 80;

/**
 * Makes an exported file's name without its suffix, from the X-ray's name and the picture's title.
 */
export function fileStem(image: string, title = ""): string {
  // Leave out the folders, which may contain a patient's name. Keep letters of every script: X-rays
  // with non-Latin names would otherwise share one name.
  const name = nameOf(image).replace(/\.(png|jpe?g|dcm|dicom)$/i, "")
    .match(/[\p{L}\p{M}\p{N}]+/gu)?.join("-") ?? "";
  const words = title.toLowerCase().match(/[a-z0-9]+/g)?.join("-") ?? "";
  const parts = [[...name || "xray"].slice(0, MAX_STEM / 2).join(""), words.slice(0, MAX_STEM)];
  return parts.filter(Boolean).join("-");
}

/** Writes the boxes around masks as CSV: image, phrase, x, y, w, h in pixels of the image. */
export function boxesCsv(shown: readonly (readonly [Shown, Finished])[]): string {
  const rows = shown.flatMap(([{ image, title, phrase = title }, { originalBox }]) =>
    originalBox ? [[image, phrase, ...originalBox]] : []
  );
  return stringify([["image", "phrase", "x", "y", "w", "h"], ...rows]);
}

/** Encodes a heatmap as a NumPy file, `[size, size]` float32. */
export function heatmapNpy({ heatmap, size }: Finished): Uint8Array {
  return encodeNpy(heatmap, [size, size]);
}

/** Makes the browser save a file. */
export function save(name: string, content: BlobPart): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content]));
  link.download = name;
  link.click();
  // Revoke the address later: the browser reads the file after this task.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
