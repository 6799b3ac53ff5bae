/**
 * The stages of a baseline: it takes the place of all from the latent to the mask.
 *
 * @module
 */

import type { Sample } from "../../datasets/sample.ts";
import type { GridHeatmap, GroundingMethod } from "../../models/method.ts";
import type { MethodCrop } from "../../base/geometry.ts";
import { decode, type DecodedImage, type ImageRequest } from "../decode.ts";
import { type Dropped, failed, flatMapFlow, type Flow, item, type StageOptions } from "../flow.ts";
import type { Heatmap } from "../postprocess.ts";
import {
  type AllScores,
  type ProtocolOptions,
  requireProtocolOptions,
  scoreByProtocols,
} from "../../scoring/protocols.ts";
import { finishGrid } from "./grid_heatmap.ts";

/** A phrase with the heatmap that a method has of it. */
export interface GridPhrase extends Heatmap {
  /** The image, and the part of it that the heatmap covers. */
  readonly image: DecodedImage;
  /** The phrase. */
  readonly sample: Sample;
  /** The method's own heatmap. */
  readonly grid: GridHeatmap;
  /** What the method sees of an image. */
  readonly view: MethodCrop;
  /** Absent where there are no boxes to score against. */
  readonly scores?: AllScores;
}

/** What a method made of one sample. */
export type GridResult =
  | ({ readonly kind: "grid" } & GridPhrase)
  | ({ readonly kind: "dropped" } & Dropped);

/** How {@linkcode groundByMethod} runs and scores. */
export interface MethodOptions extends Omit<ProtocolOptions, "cover"> {
  /**
   * Told how many samples are done.
   *
   * @default {undefined}
   */
  onProgress?: (done: number) => void;
  /**
   * Ends the run with its reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/**
 * Grounds and scores images with their phrases by a method other than the diffusion
 * model. A phrase or image that the method refuses is a failed sample; what is
 * wrong with the model or what runs it throws.
 *
 * @param source Images with their phrases.
 * @param method A method that is open, and stays so.
 * @param options How to count.
 * @returns One result a sample.
 * @throws {RangeError} If there is no such protocol or margin.
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
  const scored = flatMapFlow(grids, function* ({ grid, image, sample }): Iterable<
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

/** The method itself, which sees all phrases of an image at once. */
function groundGrids(
  source: AsyncIterable<Flow<DecodedImage>>,
  method: GroundingMethod,
  options: StageOptions,
): AsyncIterableIterator<Flow<Pick<GridPhrase, "grid" | "image" | "sample">>> {
  return flatMapFlow(source, async function* (image) {
    const phrases = image.samples.map(({ phrase }) => phrase);
    const grids = await askFor(method, image, phrases, options);
    // One bad phrase is not to cost the image its others.
    const isEach = grids instanceof Error && phrases.length > 1;
    for (const [i, sample] of image.samples.entries()) {
      const answer = isEach ? await askFor(method, image, [sample.phrase], options) : grids;
      yield answer instanceof Error
        ? failed("ground", sample, answer)
        : item({ grid: answer[isEach ? 0 : i]!, image, sample: noteReading(sample, method) });
    }
  }, options);
}

/** A sample with what is to be known of how its phrase is read. */
export function noteReading(sample: Sample, method: GroundingMethod): Sample {
  const notes = method.notes?.(sample.phrase) ?? [];
  return notes.length === 0 ? sample : { ...sample, notes: [...sample.notes ?? [], ...notes] };
}

/**
 * What a method says, or the error that is about what it was asked.
 *
 * @throws {Error} If it is of the model or what runs it.
 */
async function askFor(
  method: GroundingMethod,
  { gray }: DecodedImage,
  phrases: readonly string[],
  options: StageOptions,
): Promise<readonly GridHeatmap[] | RangeError | TypeError | SyntaxError> {
  try {
    return await method.ground(gray, phrases, options);
  } catch (error) {
    if (
      error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError
    ) return error;
    throw error;
  }
}
