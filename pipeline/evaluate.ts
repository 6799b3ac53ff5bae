/**
 * Evaluation of a dataset: samples through one or several methods to the lines of `results.jsonl`.
 *
 * @module
 */

import { InputRangeError } from "../base/errors.ts";
import type { DatasetItem, Sample } from "../datasets/sample.ts";
import type { Box, GrayImage, Size, View } from "../base/geometry.ts";
import { groupStream, mapStream } from "../base/stream.ts";
import type { TruthMask } from "../base/truth_mask.ts";
import type { AllScores } from "../scoring/protocols.ts";
import { inStep, tee } from "./_in_step.ts";
import { mirrorImage, mirrorSample } from "./_mirror.ts";
import { decodeImage, type ImageRequest } from "./decode.ts";
import { failed, type Flow, item, type StageName } from "./flow.ts";
import type { BoxedPhrase, GroundedPhrase, Method, MethodOptions } from "./method.ts";
import type { AveragedLayer } from "./postprocess.ts";

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
  /** Group of the class; absent if the dataset has no groups. */
  readonly group?: string;
  /** Number of the phrase among the wordings of its class, from 1; absent without a choice. */
  readonly wording?: number;
  /** Patient of the image; absent unless a column of the dataset states it. */
  readonly patient?: string;
  /**
   * Split of the sample; absent unless it can tell whether the sample was in the training of a method.
   */
  readonly split?: string;
  /**
   * Name of the variant or the method, if there are several. Absent if the sample dropped out of
   * all of them at once.
   */
  readonly setting?: string;
  /** Question that was made from another sample; absent for a sample of the dataset. */
  readonly control?: Sample["control"];
  /** Facts worth knowing, such as a box cut at the image's edge. */
  readonly notes?: readonly string[];
  /**
   * Ground-truth masks of the sample in place of boxes, as the dataset states them. The files of
   * masks are read again by all later work with the run.
   *
   * @default {None}
   */
  readonly masks?: readonly TruthMask[];
}

/** A sample with a heatmap, or with predicted boxes. */
export interface GroundedResult extends AnyResult {
  /** Ground-truth boxes of the sample, against which its heatmap is scored; empty with masks. */
  readonly boxes: readonly Box[];
  /**
   * Lowest and highest value of a heatmap from elsewhere, before it was scaled to 0..1; absent for
   * other methods.
   */
  readonly range?: readonly [lowest: number, highest: number];
  /** Otsu's threshold; null without Otsu. */
  readonly threshold: number | null;
  /**
   * Predicted boxes, if the method predicts boxes and no heatmap. CNR and AUC are NaN then, which
   * the file stores as null.
   */
  readonly predicted?: readonly Box[];
  /** Confidence of each predicted box, 0..1; absent if the method states none. */
  readonly confidence?: readonly number[];
  /** Further facts about the answer, such as other hypotheses; absent if the method states none. */
  readonly details?: Readonly<Record<string, unknown>>;
  /**
   * Size of the image, with boxes of a second reader, or with predicted boxes that were scored by
   * protocols of boxes.
   */
  readonly imageSize?: Size;
  /** Boxes of a second reader, of the part of the image that the method sees. */
  readonly otherBoxes?: readonly Box[];
}

/** One line of `results.jsonl`. */
export type SampleResult =
  | (GroundedResult & AllScores & { readonly status: "scored" })
  | (GroundedResult & Pick<AllScores, "protocols"> & {
    readonly status: "grounded";
    /**
     * The phrase says that there is nothing to find; such phrases are read if a protocol counts them.
     *
     * @default {false}
     */
    readonly negative?: boolean;
    /**
     * The dataset says that the class is there, and not where; only of an evaluation that asks every
     * image for its classes.
     *
     * @default {false}
     */
    readonly present?: boolean;
  })
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
   * Part that a method's own grid covers; such a grid needs no finishing. Absent if the layers are
   * attention, which covers the centre square.
   */
  readonly view?: View;
}

/** A result, with the inputs of its heatmap. */
export interface Evaluated {
  /** The line of `results.jsonl`. */
  readonly result: SampleResult;
  /** Absent if the sample has no heatmap. */
  readonly heatmap?: StoredHeatmap;
  /** Attention that the run keeps, with the layers of all groups of steps; see {@linkcode Method}. */
  readonly kept?: StoredHeatmap;
}

/** Options of {@linkcode evaluate}. */
export interface EvaluateOptions extends MethodOptions {
  /**
   * Ids that need no result, for instance because an earlier run has their results. An image with
   * other ids too runs again with all its phrases. The phrases then share passes as before, and
   * results repeat to the last bit.
   *
   * @default {None}
   */
  done?: ReadonlySet<string>;
}

