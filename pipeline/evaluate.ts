/**
 * Evaluation of a dataset: samples through the stages to the lines of `results.jsonl`.
 *
 * @module
 */

import { InputRangeError } from "../base/errors.ts";
import type { DatasetItem, Sample } from "../datasets/sample.ts";
import type { Box, MethodCrop, Size } from "../base/geometry.ts";
import type { ImageRequest } from "./decode.ts";
import { failed, type Flow, item, type StageName } from "./flow.ts";
import type { LdmModel } from "../models/ldm/model.ts";
import { groundRequests, type GroundResult, type RunOptions } from "./ground.ts";
import type { GridResult } from "./methods/ground_by_method.ts";
import type { BoxedResult } from "./methods/score_boxes.ts";
import type { AveragedLayer } from "./postprocess.ts";
import type { AllScores } from "../scoring/protocols.ts";
import { groupStream } from "../base/stream.ts";

/** Fields of every line of `results.jsonl`. */
export interface AnyResult {
  /** Id of the sample, or of the row if the row gave no sample. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index?: number;
  /** Path of the image. */
  readonly image?: string;
  /** Phrase of the sample. */
  readonly phrase?: string;
  /** Class of the sample. */
  readonly category?: string;
  /**
   * Name of the variant or the method, if there are several. Absent if the sample dropped out of
   * all of them at once.
   */
  readonly setting?: string;
  /** Facts worth knowing, such as a box cut at the image's edge. */
  readonly notes?: readonly string[];
}

/** A sample with a heatmap, or with predicted boxes. */
export interface GroundedResult extends AnyResult {
  /** Ground-truth boxes of the sample, against which its heatmap is scored. */
  readonly boxes: readonly Box[];
  /** Otsu's threshold; null without Otsu. */
  readonly threshold: number | null;
  /**
   * Predicted boxes, if the method predicts boxes and no heatmap. CNR and AUC are NaN then, which
   * the file stores as null.
   */
  readonly predicted?: readonly Box[];
}

/** One line of `results.jsonl`. */
export type SampleResult =
  | (GroundedResult & AllScores & { readonly status: "scored" })
  | (GroundedResult & { readonly status: "grounded" })
  | (AnyResult & {
    readonly status: "skipped" | "failed";
    /** Stage in which the sample dropped out. */
    readonly stage: StageName;
    /** Reason in one sentence. */
    readonly reason: string;
    /** Class of the error, such as `NotFound` or `SyntaxError`; only on failures. */
    readonly error?: string;
  });

/** Inputs of one heatmap, enough to finish and score the heatmap again. */
export interface StoredHeatmap {
  /** Id of the sample. */
  readonly id: string;
  /** Name of the variant or the method, if there are several. */
  readonly setting?: string;
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Size of the original image in pixels. */
  readonly image: Size;
  /** Mean attention of each layer before the resize, or a method's own grid as a single layer. */
  readonly layers: readonly AveragedLayer[];
  /**
   * Crop that a method's own grid covers; such a grid needs no finishing. Absent if the layers are
   * attention, which covers the centre square.
   */
  readonly view?: MethodCrop;
}

/** Options of {@linkcode evaluate}. */
export interface EvaluateOptions extends RunOptions {
  /** The model. */
  model: LdmModel;
  /**
   * Ids that need no result, for instance because an earlier run has their results. If an image has
   * further ids, all its phrases run again. Phrases then share passes as before, so that results
   * equal the earlier results to the last bit.
   *
   * @default {None}
   */
  done?: ReadonlySet<string>;
  /**
   * Called with the inputs of each heatmap before the heatmap's result is yielded; awaited.
   *
   * @default {undefined}
   */
  onHeatmap?: (heatmap: StoredHeatmap) => Promise<void> | void;
}

/** Maximum number of phrases of one image that go through the stages together. */
const PHRASES_PER_IMAGE = 64;

