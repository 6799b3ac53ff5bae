/**
 * Files of `deno task ground` about all classes, or all sentences of a report, on one image.
 *
 * @module
 */

import type { GrayImage } from "../../base/geometry.ts";
import { nameOf } from "../../base/paths.ts";
import { writeWhole } from "../../base/write_whole.ts";
import type { BoxedPhrase, GroundedPhrase } from "../../pipeline/method.ts";
import { type Answer, byExistence, detect, formatDetections } from "../../reports/detection.ts";
import {
  backdropOf,
  paintOverlay,
  type Picture,
  renderOverlay,
  withoutHeat,
} from "../../reports/figures/overlay.ts";
import { toPng } from "../../reports/figures/png.ts";
import { drawSheet, PANEL_SIDE } from "../../reports/figures/sheet.ts";
import { linkedReportHtml } from "../../web/report/write_linked_report.ts";
import type { Question, Questions } from "./questions.ts";

/** Longer side of the page's pictures in pixels, and their JPEG quality of 1..100. */
const [PAGE_SIDE, QUALITY] = [960, 80] as const;

/** A question with its answer, and the folder of its files. */
export type Answered = Answer & Question & {
  /** Folder within that of the image; empty if there is a single question. */
  readonly folder?: string;
};

const SHEET_KEY = "Light blue: boxes with their mean heat, or outline of the mask. Warm colours: " +
  "heatmap. From the highest existence score to the lowest.";

/** Encodes a picture as a JPEG file. */
async function toJpeg({ width, height, bitmap }: Picture): Promise<Uint8Array> {
  // The pictures of classes do not need this library.
  const { Image } = await import("imagescript");
  const image = new Image(width, height);
  image.bitmap.set(bitmap);
  return await image.encodeJPEG(QUALITY);
}

/** Makes an answer from a result and from its `result.json`. */
export async function answerOf(
  kind: Questions["kind"],
  result: GroundedPhrase | BoxedPhrase,
  gray: GrayImage,
  json: object,
): Promise<Pick<Answered, "detected" | "picture" | "facts">> {
  const detected = detect(result);
  const heat = "predicted" in result
    ? withoutHeat(gray)
    : { heatmap: result.heatmap, size: result.size, crop: result.image.crop };
  const maxSide = kind === "report" ? PAGE_SIDE : 1.5 * PANEL_SIDE;
  const shown = { gray, ...heat, maxSide };
  const picture = kind === "report"
    ? await toJpeg(
      paintOverlay({ ...shown, predicted: detected.boxes }, backdropOf(gray, maxSide)),
    )
    : await renderOverlay(shown);
  const { threshold, box, crop, heatmapSize, notes, details } = json as Record<string, unknown>;
  const facts = { threshold, box, crop, heatmapSize, notes, details };
  return { detected, picture, facts };
}

/**
 * Writes the files about all questions on an image. Classes are sorted by their existence score;
 * sentences keep the order of the report.
 *
 * @param folder Folder of the image's results.
 * @param record Method, settings, model and versions.
 * @returns The answers in the order of the files.
 */
export async function writeAnswers(
  folder: string,
  { kind, facts }: Questions,
  answers: readonly Answered[],
  { image, gray, record, notes }: {
    readonly image: string;
    readonly gray: GrayImage;
    readonly record: object;
    readonly notes: readonly string[];
  },
): Promise<readonly Answered[]> {
  const { width, height, grayLevels } = gray;
  const sorted = kind === "report" ? answers : byExistence(answers);
  const common = { image, width, height, ...(grayLevels && { grayLevels }), ...facts };
  const entries = sorted.map(({ label, phrase, sentence, folder, detected, facts, error }) => ({
    ...(label !== undefined && { class: label, phrase }),
    ...sentence,
    ...(error !== undefined && { error }),
    ...detected,
    ...facts,
    ...(folder && { folder }),
  }));
  const write = async (name: string, key: string) =>
    await writeWhole(
      `${folder}/${name}`,
      JSON.stringify({ ...common, [key]: entries, ...record }, null, 2) + "\n",
    );
  if (kind === "classes") {
    await writeWhole(`${folder}/detections.csv`, formatDetections(sorted));
    const panels = sorted.flatMap(({ phrase, label, detected, picture }) =>
      !detected ? [] : [{
        phrase,
        scores: `${label}, existence ${detected.existence.mean.toFixed(3)}`,
        name: `peak ${detected.existence.peak.toFixed(3)}`,
        overlay: picture!,
        image: { width, height },
        boxes: [],
        predicted: detected.boxes,
        ...(detected.confidence && { confidence: detected.confidence }),
      }]
    );
    const svg = drawSheet(`Classes of ${nameOf(image)}`, panels, [], SHEET_KEY);
    await writeWhole(`${folder}/overview.png`, await toPng(svg));
    await write("detections.json", "classes");
    return sorted;
  }
  const plain = paintOverlay({ gray, ...withoutHeat(gray) }, backdropOf(gray, PAGE_SIDE));
  const html = await linkedReportHtml({
    report: String(facts.report),
    image: nameOf(image),
    size: gray,
    plain: await toJpeg(plain),
    sentences: sorted.map((answer) => ({ ...answer, ...answer.sentence! })),
    notes,
  });
  await writeWhole(`${folder}/report.html`, html);
  await write("report.json", "sentences");
  return sorted;
}
