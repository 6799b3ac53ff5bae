/**
 * Which sample of a dataset a prediction is for.
 *
 * @module
 */

import { nameOf } from "../_paths.ts";
import { show } from "../_rows.ts";
import type { Box, DatasetItem } from "../sample.ts";
import type { Predictions } from "./read_predictions.ts";

/** Predictions by the samples that they are for. */
export interface MatchedPredictions {
  /** Boxes by the sample's id; an empty list where it was predicted that there is none. */
  readonly boxes: ReadonlyMap<string, readonly Box[]>;
  /** Samples that were looked at. */
  readonly samples: number;
  /** Pairs of image and phrase in the file that no sample has. */
  readonly unmatched: readonly { readonly image: string; readonly phrase: string }[];
}

/**
 * Finds the sample of each prediction. The phrase is the sample's, blanks around it aside. The
 * image is the sample's path or the end of it, such as `files/p10/….jpg`, or else its base name,
 * with or without its ending.
 *
 * @param predictions The file.
 * @param items What the dataset yields; all of it, so that names are found to be ambiguous.
 * @throws {RangeError} If a name is that of several images.
 */
export async function matchPredictions(
  { path, entries }: Predictions,
  items: AsyncIterable<DatasetItem>,
): Promise<MatchedPredictions> {
  const asked = new Set(entries.map(({ image }) => asPath(image)));
  /** The dataset's images by the names in the file. */
  const images = new Map<string, string>();
  const ids = new Map<string, string[]>();
  let samples = 0;
  for await (const entry of items) {
    if (entry.kind !== "sample") continue;
    const { id, image, phrase } = entry.sample;
    samples++;
    const key = JSON.stringify([image, phrase.trim()]);
    ids.set(key, [...ids.get(key) ?? [], id]);
    for (const name of namesOf(image)) {
      if (!asked.has(name)) continue;
      const known = images.get(name) ?? image;
      if (known !== image) {
        throw new RangeError(
          `Cannot match image "${show(name)}" of "${path}": both "${show(known)}" and ` +
            `"${show(image)}" are called so; write more of the path`,
        );
      }
      images.set(name, image);
    }
  }
  const boxes = new Map<string, Box[]>();
  const unmatched = new Map<string, { image: string; phrase: string }>();
  for (const { image, phrase, boxes: predicted } of entries) {
    const key = JSON.stringify([images.get(asPath(image)), phrase.trim()]);
    const found = ids.get(key);
    if (!found) unmatched.set(JSON.stringify([image, phrase]), { image, phrase });
    for (const id of found ?? []) boxes.set(id, [...boxes.get(id) ?? [], ...predicted]);
  }
  return { boxes, samples, unmatched: [...unmatched.values()] };
}

/** A name as the dataset's paths are written. */
function asPath(name: string): string {
  return name.trim().replaceAll("\\", "/").replace(/^(\.\/)+/, "");
}

/** All that an image may be called. */
function namesOf(image: string): Set<string> {
  const path = asPath(image);
  const parts = path.split("/");
  const ends = parts.map((_, i) => parts.slice(i).join("/"));
  return new Set([image, path, ...ends, nameOf(path).replace(/\.[^.]*$/, "")]);
}