/**
 * Evaluates a dataset in order. Every sample gives one result per variant; every bad row gives one
 * result. A sample that drops out gives a result too, and the run continues.
 *
 * @param items Samples and bad rows of the dataset.
 * @param options The model and the settings.
 * @throws {RangeError} If an option is out of its range.
 */
export function evaluate(
  items: AsyncIterable<DatasetItem>,
  options: EvaluateOptions,
): AsyncIterableIterator<SampleResult> {
  const { done = new Set<string>(), onHeatmap, ...run } = options;
  const requests = imageRequests(items, done);
  return toSampleResults(groundRequests(requests, { ...run, done }), { done, onHeatmap });
}

/**
 * Groups a dataset's samples into images with their phrases; bad rows become failures.
 *
 * @param done Ids that need no result. An image is left out if `done` has the ids of all its
 * samples.
 */
export async function* imageRequests(
  items: AsyncIterable<DatasetItem>,
  done: ReadonlySet<string>,
): AsyncIterableIterator<Flow<ImageRequest>> {
  const imageOf = (entry: DatasetItem) =>
    entry.kind === "sample" ? entry.sample.image : Symbol("a bad row stands alone");
  for await (const group of groupStream(items, imageOf, PHRASES_PER_IMAGE)) {
    const samples: Sample[] = [];
    for (const entry of group) {
      if (entry.kind === "sample") samples.push(entry.sample);
      else if (!done.has(entry.failure.id)) {
        const { reason, ...row } = entry.failure;
        yield failed("dataset", row, new InputRangeError(reason));
      }
    }
    if (!samples.every(({ id }) => done.has(id))) yield item({ image: samples[0]!.image, samples });
  }
}

/** Result of one sample by any method. */
export type MethodResult = GroundResult | GridResult | BoxedResult;

/** Options of {@linkcode toSampleResults}. */
interface ResultOptions {
  /** Ids that need no result. */
  readonly done: ReadonlySet<string>;
  /** Called with the inputs of each heatmap. */
  readonly onHeatmap: EvaluateOptions["onHeatmap"];
  /** Name of the method, if there are several. */
  readonly setting?: string;
}

/** Converts results to the lines of `results.jsonl`. */
export async function* toSampleResults(
  results: AsyncIterable<MethodResult>,
  { done, onHeatmap, setting: method }: ResultOptions,
): AsyncIterableIterator<SampleResult> {
  for await (const result of results) {
    const { id, index, image, phrase, category, notes } = result.sample;
    if (done.has(id)) continue;
    const setting = method ?? ("variant" in result ? result.variant?.name : undefined);
    const sample: AnyResult = {
      id,
      ...(index !== undefined && { index }),
      ...(image && { image }),
      ...(phrase && { phrase }),
      ...(category && { category }),
      ...(setting && { setting }),
      ...(notes && { notes }),
    };
    if (result.kind === "dropped") {
      const { status, stage, reason, error } = result;
      yield { ...sample, status, stage, reason, ...(error && { error }) };
      continue;
    }
    const { boxes } = result.sample;
    const grounded: GroundedResult = result.kind === "boxed"
      ? { ...sample, boxes, threshold: null, predicted: result.predicted }
      : { ...sample, boxes, threshold: result.threshold ?? null };
    if (result.kind !== "boxed") {
      const { image: { gray: { width, height } } } = result;
      const { size, layers, view } = contentsOf(result);
      await onHeatmap?.({
        id,
        ...(setting && { setting }),
        ...{ size, image: { width, height }, layers },
        ...(view && { view }),
      });
    }
    const { scores } = result;
    yield scores
      ? { ...grounded, ...scores, status: "scored" }
      : { ...grounded, status: "grounded" };
  }
}

/** The size, layers and view of a heatmap, for storage. */
function contentsOf(
  result: Exclude<MethodResult, { kind: "dropped" | "boxed" }>,
): Pick<StoredHeatmap, "size" | "layers" | "view"> {
  if (result.kind === "grounded") return { size: result.size, layers: result.layers };
  const { grid: { side, values }, view } = result;
  return { size: side, layers: [{ layer: 0, side, data: values }], view };
}
