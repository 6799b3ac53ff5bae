import type { Size } from "../../base/geometry.ts";
import { printable, quote } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { backdropOf, paintOverlay, withoutHeat } from "../../reports/figures/overlay.ts";
import { originalImage } from "../../reports/original_image.ts";
import type { ReaderOptions } from "../../reports/reader_options.ts";
import { safe } from "../../reports/tables/table_html.ts";
import { resultOutline, resultTruth } from "../../runs/result_truth.ts";
import type { Run } from "../../runs/run.ts";
import { hasHeatmap, imageOf, isGrounded } from "../../runs/run_folder.ts";
import { factsOf, foundIn } from "../review/scores.ts";
import { sampleRow } from "../sample_row.ts";
import { heatmapElement, imageElement, missingElement, truthElement } from "./_pictures.ts";

/** Longer side of the page's largest picture, in pixels of a fine screen. */
const PICTURE_SIDE = 1520;

/** Most corners of a sample's outline, some 10 KB: no more than a picture takes. */
const MAX_CORNERS = 1000;

/** Samples with a result in each of some columns. */
export interface Reviewed {
  /** Gives the results of each sample, from the first sample. */
  readonly samples: () =>
    | Iterable<readonly SampleResult[]>
    | AsyncIterable<readonly SampleResult[]>;
  /** Gives the run of a sample's result by the result's place. */
  readonly runOf: (place: number) => Run;
  /** Names of the columns: methods, settings or runs. */
  readonly methods: readonly string[];
}

/** Callbacks of a page's writer; `onProgress` gets the number of results done. */
export interface ReviewOptions extends Pick<ReaderOptions, "onNotice" | "signal"> {
  readonly onProgress?: (done: number) => void;
}

/**
 * Yields the pictures of a page: each X-ray once, a heatmap a result, an outline of masks a sample.
 * Heatmaps are numbered through; `images` has the number of each X-ray by its path.
 */
export async function* samplePictures(
  { samples, runOf }: Reviewed,
  images: ReadonlyMap<string, number>,
  { onNotice, onProgress, signal }: ReviewOptions,
): AsyncIterableIterator<string> {
  const sizes = new Map<string, Size | undefined>();
  const reasonOf = (error: unknown) => printable((error as Error).message, 500);
  let n = 0;
  for await (const sample of samples()) {
    signal?.throwIfAborted();
    onProgress?.(n);
    const first = n;
    let size: Size | undefined;
    for (const [place, result] of sample.entries()) {
      const { id, setting } = result;
      const run = runOf(place);
      const number = n++;
      if (hasHeatmap(result)) {
        try {
          const heatmap = await run.get(id, setting);
          size = heatmap.image;
          yield heatmapElement(number, heatmap);
        } catch (error) {
          const reason = reasonOf(error);
          // The page names all heatmaps that are missing from the file in a single notice.
          if (run.has(id, setting)) onNotice?.(`No heatmap of ${quote(id)}: ${reason}`);
          yield missingElement(`heatmap-${number}`, reason);
        }
      }
      const image = imageOf(result) ?? "";
      const name = images.get(image);
      if (name === undefined || sizes.has(image)) continue;
      sizes.set(image, undefined);
      try {
        const gray = await originalImage(run.folder, image, size);
        sizes.set(image, gray);
        yield await imageElement(name, gray);
      } catch (error) {
        const reason = reasonOf(error);
        // Without a heatmap or boxes the page shows nothing on the X-ray, and the row says why.
        if (size || isGrounded(result) && result.predicted) {
          onNotice?.(`No X-ray of ${quote(id)}: ${reason}`);
        }
        yield missingElement(`image-${name}`, reason);
      }
    }
    const place = Math.max(sample.findIndex(isGrounded), 0);
    const result = sample[place]!;
    const known = size ?? sizes.get(imageOf(result) ?? "");
    if (!known) continue;
    // Three quarters of a pixel span the staircase of a slanted edge, which needs many corners.
    const tolerance = Math.max(0.75, Math.max(known.width, known.height) / PICTURE_SIDE / 2);
    try {
      const options = { tolerance, most: MAX_CORNERS };
      const outline = await resultOutline(result, known, runOf(place).folder, options);
      if (outline) yield truthElement(first, outline);
    } catch (error) {
      // The row of a sample that dropped out says why.
      if (isGrounded(result)) {
        onNotice?.(`No ground truth of ${quote(result.id)}: ${reasonOf(error)}`);
      }
    }
  }
}

/** Number of first pictures, their longer side in pixels, and JPEG quality of 1..100. */
const [COUNT, SIDE, QUALITY] = [12, 384, 72] as const;

/**
 * Yields the first samples as pictures that need no script, for print and for browsers without
 * scripts. Samples without X-ray or heatmap are left out; the rest of the report names them.
 */
export async function* sheetFigures(
  { samples, runOf, methods }: Reviewed,
): AsyncIterableIterator<string> {
  yield `<section id="sheet"><h2>First samples</h2><div>`;
  let left: number = COUNT;
  for await (const sample of samples()) {
    if (left <= 0) break;
    for (const [place, result] of sample.entries()) {
      const jpeg = await drawOne(result, runOf(place)).catch(() => undefined);
      if (!jpeg) continue;
      left--;
      const { phrase = result.id } = result;
      const name = methods.length > 1 ? `${methods[place] ?? ""}: ` : "";
      const facts = factsOf(sampleRow(result, 0), foundIn(result));
      yield `<figure><img src="data:image/jpeg;base64,${jpeg.toBase64()}" ` +
        `alt="X-ray: ${safe(phrase)}"><figcaption><b>${safe(name + phrase)}</b><div><span>` +
        `${safe(facts)}</span><small>${safe(result.image ?? "")}</small></div></figcaption>` +
        "</figure>\n";
    }
  }
  yield "</div></section>\n";
}

/** Draws a result; `undefined` if it has neither heatmap nor boxes. */
async function drawOne(result: SampleResult, run: Run): Promise<Uint8Array | undefined> {
  const image = imageOf(result);
  if (!image || !isGrounded(result)) return undefined;
  const heatmap = hasHeatmap(result) ? await run.get(result.id, result.setting) : undefined;
  if (!heatmap && !result.predicted) return undefined;
  const gray = await originalImage(run.folder, image, heatmap?.image);
  const truth = await resultTruth(result, gray, run.folder);
  const overlay = {
    ...{ ...heatmap ?? withoutHeat(gray), gray, maxSide: SIDE },
    ...("runs" in truth ? { region: truth } : { boxes: truth }),
    ...(result.predicted && { predicted: result.predicted }),
  };
  const { width, height, bitmap } = paintOverlay(overlay, backdropOf(gray, SIDE));
  const { Image } = await import("imagescript");
  const picture = new Image(width, height);
  picture.bitmap.set(bitmap);
  return await picture.encodeJPEG(QUALITY);
}
