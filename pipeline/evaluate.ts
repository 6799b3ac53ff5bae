/**
 * A dataset through the stages to one line of results a sample.
 *
 * @module
 */

import type { Box, DatasetItem, Sample } from "../datasets/sample.ts";
import type { ImageRequest } from "./decode.ts";
import { failed, type Flow, item, type StageName } from "./flow.ts";
import type { LdmModel } from "../models/ldm/model.ts";
import { groundRequests, type GroundResult, type RunOptions } from "./ground.ts";
import type { Scores } from "./score_heatmap.ts";
import { groupStream } from "./stream.ts";

/** What every line of `results.jsonl` says of its sample. */
export interface AnyResult {
  /** The sample's id, or the row's where there is no sample. */
  readonly id: string;
  /** The image's path. */
  readonly image?: string;
  /** The phrase. */
  readonly phrase?: string;
  /** The class. */
  readonly category?: string;
  /** The variant, where there are several; on a sample that fell out as a whole it is left out. */
  readonly setting?: string;
  /** Facts worth knowing, such as a box cut at the image's edge. */
  readonly notes?: readonly string[];
}

/** A sample with a heatmap. */
export interface GroundedResult extends AnyResult {
  /** The boxes that were scored against. */
  readonly boxes: readonly Box[];
  /** Otsu's threshold, or null without. */
  readonly threshold: number | null;
}

/** One line of `results.jsonl`. */
export type SampleResult =
  | (GroundedResult & Scores & { readonly status: "scored" })
  | (GroundedResult & { readonly status: "grounded" })
  | (AnyResult & {
    readonly status: "skipped" | "failed";
    /** Where the sample fell out. */
    readonly stage: StageName;
    /** One sentence. */
    readonly reason: string;
  });

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
  options: RunOptions & { model: LdmModel },
): AsyncIterableIterator<SampleResult> {
  return toResults(groundRequests(toRequests(items), options));
}

async function* toRequests(
  items: AsyncIterable<DatasetItem>,
): AsyncIterableIterator<Flow<ImageRequest>> {
  const imageOf = (entry: DatasetItem) =>
    entry.kind === "sample" ? entry.sample.image : Symbol("a bad row stands alone");
  for await (const group of groupStream(items, imageOf, PHRASES_PER_IMAGE)) {
    const samples: Sample[] = [];
    for (const entry of group) {
      if (entry.kind === "sample") samples.push(entry.sample);
      else {
        const { reason, ...row } = entry.failure;
        yield failed("dataset", row, reason);
      }
    }
    if (samples.length > 0) yield item({ image: samples[0]!.image, samples });
  }
}

async function* toResults(
  results: AsyncIterable<GroundResult>,
): AsyncIterableIterator<SampleResult> {
  for await (const result of results) {
    const { id, image, phrase, category, notes } = result.sample;
    const sample: AnyResult = {
      id,
      ...(image && { image }),
      ...(phrase && { phrase }),
      ...(category && { category }),
      ...(result.variant?.name && { setting: result.variant.name }),
      ...(notes && { notes }),
    };
    if (result.kind === "dropped") {
      const { status, stage, reason } = result;
      yield { ...sample, status, stage, reason };
      continue;
    }
    const { scores, threshold = null } = result;
    const grounded = { ...sample, boxes: result.sample.boxes, threshold };
    yield scores
      ? { ...grounded, ...scores, status: "scored" }
      : { ...grounded, status: "grounded" };
  }
}