/** Maximum number of phrases of one image that go through the stages together. */
const PHRASES_PER_IMAGE = 64;

/**
 * Evaluates a dataset in order, by one or several methods. Every sample gives one result per method
 * and variant; every bad row gives one result. A sample that drops out gives a result too, and the
 * run continues. If a sample drops out of all methods alike, a single result stands for all.
 *
 * Several methods share each decoded image, and finish it before the next image.
 *
 * @param items Samples and bad rows of the dataset.
 * @param methods The methods by their names in the results. The name of a single method is not
 * written.
 * @param options Finished samples, protocols, callbacks and signals.
 * @throws {RangeError} If there is no method, or an option is out of its range.
 */
export function evaluate(
  items: AsyncIterable<DatasetItem>,
  methods: Readonly<Record<string, Method>>,
  options: EvaluateOptions = {},
): AsyncIterableIterator<Evaluated> {
  const { done = new Set<string>() } = options;
  const named = Object.entries(methods);
  const [first] = named;
  if (!first) throw new RangeError("Cannot evaluate a dataset without a method");
  const requests = imageRequests(items, done);
  return named.length === 1 && first[1].keepsOwnOrder
    ? toEvaluated(first[1].ground(requests, options), done)
    : evaluateInOrder(requests, named, { ...options, done });
}

/** Evaluates by methods side by side, in the order of the dataset. */
async function* evaluateInOrder(
  requests: AsyncIterable<Flow<ImageRequest>>,
  methods: readonly (readonly [name: string, method: Method])[],
  options: EvaluateOptions & { done: ReadonlySet<string> },
): AsyncIterableIterator<Evaluated> {
  const { done, onProgress, concurrency = 1, ending, ...own } = options;
  const images = readAhead(requests, { ...options, concurrency });
  const ids: string[] = [];
  const source = announced(images, ids, done, ending);
  const branches = tee(source, methods.length);
  const progress = methods.map(() => 0);
  const streams = methods.map(([name, method], i) => {
    const results = method.ground(branches[i]!, {
      ...own,
      done,
      onProgress: (count) => {
        progress[i] = count;
        onProgress?.(progress.reduce((sum, count) => sum + count, 0) / methods.length);
      },
    });
    return [name, toEvaluated(results, done, methods.length > 1 ? name : undefined)] as const;
  });
  const results = inStep(streams, ids, ({ result }) => result.id, source);
  for await (const each of results) yield* asOne(each);
}

/** Results of one sample; a single result if the sample dropped out of every method alike. */
function asOne(results: readonly Evaluated[]): readonly Evaluated[] {
  const [{ result: first }, ...others] = results as [Evaluated, ...Evaluated[]];
  if (first.status !== "skipped" && first.status !== "failed") return results;
  const isAlike = others.every(({ result: other }) =>
    other.status === first.status && other.stage === first.stage && other.reason === first.reason
  );
  if (!isAlike) return results;
  const { setting: _, ...whole } = first;
  return [{ result: whole }];
}

/**
 * Groups a dataset's samples into images with their phrases; bad rows become failures.
 *
 * @param done Ids that need no result. An image is left out if `done` has the ids of all its
 * samples.
 */
async function* imageRequests(
  items: AsyncIterable<DatasetItem>,
  done: ReadonlySet<string>,
): AsyncIterableIterator<Flow<ImageRequest>> {
  const isMirrored = ({ control }: Sample) => control === "mirrored";
  const imageOf = (entry: DatasetItem) =>
    entry.kind === "sample"
      ? `${isMirrored(entry.sample) ? "mirrored" : "as it is"}: ${entry.sample.image}`
      : Symbol("a bad row stands alone");
  for await (const group of groupStream(items, imageOf, PHRASES_PER_IMAGE)) {
    const samples: Sample[] = [];
    for (const entry of group) {
      if (entry.kind === "sample") samples.push(entry.sample);
      else if (!done.has(entry.failure.id)) {
        const { reason, ...row } = entry.failure;
        yield failed("dataset", row, new InputRangeError(reason));
      }
    }
    if (samples.every(({ id }) => done.has(id))) continue;
    if (isMirrored(samples[0]!)) yield* mirroredRequest(samples);
    else yield item({ image: samples[0]!.image, samples });
  }
}

/** Mirrors an image and its samples, so that no method needs to know of it. */
async function* mirroredRequest(
  samples: readonly Sample[],
): AsyncIterableIterator<Flow<ImageRequest>> {
  const mirrored: Sample[] = [];
  let gray: GrayImage;
  try {
    gray = await decodeImage(samples[0]!.image);
  } catch (error) {
    for (const sample of samples) yield failed("decode", sample, error);
    return;
  }
  for (const sample of samples) {
    try {
      mirrored.push(await mirrorSample(sample, gray));
    } catch (error) {
      yield failed("decode", sample, error);
    }
  }
  if (mirrored.length > 0) yield item({ image: mirrorImage(gray), samples: mirrored });
}

