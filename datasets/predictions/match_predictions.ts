/**
 * Finds the samples of a dataset that predictions belong to.
 *
 * @module
 */

import { posix } from "node:path";
import { InputRangeError } from "../../base/errors.ts";
import { nameOf, stemOf } from "../../base/paths.ts";
import { show } from "../show.ts";
import type { DatasetItem } from "../sample.ts";
import type { Box } from "../../base/geometry.ts";
import type { Prediction, Predictions } from "./read_predictions.ts";

/** Predictions by sample. */
export interface MatchedPredictions {
  /** Predicted boxes by sample id; an empty list is the prediction that there is no box. */
  readonly boxes: ReadonlyMap<string, readonly Box[]>;
  /** Reasons why predictions cannot be read, by sample id. */
  readonly faults: ReadonlyMap<string, string>;
  /** Number of samples in `items`. */
  readonly samples: number;
  /** Pairs of image and phrase in the file that match no sample. */
  readonly unmatched: readonly Pick<Prediction, "image" | "phrase" | "fault">[];
}

/**
 * Finds the samples of each prediction. The phrase must equal the sample's phrase, apart from
 * blanks around it. The image may be the sample's whole path or the path below `root`. It may also
 * be an end of the path, such as `files/p10/….jpg`, or the base name with or without extension.
 * A path from elsewhere matches by its end: the path below `root`, or a part of it from a folder
 * on.
 *
 * @param predictions The file.
 * @param items All items of the dataset; with fewer items, ambiguous names could go unnoticed.
 * @param root Folder that contains the images.
 * @throws {RangeError} If a name matches several images.
 */
export async function matchPredictions(
  { path, entries }: Predictions,
  items: AsyncIterable<DatasetItem>,
  root: string,
): Promise<MatchedPredictions> {
  const asked = new Set(entries.flatMap(({ image }) => endsOf(asPath(image))));
  /** Whole paths of the dataset's images, by whole path and by path below the root. */
  const exact = new Map<string, string>();
  /** Whole paths of the dataset's images, by shorter names that the predictions use. */
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
    // A whole path takes precedence over an equal path below the root.
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
      // The base name of a longer path is not enough: an image in another folder may have it too.
      if (end !== name && !end.includes("/")) continue;
      const [first, second] = other.get(end) ?? [];
      if (first !== undefined && second === undefined) return first;
      if (second === undefined) continue;
      throw new InputRangeError(
        `Cannot match image "${show(name)}" of "${path}": both "${show(first)}" and ` +
          `"${show(second)}" are called so; write more of the path`,
      );
    }
  };
  const boxes = new Map<string, Box[]>();
  const faults = new Map<string, string>();
  const unmatched = new Map<string, MatchedPredictions["unmatched"][number]>();
  for (const { image, phrase, boxes: predicted, fault } of entries) {
    const key = JSON.stringify([find(asPath(image)), phrase.trim()]);
    const found = ids.get(key);
    if (!found) {
      const unknown = { image, phrase, ...(fault && { fault }) };
      unmatched.set(JSON.stringify(unknown), unknown);
    }
    for (const id of found ?? []) {
      // Without the box of an unreadable prediction, the score would differ silently.
      if (fault && !faults.has(id)) faults.set(id, fault);
      if (!boxes.has(id)) boxes.set(id, []);
      boxes.get(id)!.push(...predicted);
    }
  }
  return { boxes, faults, samples, unmatched: [...unmatched.values()] };
}

/** Normalises a path: `/` as separator, and no redundant parts such as `./` and `a/../`. */
function asPath(path: string): string {
  return posix.normalize(path.trim().replaceAll("\\", "/"));
}

function withoutRoot(path: string, root: string): string {
  const folder = root.replace(/\/$/, "");
  const prefix = folder === "." ? "" : `${folder}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}

/** The ends of an image's path, and the base name without extension. */
function namesOf(path: string): string[] {
  return [...endsOf(path), stemOf(nameOf(path))];
}

/** A path, and the rest of it after each of its leading folders. */
function endsOf(path: string): string[] {
  // Slices share the memory of a long path; joined parts would copy it.
  return [path, ...path.matchAll(/\//g).map(({ index }) => path.slice(index + 1))];
}
