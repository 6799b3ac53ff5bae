/**
 * Questions that show if a method listens to the phrase: docs/method.md, "Does it listen?".
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { mirrorPhrase, swapSide } from "../../scoring/laterality.ts";
import { CLASSES, type DatasetItem, type Question, type Sample } from "../sample.ts";

/** Facts of the record about the questions: their definition's version, and the seed of choices. */
export const CONTROL_FACTS = { version: 1, seed: 0 } as const;

/** All questions, in the order in which they are asked. */
const QUESTIONS: readonly Question[] = ["other-class", "other-side", "mirrored", "empty"];

/** Id of a question about a sample. */
export function controlId(id: string, question: Question): string {
  return `${id}#${question}`;
}

/** A sample, or its result, among the samples of its image. */
export interface Asked {
  readonly id: string;
  readonly index?: number;
  readonly phrase?: string;
  readonly category?: string;
}

/**
 * The sample of the same image that asks a question about another sample: its phrase is the question.
 *
 * @param all Samples of the image that have a phrase with something to find.
 * @returns `undefined` if no sample of the image asks the question.
 */
export function siblingFor<T extends Asked>(
  own: T,
  question: Question,
  all: readonly T[],
): T | undefined {
  if (question === "other-side") {
    const swapped = swapSide(own.phrase ?? "");
    return swapped === undefined ? undefined : all.find(({ phrase }) => phrase === swapped);
  }
  if (question !== "other-class" || own.category === undefined) return undefined;
  const others = all.filter((other) => isOther(own, other))
    .sort((one, other) => (one.index ?? 0) - (other.index ?? 0));
  return choose(own.id, others);
}

/** The samples are of two classes, with two phrases. */
function isOther(own: Asked, other: Asked): boolean {
  return other.category !== undefined && other.category !== own.category &&
    other.phrase?.toLowerCase() !== own.phrase?.toLowerCase();
}

/** Chooses an entry by the CRC-32 of seed and text; `undefined` of an empty list. */
function choose<T>(text: string, list: readonly T[]): T | undefined {
  return list[crc32(`${CONTROL_FACTS.seed} ${text}`) % list.length];
}

/**
 * Makes the questions about the samples of a run that no other sample of the image asks.
 *
 * @param pool All samples of the dataset, from which phrases of other classes come.
 * @param questions Questions that the methods of the run can answer.
 * @returns The questions of each image, those about the mirrored image last.
 */
export function makeControls(
  samples: readonly Sample[],
  pool: readonly Sample[],
  questions: readonly Question[],
): Map<string, Sample[]> {
  const standing = standingPhrases(pool);
  const controls = new Map<string, Sample[]>();
  for (const [image, all] of Map.groupBy(samples, ({ image }) => image)) {
    const positive = all.filter(({ isNegative }) => !isNegative);
    const made = QUESTIONS.filter((question) => questions.includes(question)).flatMap((question) =>
      all.flatMap((sample) => {
        const found = siblingFor(sample, question, positive)
          ? undefined
          : ask(sample, question, standing);
        return found ? [withId(sample, question, found)] : [];
      })
    );
    const isMirrored = ({ control }: Sample) => control === "mirrored";
    const sorted = [...made.filter((sample) => !isMirrored(sample)), ...made.filter(isMirrored)];
    // Samples of an image follow one another, so that no other image has these positions.
    const first = QUESTIONS.length * Math.min(...all.map(({ index = 0 }) => index));
    const placed = sorted.map((sample, place) => ({ ...sample, index: first + place }));
    if (placed.length > 0) controls.set(image, placed);
  }
  return controls;
}

/** Phrases of each class of a dataset; of a dataset with fewer than two classes the paper's too. */
function standingPhrases(pool: readonly Sample[]): Map<string, Sample[]> {
  const own = pool.filter(({ category, isNegative }) => category !== undefined && !isNegative);
  const found = Map.groupBy(own, ({ category }) => category!);
  const names = [...found.keys()];
  if (names.length === 1) {
    for (const name of CLASSES) {
      if (name.toLowerCase() === names[0]!.toLowerCase()) continue;
      found.set(name, [{
        ...{ id: name, image: "", phrase: name.toLowerCase(), category: name, boxes: [] },
      }]);
    }
  }
  return found;
}

/** The part of a sample that a question changes. */
type Changed = Pick<Sample, "phrase" | "category" | "words">;

/** Makes a question; `undefined` if it is not defined for the sample. */
function ask(
  sample: Sample,
  question: Question,
  standing: ReadonlyMap<string, readonly Sample[]>,
): Changed | undefined {
  const { id, phrase, category, words, isNegative } = sample;
  const isScored = !isNegative && (sample.boxes.length > 0 || sample.masks !== undefined);
  if (question === "empty") return isNegative || isScored ? sample : undefined;
  if (!isScored) return undefined;
  if (question === "other-class") {
    // The class is chosen first, so that frequent classes are no likelier than others.
    const others = [...standing].map(([name, own]) =>
      [name, own.filter((other) => isOther(sample, other))] as const
    ).filter(([, own]) => own.length > 0).sort(([one], [other]) => one < other ? -1 : 1);
    const own = category === undefined ? undefined : choose(`class ${id}`, others);
    return own && choose(id, own[1]);
  }
  const change = question === "other-side" ? swapSide : mirrorPhrase;
  const changed = change(phrase);
  const mirrored = (text: string) => mirrorPhrase(text) ?? text;
  return changed === undefined ? undefined : {
    phrase: changed,
    ...(category !== undefined && { category: mirrored(category) }),
    ...(words && { words: words.map(mirrored) }),
  };
}

/** The question as a sample of its own; its ground truth is the original sample's. */
function withId(sample: Sample, control: Question, { phrase, category, words }: Changed): Sample {
  const { category: _, words: _words, wording: _wording, notes: _notes, ...own } = sample;
  return {
    ...own,
    id: controlId(sample.id, control),
    ...{ phrase, ...(category !== undefined && { category }), ...(words && { words }), control },
  };
}

/** Yields the items of a dataset, and after those of an image the questions about it. */
export async function* withControls(
  items: AsyncIterable<DatasetItem>,
  controls: ReadonlyMap<string, readonly Sample[]>,
): AsyncIterableIterator<DatasetItem> {
  let image: string | undefined;
  const asked = () =>
    (controls.get(image ?? "") ?? []).map((sample) => ({ kind: "sample", sample }) as const);
  for await (const item of items) {
    if (item.kind === "sample" && item.sample.image !== image) {
      yield* asked();
      image = item.sample.image;
    }
    yield item;
  }
  yield* asked();
}
