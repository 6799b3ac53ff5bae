import type { Size } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { printable, quote } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { originalImage } from "../../reports/original_image.ts";
import { resultOutline } from "../../runs/result_truth.ts";
import type { Run } from "../../runs/run.ts";
import { hasHeatmap, imageOf, isGrounded } from "../../runs/run_folder.ts";
import { heatmapElement, imageElement, missingElement, truthElement } from "./_pictures.ts";

/** Longer side of the page's largest picture, in pixels of a fine screen. */
const PICTURE_SIDE = 1520;

/** Most corners of a sample's outline, some 10 KB: no more than a picture takes. */
const MAX_CORNERS = 1000;

/** Callbacks of {@linkcode samplePictures}. */
export interface PictureOptions {
  /** Receives one sentence about each missing picture. */
  readonly notify: (notice: string) => void;
  /** Called before each sample with the number of results so far; it may abort by throwing. */
  readonly onHeatmaps: (done: number) => void;
}

/**
 * Yields the pictures of a page: each X-ray once, a heatmap a result, an outline of masks a sample.
 *
 * @param samples Results of each sample; heatmaps are numbered through.
 * @param runOf Run of a sample's result by its place.
 * @param images Number of each X-ray by its path.
 * @param options Callbacks.
 */
export async function* samplePictures(
  samples: Iterable<readonly SampleResult[]> | AsyncIterable<readonly SampleResult[]>,
  runOf: (place: number) => Run,
  images: ReadonlyMap<string, number>,
  { notify, onHeatmaps }: PictureOptions,
): AsyncIterableIterator<string> {
  const sizes = new Map<string, Size | undefined>();
  let n = 0;
  for await (const sample of samples) {
    onHeatmaps(n);
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
          const reason = printable((error as Error).message, 500);
          // The page names all heatmaps that are missing from the file in a single notice.
          if (run.has(id, setting)) notify(`No heatmap of ${quote(id)}: ${reason}`);
          yield missingElement(`heatmap-${number}`, reason);
        }
      }
      const image = imageOf(result);
      const name = images.get(image ?? "");
      if (!image || name === undefined || sizes.has(image)) continue;
      sizes.set(image, undefined);
      try {
        const gray = await originalImage(runOf(0).folder, image, size);
        sizes.set(image, gray);
        yield await imageElement(name, gray);
      } catch (error) {
        const reason = printable((error as Error).message, 500);
        // Without a heatmap or boxes the page shows nothing on the X-ray, and the row says why.
        if (size || isGrounded(result) && result.predicted) {
          notify(`No X-ray of ${quote(id)}: ${reason}`);
        }
        yield missingElement(`image-${name}`, reason);
      }
    }
    const result = sample.find(isGrounded) ?? sample[0]!;
    const known = size ?? sizes.get(imageOf(result) ?? "");
    try {
      const outline = known && await outlineIn(result, known, runOf(0).folder);
      if (outline) yield truthElement(first, outline);
    } catch (error) {
      const reason = printable((error as Error).message, 500);
      // The row of a sample that dropped out says why.
      if (isGrounded(result)) notify(`No ground truth of ${quote(result.id)}: ${reason}`);
    }
  }
}

/** Outline of a result's masks for the page's pictures; `undefined` if the result has no masks. */
async function outlineIn(
  result: SampleResult,
  image: Size,
  folder: string,
): Promise<Ring[] | undefined> {
  // Three quarters of a pixel span the staircase of a slanted edge, which needs many corners.
  const tolerance = Math.max(
    0.75,
    ...[image.width, image.height].map((side) => side / PICTURE_SIDE / 2),
  );
  return await resultOutline(result, image, folder, { tolerance, most: MAX_CORNERS });
}
