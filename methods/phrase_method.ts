import { isInputError } from "../base/errors.ts";
import type { Sample } from "../datasets/sample.ts";
import type { GridHeatmap } from "../models/grid_model.ts";
import type { LdmModel } from "../models/ldm/model.ts";
import { phraseNotes } from "../models/tokenizer.ts";
import { decode, type DecodedImage } from "../pipeline/decode.ts";
import {
  countSamples,
  failed,
  flatMapFlow,
  type Flow,
  item,
  type StageOptions,
  withNotes,
} from "../pipeline/flow.ts";
import { retryOnDeviceLoss } from "../pipeline/gpu/lost_gpu.ts";
import type { GroundedPhrase, Method } from "../pipeline/method.ts";
import { metrics } from "../pipeline/metrics.ts";
import { requireProtocolOptions } from "../scoring/protocols.ts";
import { toGrounded } from "./grid_method.ts";
import { measurePasses } from "./ldm/expectation.ts";

/** Options of the stages of {@linkcode PhraseStages}. */
export interface PassOptions extends StageOptions {
  /** Called after each pass of the U-Net with the number of steps. */
  readonly onPass: (steps: number) => void;
  /** Receives one sentence if a cache cannot read or write an entry. */
  readonly onNotice?: (notice: string) => void;
}

/** Passes of the U-Net: whole, or cut after the last layer that is read. */
export interface Passes {
  readonly whole: number;
  readonly cut: number;
}

/** The stages of a method, from pixels to the grid of each phrase. */
export interface PhraseStages<P extends DecodedImage> {
  /** The model of the stages; the method closes it. */
  readonly model: LdmModel;
  /** Passes for each image, and for each phrase. */
  readonly passes: { readonly image: Passes; readonly phrase: Passes };
  /** Makes all that the phrases of an image share; its memory ends when the next image is pulled. */
  prepare(source: AsyncIterable<Flow<DecodedImage>>, options: PassOptions): AsyncIterable<Flow<P>>;
  /**
   * Grounds one phrase.
   *
   * @throws {InputError} If the phrase cannot be read.
   */
  ground(image: P, sample: Sample, options: PassOptions): Promise<PhraseGrid>;
}

/** The grid of a phrase, with notes for its sample. */
export interface PhraseGrid extends GridHeatmap {
  readonly notes: readonly string[];
}

/**
 * Turns stages into a method. A sample fails if its phrase or image cannot be read.
 *
 * @param isTimed The method measures a pass to say how long a run will take.
 */
export function phraseMethod<P extends DecodedImage>(
  stages: PhraseStages<P>,
  isTimed: boolean,
): Method {
  const { model, passes } = stages;
  const { imageSize } = model.bundle.config;
  const view = { crop: imageSize, resized: imageSize };
  return {
    ground(source, options = {}) {
      requireProtocolOptions(options);
      const { signal, onNotice, onProgress, done } = options;
      // `finished` counts samples whose results are out; `image` is the progress of the image.
      let finished = 0;
      let image = { before: 0, phrases: 0, passes: 0, total: 1 };
      const passing: PassOptions = {
        ...(signal && { signal }),
        ...(onNotice && { onNotice }),
        onPass(steps) {
          image.passes += steps;
          const share = Math.min(1, image.passes / image.total);
          onProgress?.(Math.max(finished, image.before + image.phrases * share));
        },
      };
      const decoded = flatMapFlow(
        decode(source, { ...options, view }),
        "decode",
        function* (found: DecodedImage) {
          // Phrases share nothing but their image: phrases with results need no second run.
          const samples = found.samples.filter(({ id }) => !done?.has(id));
          if (samples.length === 0) return;
          const total = sum(passes.image) + samples.length * sum(passes.phrase);
          image = { before: finished, phrases: samples.length, passes: 0, total };
          yield item({ ...found, samples });
        },
        options,
      );
      const run = (source: AsyncIterable<Flow<DecodedImage>>) =>
        metrics(groundEach(stages.prepare(source, passing), stages, passing), options, options);
      const { gpu, reopen } = model.runtime;
      const scored = reopen ? retryOnDeviceLoss(decoded, model, gpu, run, onNotice) : run(decoded);
      return countSamples(scored, done, (count) => {
        finished = count;
        onProgress?.(count);
      });
    },
    ...(isTimed && {
      expect: async (images: number, phrases: number) => {
        const number = (kind: keyof Passes) =>
          images * passes.image[kind] + phrases * passes.phrase[kind];
        const times = await measurePasses(model, number("whole") > 0);
        const seconds = number("whole") * times.whole + number("cut") * times.phrase;
        return { seconds, pass: Math.max(times.whole, times.phrase), faster: [] };
      },
    }),
    close: () => model.close(),
  };

  function groundEach(
    source: AsyncIterable<Flow<P>>,
    { ground }: PhraseStages<P>,
    options: PassOptions,
  ): AsyncIterableIterator<Flow<GroundedPhrase>> {
    return flatMapFlow(source, "ground", async function* (image) {
      const found: Flow<GroundedPhrase>[] = [];
      for (const asked of image.samples) {
        options.signal?.throwIfAborted();
        const notes = phraseNotes(model.bundle.tokenizer.encode(asked.phrase));
        const sample = withNotes(asked, notes);
        let flow: Flow<GroundedPhrase>;
        try {
          const grid = await ground(image, sample, options);
          flow = item(toGrounded(image, withNotes(sample, grid.notes), grid, view));
        } catch (error) {
          if (!isInputError(error)) throw error;
          flow = failed("ground", sample, error);
        }
        // After the loss of a GPU the image starts again: none of its results may be out before.
        if (model.runtime.reopen) found.push(flow);
        else yield flow;
      }
      yield* found;
    }, options);
  }
}

function sum({ whole, cut }: Passes): number {
  return whole + cut;
}
