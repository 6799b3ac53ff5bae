import { stringify } from "@std/csv";
import { nameOf } from "../../base/paths.ts";
import { type ResultJson, resultJson, type ResultRecord } from "../../reports/result_json.ts";
import { make } from "./parts_of_page.ts";
import type { Finished, Shown } from "../viewer/shown.ts";

/** Makes `result.json` for a picture; settings of the record, if any, replace the picture's. */
export function resultOf(
  { title, phrase = title, image, gray, original, crop, settings, isGrid, notes }: Shown,
  { size, sigma, threshold, isOtsu, originalBox }: Finished,
  record: ResultRecord,
): ResultJson {
  const found = {
    ...{ image, phrase, threshold, crop, notes, size: original, heatmapSize: size },
    ...{ grayLevels: gray.grayLevels, box: originalBox },
  };
  // Settings do not apply to a baseline's heatmap, which takes no Gaussian.
  const made = isGrid ? {} : { settings: { ...settings, sigma, otsu: isOtsu } };
  return resultJson(found, { ...made, ...record });
}

/** Sentence that every export carries. */
export const RESEARCH_ONLY = "Research only. Not for clinical use.";

/**
 * Maximum characters of a title in a file's name. The X-ray's name takes at most half as many, so
 * that every system accepts the whole name.
 */
const MAX_STEM = 80;

/** Makes an exported file's name without its suffix: `IMAGE--PHRASE`, or `IMAGE` without a title. */
export function fileStem(image: string, title = ""): string {
  // Leave out the folders, which may contain a patient's name. Keep letters of every script: X-rays
  // with non-Latin names would otherwise share one name.
  const wordsOf = (text: string) => text.match(/[\p{L}\p{M}\p{N}]+/gu)?.join("-") ?? "";
  const name = wordsOf(nameOf(image).replace(/\.(png|jpe?g|dcm|dicom)$/i, ""));
  const short = (text: string, most: number) => [...text].slice(0, most).join("");
  const words = short(wordsOf(title.toLowerCase()), MAX_STEM);
  return [short(name || "xray", MAX_STEM / 2), words].filter(Boolean).join("--");
}

/** Describes how a heatmap was made, for readers of a picture or a table. */
export function settingsText(
  { settings, isGrid }: Shown,
  finished: Finished | undefined,
  model: string | undefined,
): string {
  const { sigma, threshold, isOtsu } = finished ?? {};
  const { start, end, steps, layers, noise } = settings;
  return [
    model && `model ${model}`,
    steps !== undefined && `${steps} steps`,
    start !== undefined && end !== undefined && `steps ${start} to ${end - 1} read`,
    layers && `layers ${layers.join(" ")}`,
    noise && `noise by ${noise}`,
    !isGrid && sigma !== undefined && `sigma ${sigma}`,
    threshold !== undefined && `threshold ${threshold.toFixed(3)}${isOtsu ? " (Otsu)" : ""}`,
  ].filter(Boolean).join(", ");
}

/**
 * Writes predicted boxes, or the boxes around masks, as CSV: image, phrase, x, y, w, h in pixels
 * of the image, then the settings and the purpose. The model's name is `undefined` if unknown.
 */
export function boxesCsv(
  shown: readonly (readonly [Shown, Finished | undefined])[],
  model: string | undefined,
): string {
  const rows = shown.flatMap(([picture, finished]) => {
    const { image, title, phrase = title, predicted = [finished?.originalBox] } = picture;
    const made = settingsText(picture, finished, model);
    return predicted.flatMap((box) => box ? [[image, phrase, ...box, made, RESEARCH_ONLY]] : []);
  });
  return stringify([["image", "phrase", "x", "y", "w", "h", "settings", "use"], ...rows]);
}

/** Makes the browser save a file. */
export function save(name: string, content: BlobPart): void {
  const href = URL.createObjectURL(new Blob([content]));
  make("a", "", { href, download: name }).click();
  // Revoke the address later: the browser reads the file after this task.
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
