/**
 * Stages of a baseline. A baseline replaces all stages from the latent to the mask.
 *
 * @module
 */

import type { Sample } from "../../datasets/sample.ts";
import { isInputError } from "../../base/errors.ts";
import type { GridHeatmap, GroundingMethod } from "../../models/method.ts";
import type { MethodCrop } from "../../base/geometry.ts";
import { decode, type DecodedImage, type ImageRequest } from "../decode.ts";
import {
  type Dropped,
  failed,
  flatMapFlow,
  type Flow,
  item,
  type StageOptions,
  withNotes,
} from "../flow.ts";
import type { Heatmap } from "../postprocess.ts";
import {
  type AllScores,
  type ProtocolOptions,
  requireProtocolOptions,
  scoreByProtocols,
} from "../../scoring/protocols.ts";
import { finishGrid } from "./grid_heatmap.ts";

/** A phrase with a method's heatmap. */
export interface GridPhrase extends Heatmap {
  /** The image, and the part of it that the heatmap covers. */
  readonly image: DecodedImage;
  /** The phrase. */
  readonly sample: Sample;
  /** The method's own heatmap. */
  readonly grid: GridHeatmap;
  /** The part of an image that the method sees. */
  readonly view: MethodCrop;
  /** Absent if the sample has no boxes to score against. */
  readonly scores?: AllScores;
}

/** Result of one sample: a heatmap, or the reason why the sample dropped out. */
export type GridResult =
  | ({ readonly kind: "grid" } & GridPhrase)
  | ({ readonly kind: "dropped" } & Dropped);

/** Options of {@linkcode groundByMethod}. */
export interface MethodOptions extends Omit<ProtocolOptions, "cover"> {
  /**
   * Called with the number of samples done.
   *
   * @default {undefined}
   */
  onProgress?: (done: number) => void;
  /**
   * Aborts the run, which throws the signal's reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/**
 * Grounds and scores images with their phrases by a method other than the diffusion model. A sample
 * fails if the method refuses its phrase or image. An error of the model or its runtime throws.
 *
 * @param source Images with their phrases.
 * @param method An open method; the call leaves it open.
 * @param options Progress, signal, protocols and margin.
 * @returns One result per sample.
 * @throws {RangeError} If a protocol or the margin is unknown.
 */
export function groundByMethod(
  source: AsyncIterable<Flow<ImageRequest>>,
  method: GroundingMethod,
  options: MethodOptions = {},
): AsyncIterableIterator<GridResult> {
  const { signal, onProgress, ...score } = options;
  requireProtocolOptions(score);
  const stop = { ...(signal && { signal }) };
  const { view } = method;
  const grids = groundGrids(decode(source, { ...stop, view }), method, stop);
  const scored = flatMapFlow(grids, "metrics", function* ({ grid, image, sample }): Iterable<
    Flow<GridPhrase>
  > {
    try {
      const made = { ...finishGrid(grid), grid, image, sample, view };
      const { gray, crop: { side: cover } } = image;
      yield item(
        sample.boxes.length === 0 ? made : {
          ...made,
          scores: scoreByProtocols(made.heatmap, gray, sample.boxes, { ...score, cover }),
        },
      );
    } catch (error) {
      yield failed("metrics", sample, error);
    }
  }, stop);
  return toResults(scored, onProgress);
}

async function* toResults(
  source: AsyncIterable<Flow<GridPhrase>>,
  onProgress: MethodOptions["onProgress"],
): AsyncIterableIterator<GridResult> {
  let done = 0;
  for await (const flow of source) {
    onProgress?.(++done);
    yield flow.kind === "dropped"
      ? { kind: "dropped", ...flow.dropped }
      : { kind: "grid", ...flow.item };
  }
}

/** Runs the method on all phrases of an image at once. */
function groundGrids(
  source: AsyncIterable<Flow<DecodedImage>>,
  method: GroundingMethod,
  options: StageOptions,
): AsyncIterableIterator<Flow<Pick<GridPhrase, "grid" | "image" | "sample">>> {
  return flatMapFlow(source, "ground", async function* (image) {
    const phrases = image.samples.map(({ phrase }) => phrase);
    const grids = await askFor(method, image, phrases, options);
    // Ask again for each phrase alone: one bad phrase must not cost the image its other phrases.
    const isEach = grids instanceof Error && phrases.length > 1;
    for (const [i, sample] of image.samples.entries()) {
      const answer = isEach ? await askFor(method, image, [sample.phrase], options) : grids;
      yield answer instanceof Error
        ? failed("ground", sample, answer)
        : item({ grid: answer[isEach ? 0 : i]!, image, sample: noteReading(sample, method) });
    }
  }, options);
}

/** The sample with notes on how the method reads its phrase. */
export function noteReading(sample: Sample, method: GroundingMethod): Sample {
  return withNotes(sample, method.notes?.(sample.phrase) ?? []);
}

/**
 * Asks a method for heatmaps.
 *
 * @returns The heatmaps, or the error if the method refuses the image or a phrase.
 * @throws {Error} If the model or its runtime fails.
 */
async function askFor(
  method: GroundingMethod,
  { gray }: DecodedImage,
  phrases: readonly string[],
  options: StageOptions,
): Promise<readonly GridHeatmap[] | Error> {
  try {
    return await method.ground(gray, phrases, options);
  } catch (error) {
    if (isInputError(error)) return error;
    throw error;
  }
}
