/**
 * Which sample of a dataset a prediction is for.
 *
 * @module
 */

import { posix } from "node:path";
import { nameOf } from "../../base/paths.ts";
import { show } from "../show.ts";
import type { DatasetItem } from "../sample.ts";
import type { Box } from "../../base/geometry.ts";
import type { Prediction, Predictions } from "./read_predictions.ts";

/** Predictions by the samples that they are for. */
export interface MatchedPredictions {
  /** Boxes by the sample's id; an empty list where it was predicted that there is none. */
  readonly boxes: ReadonlyMap<string, readonly Box[]>;
  /** Why the prediction of a sample cannot be read, by the sample's id. */
  readonly faults: ReadonlyMap<string, string>;
  /** Samples that were looked at. */
  readonly samples: number;
  /** Pairs of image and phrase in the file that no sample has. */
  readonly unmatched: readonly Pick<Prediction, "image" | "phrase" | "fault">[];
}

/**
 * Finds the sample of each prediction. The phrase is the sample's, blanks around it aside. The
 * image is the sample's path, whole or as the dataset has it below its root; or else the end of
 * it, such as `files/p10/….jpg`, or its base name, with or without its ending. A path of
 * elsewhere will do that ends as the sample's does: from a folder on, or from the root.
 *
 * @param predictions The file.
 * @param items What the dataset yields; all of it, so that names are found to be ambiguous.
 * @param root Folder that the images are below.
 * @throws {RangeError} If a name is that of several images.
 */
export async function matchPredictions(
  { path, entries }: Predictions,
  items: AsyncIterable<DatasetItem>,
  root: string,
): Promise<MatchedPredictions> {
  const asked = new Set(entries.flatMap(({ image }) => endsOf(asPath(image))));
  /** The dataset's images by the names in the file, by their whole path and by others. */
  const exact = new Map<string, string>();
  const other = new Map<string, Set<string>>();
  const ids = new Map<string, string[]>();
  let samples = 0;
  for await (const entry of items) {
    if (entry.kind !== "sample") continue;
    const { id, image, phrase } = entry.sample;
    samples++;
    const whole = asPath(image);
    const key = JSON.stringify([whole, phrase.trim()]);
    if (!ids.has(key)) ids.set(key, []);
    ids.get(key)!.push(id);
    exact.set(whole, whole);
    // A whole path goes before the same path below the root.
    const own = withoutRoot(whole, asPath(root));
    if (!exact.has(own)) exact.set(own, whole);
    for (const name of namesOf(whole)) {
      if (asked.has(name)) other.set(name, (other.get(name) ?? new Set()).add(whole));
    }
  }
  const find = (name: string): string | undefined => {
    for (const end of endsOf(name)) {
      const own = exact.get(end);
      if (own !== undefined) return own;
      // A base name alone may be that of an image in another folder.
      if (end !== name && !end.includes("/")) continue;
      const [first, second] = other.get(end) ?? [];
      if (first !== undefined && second === undefined) return first;
      if (second === undefined) continue;
      throw new RangeError(
        `Cannot match image "${show(name)}" of "${path}": both "${show(first)}" and ` +
          `"${show(second)}" are called so; write more of the path`,
      );
    }
  };
  const boxes = new Map<string, Box[]>();
  const faults = new Map<string, string>();
  const unmatched = new Map<string, { image: string; phrase: string; fault?: string }>();
  for (const { image, phrase, boxes: predicted, fault } of entries) {
    const key = JSON.stringify([find(asPath(image)), phrase.trim()]);
    const found = ids.get(key);
    if (!found) {
      const unknown = { image, phrase, ...(fault && { fault }) };
      unmatched.set(JSON.stringify([image, phrase, fault]), unknown);
    }
    for (const id of found ?? []) {
      // With a box fewer its score would differ and not say so.
      if (fault && !faults.has(id)) faults.set(id, fault);
      if (!boxes.has(id)) boxes.set(id, []);
      boxes.get(id)!.push(...predicted);
    }
  }
  return { boxes, faults, samples, unmatched: [...unmatched.values()] };
}

/** A path with `/` between its names, and without what leads nowhere, such as `./` and `a/../`. */
function asPath(path: string): string {
  return posix.normalize(path.trim().replaceAll("\\", "/"));
}

function withoutRoot(path: string, root: string): string {
  const folder = root.replace(/\/$/, "");
  const prefix = folder === "." ? "" : `${folder}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}

/** The ends of an image's path, and its base name without its ending. */
function namesOf(path: string): string[] {
  return [...endsOf(path), nameOf(path).replace(/\.[^.]*$/, "")];
}

/** A path, and what is left of it without its first folders. */
function endsOf(path: string): string[] {
  // Slices share their memory, which joined parts of a long path do not.
  return [path, ...path.matchAll(/\//g).map(({ index }) => path.slice(index + 1))];
}
