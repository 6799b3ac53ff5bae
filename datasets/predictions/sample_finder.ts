import { posix } from "node:path";
import { InputRangeError } from "../../base/errors.ts";
import { nameOf, pathEnds, stemOf } from "../../base/paths.ts";
import type { DatasetItem } from "../sample.ts";
import { show } from "../show.ts";

/** Samples of a dataset by image and phrase. Its memory depends on the dataset alone. */
export class SampleFinder {
  /** Number of samples in the dataset. */
  samples = 0;
  readonly #path: string;
  /** Whole paths of the images, by whole path and by path below the root. */
  readonly #exact = new Map<string, string>();
  /** Whole paths of the images by shorter names; of several images with one name, two. */
  readonly #other = new Map<string, string | readonly [string, string]>();
  readonly #ids = new Map<string, string[]>();

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Reads a dataset.
   *
   * @param path Path of the predictions, for errors.
   * @param items All items of the dataset; with fewer items, ambiguous names could go unnoticed.
   * @param root Folder that contains the images.
   */
  static async of(
    path: string,
    items: AsyncIterable<DatasetItem>,
    root: string,
  ): Promise<SampleFinder> {
    const finder = new SampleFinder(path);
    const folder = asPath(root);
    for await (const entry of items) {
      if (entry.kind !== "sample") continue;
      const { id, image, phrase } = entry.sample;
      finder.samples++;
      const whole = asPath(image);
      const key = JSON.stringify([whole, phrase.trim()]);
      const same = finder.#ids.get(key);
      if (same) same.push(id);
      else finder.#ids.set(key, [id]);
      if (finder.#exact.get(whole) !== whole) finder.#addImage(whole, folder);
    }
    return finder;
  }

  /**
   * Finds the samples of an image and a phrase. The phrase must equal the sample's phrase, apart
   * from blanks around it. The image may be the sample's whole path or the path below the root. It
   * may also be an end of the path, such as `files/p10/….jpg`, or the base name with or without
   * extension. A path from elsewhere matches by its end: the path below the root, or a part of it
   * from a folder on.
   *
   * @returns Ids of the samples; none if the dataset has no such image or phrase.
   * @throws {RangeError} If the name matches several images.
   */
  find(image: string, phrase: string): readonly string[] {
    return this.#ids.get(JSON.stringify([this.#image(asPath(image)), phrase.trim()])) ?? [];
  }

  #addImage(whole: string, root: string): void {
    this.#exact.set(whole, whole);
    // A whole path takes precedence over an equal path below the root.
    const own = withoutRoot(whole, root);
    if (!this.#exact.has(own)) this.#exact.set(own, whole);
    for (const name of new Set(namesOf(whole))) {
      const known = this.#other.get(name);
      if (known === undefined) this.#other.set(name, whole);
      else if (typeof known === "string") this.#other.set(name, [known, whole]);
    }
  }

  #image(name: string): string | undefined {
    for (const end of pathEnds(name)) {
      const own = this.#exact.get(end);
      if (own !== undefined) return own;
      // The base name of a longer path is not enough: an image in another folder may have it too.
      if (end !== name && !end.includes("/")) continue;
      const found = this.#other.get(end);
      if (typeof found !== "object") {
        if (found === undefined) continue;
        return found;
      }
      throw new InputRangeError(
        `Cannot match image "${show(name)}" of "${this.#path}": both "${show(found[0])}" and ` +
          `"${show(found[1])}" are called so; write more of the path`,
      );
    }
  }
}

/** Normalises a path: `/` as separator, and no redundant parts such as `./` and `a/../`. */
export function asPath(path: string): string {
  return posix.normalize(path.trim().replaceAll("\\", "/"));
}

function withoutRoot(path: string, root: string): string {
  const folder = root.replace(/\/$/, "");
  const prefix = folder === "." ? "" : `${folder}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}

/** The ends of an image's path, and the base name without extension. */
function namesOf(path: string): string[] {
  return [...pathEnds(path), stemOf(nameOf(path))];
}