/** Decodes images once, before the methods pull them. */
function readAhead(
  source: AsyncIterable<Flow<ImageRequest>>,
  options: { readonly concurrency: number; readonly signal?: AbortSignal },
): AsyncIterableIterator<readonly Flow<ImageRequest>[]> {
  return mapStream(source, async (flow): Promise<Flow<ImageRequest>[]> => {
    if (flow.kind === "dropped") return [flow];
    const { image, samples } = flow.item;
    try {
      return [item({ image: await decodeImage(image), samples })];
    } catch (error) {
      return samples.map((sample) => failed("decode", sample, error));
    }
  }, options);
}

/** Passes images on, and adds the ids of their samples to `ids`; ends once `ending` is aborted. */
async function* announced(
  source: AsyncIterable<readonly Flow<ImageRequest>[]>,
  ids: string[],
  done: ReadonlySet<string>,
  ending: AbortSignal | undefined,
): AsyncIterableIterator<Flow<ImageRequest>> {
  for await (const flows of source) {
    if (ending?.aborted) return;
    for (const flow of flows) {
      const samples = flow.kind === "dropped" ? [flow.dropped.sample] : flow.item.samples;
      ids.push(...samples.map(({ id }) => id).filter((id) => !done.has(id)));
      yield flow;
    }
  }
}

/** The fields of a result that are there; no text of a result is empty. */
function filled(fields: { [Key in keyof AnyResult]: AnyResult[Key] | undefined }): AnyResult {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
  return Object.fromEntries(entries) as unknown as AnyResult;
}

/** Converts a method's results to the lines of `results.jsonl` and the inputs of heatmaps. */
async function* toEvaluated(
  source: AsyncIterable<Flow<GroundedPhrase | BoxedPhrase>>,
  done: ReadonlySet<string>,
  method?: string,
): AsyncIterableIterator<Evaluated> {
  for await (const flow of source) {
    const { sample, variant }: { sample: Partial<Sample>; variant?: { name: string } } =
      flow.kind === "dropped" ? flow.dropped : flow.item;
    const id = sample.id!;
    if (done.has(id)) continue;
    const { index, image, phrase, category, group, wording, patient, split, control } = sample;
    const { notes, masks } = sample;
    const setting = method ?? variant?.name;
    const named = { id, index, image, phrase, category, group, wording, patient, split };
    const common: AnyResult = filled({ ...named, setting, control, notes });
    const stated = { ...(masks && { masks }) };
    if (flow.kind === "dropped") {
      const { status, stage, reason, error } = flow.dropped;
      yield { result: { ...common, ...stated, status, stage, reason, ...(error && { error }) } };
      continue;
    }
    const { scores, negative, sample: { boxes, isPresent, otherBoxes } } = flow.item;
    const size = "image" in flow.item ? flow.item.image.gray : flow.item.imageSize;
    const second = otherBoxes && {
      otherBoxes,
      ...(size && { imageSize: { width: size.width, height: size.height } }),
    };
    const truth = { boxes, ...second, ...stated };
    const grounded: GroundedResult = "predicted" in flow.item
      ? { ...common, ...truth, threshold: null, ...predictionOf(flow.item) }
      : {
        ...common,
        ...truth,
        ...(flow.item.range && { range: flow.item.range }),
        threshold: flow.item.threshold ?? null,
      };
    const result: SampleResult = scores ? { ...grounded, ...scores, status: "scored" } : {
      ...grounded,
      ...(negative && { [isPresent ? "present" : "negative"]: true, ...negative }),
      status: "grounded",
    };
    if ("predicted" in flow.item) {
      yield { result };
      continue;
    }
    const heatmap = storedHeatmap(flow.item, { id, ...(setting && { setting }) });
    const { kept: layers } = flow.item;
    const kept = layers && storedHeatmap({ ...flow.item, layers }, { id });
    yield { result, heatmap, ...(kept && { kept }) };
  }
}

function storedHeatmap(
  { size, image: { gray: { width, height } }, layers, view }: GroundedPhrase,
  key: Pick<StoredHeatmap, "id" | "setting">,
): StoredHeatmap {
  return { ...key, size, image: { width, height }, layers, ...(view && { view }) };
}

/** The predicted boxes, with their confidence and further facts if the method states them. */
function predictionOf({ predicted, confidence, details, imageSize }: BoxedPhrase) {
  return {
    predicted,
    ...(confidence && { confidence }),
    ...(details && { details }),
    ...(imageSize && { imageSize }),
  };
}
