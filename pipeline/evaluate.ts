/**
 * A dataset through the stages to one line of results a sample.
 *
 * @module
 */

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

/** What every line of `results.jsonl` says of its sample. */
export interface AnyResult {
  /** The sample's id, or the row's where there is no sample. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index?: number;
  /** The image's path. */
  readonly image?: string;
  /** The phrase. */
  readonly phrase?: string;
  /** The class. */
  readonly category?: string;
  /**
   * The variant or the method, where there are several; on a sample that fell out as a whole it
   * is left out.
   */
  readonly setting?: string;
  /** Facts worth knowing, such as a box cut at the image's edge. */
  readonly notes?: readonly string[];
}

/** A sample with a heatmap, or with predicted boxes. */
export interface GroundedResult extends AnyResult {
  /** The boxes that were scored against. */
  readonly boxes: readonly Box[];
  /** Otsu's threshold, or null without. */
  readonly threshold: number | null;
  /**
   * Boxes that were predicted in place of a heatmap. Of the scores CNR and AUC are NaN then, which
   * is null in the file.
   */
  readonly predicted?: readonly Box[];
}

/** One line of `results.jsonl`. */
export type SampleResult =
  | (GroundedResult & AllScores & { readonly status: "scored" })
  | (GroundedResult & { readonly status: "grounded" })
  | (AnyResult & {
    readonly status: "skipped" | "failed";
    /** Where the sample fell out. */
    readonly stage: StageName;
    /** One sentence. */
    readonly reason: string;
    /** Class of the error, such as `NotFound` or `SyntaxError`; of failures only. */
    readonly error?: string;
  });

/** What a heatmap is made of, and what it takes to finish and score it again. */
export interface StoredHeatmap {
  /** The sample's id. */
  readonly id: string;
  /** The variant or the method, where there are several. */
  readonly setting?: string;
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Size of the original image in pixels. */
  readonly image: Size;
  /** Mean attention of each layer, before it is resized; or one that is a method's own grid. */
  readonly layers: readonly AveragedLayer[];
  /**
   * What the heatmap covers where it is a method's own grid, which is not finished any further;
   * else it covers the centre square.
   */
  readonly view?: MethodCrop;
}

/** Options of {@linkcode evaluate}. */
export interface EvaluateOptions extends RunOptions {
  /** The model. */
  model: LdmModel;
  /**
   * Ids that need no result, such as those of an earlier run. An image with others beside them
   * is run with all its phrases, so that passes are shared as they were and results equal to the
   * last bit.
   *
   * @default {None}
   */
  done?: ReadonlySet<string>;
  /**
   * Given what each heatmap is made of, before its result comes: what it does is waited for.
   *
   * @default {undefined}
   */
  onHeatmap?: (heatmap: StoredHeatmap) => Promise<void> | void;
}

/** Most phrases of one image that go through the stages together. */
const PHRASES_PER_IMAGE = 64;

/**
 * Evaluates a dataset: every sample and every bad row gives one result, in
 * order, and none ends the run.
 *
 * @param items What a dataset yields.
 * @param options The model, and how.
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
 * Images with their phrases from what a dataset yields.
 *
 * @param done Ids that need no result; an image of which all are done is left out.
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
        yield failed("dataset", row, new RangeError(reason));
      }
    }
    if (!samples.every(({ id }) => done.has(id))) yield item({ image: samples[0]!.image, samples });
  }
}

/** What a method made of one sample. */
export type MethodResult = GroundResult | GridResult | BoxedResult;

/** How {@linkcode toSampleResults} words results. */
interface ResultOptions {
  /** Ids that need no result. */
  readonly done: ReadonlySet<string>;
  /** Given what each heatmap is made of. */
  readonly onHeatmap: EvaluateOptions["onHeatmap"];
  /** What the method is called, where there are several. */
  readonly setting?: string;
}

/** Results as the lines that they are written as. */
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

/** What a heatmap is made of. */
function contentsOf(
  result: Exclude<MethodResult, { kind: "dropped" | "boxed" }>,
): Pick<StoredHeatmap, "size" | "layers" | "view"> {
  if (result.kind === "grounded") return { size: result.size, layers: result.layers };
  const { grid: { side, values }, view } = result;
  return { size: side, layers: [{ layer: 0, side, data: values }], view };
}
