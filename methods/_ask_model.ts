import { isInputError } from "../base/errors.ts";
import type { GrayImage } from "../base/geometry.ts";
import type { Sample } from "../datasets/sample.ts";
import type { DecodedImage } from "../pipeline/decode.ts";
import { failed, type Flow, item, type StageOptions, withNotes } from "../pipeline/flow.ts";

/** A model that answers phrases about an image. */
interface Answering<T> {
  readonly oneByOne?: boolean;
  ground(image: GrayImage, phrases: readonly string[], options: StageOptions): Promise<T[]>;
  notes?(phrase: string): readonly string[];
}

/** A phrase with the model's answer. */
export interface Answered<T> {
  /** The phrase, with the model's notes. */
  readonly sample: Sample;
  readonly answer: T;
}

/**
 * Asks a model about all phrases of an image at once, or about each alone if the model wants so.
 * A phrase fails if the model refuses the phrase or the image. An error of the model or its runtime
 * throws.
 */
export async function* askModel<T>(
  model: Answering<T>,
  image: DecodedImage,
  options: StageOptions,
): AsyncIterableIterator<Flow<Answered<T>>> {
  const phrases = image.samples.map(({ phrase }) => phrase);
  let answers = model.oneByOne ? undefined : await askFor(model, image, phrases, options);
  // Ask again for each phrase alone: one bad phrase must not cost the image its other phrases.
  if (answers instanceof Error && phrases.length > 1) answers = undefined;
  for (const [i, asked] of image.samples.entries()) {
    const own = answers ?? await askFor(model, image, [asked.phrase], options);
    if (own instanceof Error) yield failed("ground", asked, own);
    else {
      const sample = withNotes(asked, model.notes?.(asked.phrase) ?? []);
      yield item({ sample, answer: own[answers ? i : 0]! });
    }
  }
}

/** Returns the answers, or the error if the model refuses the image or a phrase. */
async function askFor<T>(
  model: Answering<T>,
  { gray }: DecodedImage,
  phrases: readonly string[],
  options: StageOptions,
): Promise<readonly T[] | Error> {
  try {
    return await model.ground(gray, phrases, options);
  } catch (error) {
    if (isInputError(error)) return error;
    throw error;
  }
}
