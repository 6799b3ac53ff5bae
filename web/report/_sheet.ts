import type { SampleResult } from "../../pipeline/evaluate.ts";
import { backdropOf, paintOverlay, withoutHeat } from "../../reports/figures/overlay.ts";
import { originalImage } from "../../reports/original_image.ts";
import { safe } from "../../reports/tables/table_html.ts";
import { factsOf, foundIn } from "../review/scores.ts";
import { resultTruth } from "../../runs/result_truth.ts";
import type { Run } from "../../runs/run.ts";
import { hasHeatmap, imageOf, isGrounded } from "../../runs/run_folder.ts";
import { sampleRow } from "../sample_row.ts";
import type { Reviewed } from "./_sample_pictures.ts";

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
      yield `<figure><img src="data:image/jpeg;base64,${jpeg.toBase64()}" alt="X-ray: ${
        safe(phrase)
      }"><figcaption><b>${safe(name + phrase)}</b><div><span>${safe(facts)}</span><small>${
        safe(result.image ?? "")
      }</small></div></figcaption></figure>\n`;
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
