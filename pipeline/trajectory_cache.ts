/**
 * Noisy latents on disk: what an image costs before its first phrase, kept for
 * other phrases, layers and post-processing.
 *
 * @module
 */

import { host } from "../base/host/host.ts";
import { readFile, writeFile } from "../base/host/files.ts";
import type { LdmModel } from "../models/ldm/model.ts";
import type { GrayImage } from "../base/geometry.ts";
import type { ResolvedSettings } from "./settings/settings.ts";

/** Changes when entries mean something else than before. */
const FORMAT = 1;

/** Bytes of the SHA-256 that an entry begins with. */
const DIGEST_BYTES = 32;

/** A folder with the noisy latents of images. */
export class TrajectoryCache {
  #folder: string;
  #onNotice: (notice: string) => void;
  #isWritable = true;

  private constructor(folder: string, onNotice: (notice: string) => void) {
    this.#folder = folder;
    this.#onNotice = onNotice;
  }

  /**
   * Opens a folder, which is made if it is not there. Several runs may share it.
   *
   * @param folder Its path.
   * @param onNotice Told in a sentence of an entry that is corrupt, or cannot be written.
   * @throws {Error} If it is no folder and cannot be made one.
   */
  static async open(
    folder: string,
    onNotice: (notice: string) => void = () => {},
  ): Promise<TrajectoryCache> {
    try {
      await host().files.makeFolder(folder);
      await removeRemains(folder);
    } catch (error) {
      throw new Error(`Cannot keep noisy latents in "${folder}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    return new TrajectoryCache(folder, onNotice);
  }

  /**
   * The name of an image's entry: of all that decides its latents to the last bit.
   *
   * @param image The image.
   * @param model What encodes it and walks its trajectory.
   * @param settings The schedule.
   */
  async key(image: GrayImage, model: LdmModel, settings: ResolvedSettings): Promise<string> {
    const { bundle, runtime, weights } = model;
    // The same weights give other latents where a norm's epsilon or a head's width is another.
    const { autoencoder, unet, scheduler, imageSize, scaleFactor } = bundle.config;
    const { noise, steps, start, end, seed } = settings;
    const facts = {
      format: FORMAT,
      image: [image.width, image.height, digest(image.data).toHex()],
      model: [await bundle.hash(), autoencoder, unet, scheduler, imageSize, scaleFactor],
      text: [bundle.text, bundle.tokenizer.encode("").ids],
      runtime: [runtime.name, runtime.version, weights, runtime.gpu?.adapter.name],
      schedule: { noise, steps, start, end, ...(noise === "sample" && { seed }) },
    };
    return digest(new TextEncoder().encode(JSON.stringify(facts))).toHex();
  }

  /**
   * The latents of an entry.
   *
   * @param key Its name.
   * @param length How many numbers they are in all.
   * @returns `undefined` where there is none, or none that is whole.
   */
  async read(key: string, length: number): Promise<Float32Array | undefined> {
    const path = this.#path(key);
    const { files, NotFound } = host();
    let bytes = new Uint8Array();
    try {
      const { isFile, size } = await files.stat(path);
      // Neither a device nor a file of any size is taken into memory.
      if (isFile && size === DIGEST_BYTES + 4 * length) bytes = await readFile(path);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      this.#onNotice(`Cannot read "${path}" (${(error as Error).message}); computed anew.`);
      return undefined;
    }
    const values = bytes.subarray(DIGEST_BYTES);
    const isWhole = values.length === 4 * length &&
      digest(values).toHex() === bytes.subarray(0, DIGEST_BYTES).toHex();
    if (isWhole) return new Float32Array(values.slice().buffer);
    this.#onNotice(`"${path}" is corrupt; computed anew.`);
    return undefined;
  }

  /**
   * Writes an entry whole or not at all. That it cannot be written is a notice,
   * given once: the run has its latents.
   *
   * @param key Its name.
   * @param latents All latents, one after another.
   */
  async write(key: string, latents: Float32Array): Promise<void> {
    if (!this.#isWritable) return;
    const values = new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength);
    const bytes = new Uint8Array(DIGEST_BYTES + values.length);
    bytes.set(digest(values));
    bytes.set(values, DIGEST_BYTES);
    // A name of its own, so that runs that write the same entry do not meet.
    const partial = `${this.#path(key)}.${crypto.randomUUID()}.partial`;
    const { files } = host();
    try {
      await writeFile(partial, bytes);
      await files.rename(partial, this.#path(key));
    } catch (error) {
      this.#isWritable = false;
      this.#onNotice(
        `Cannot keep noisy latents in "${this.#folder}" (${(error as Error).message}); ` +
          "the run goes on without.",
      );
      await files.remove(partial).catch(() => {});
    }
  }

  #path(key: string): string {
    return `${this.#folder}/${key}.latents`;
  }
}

function digest(bytes: Uint8Array | Uint8ClampedArray): Uint8Array {
  const hash = host().createHash();
  hash.update(bytes);
  return hash.digest();
}

/** How long an entry may take to be written, in milliseconds: far longer than it does. */
const WRITING = 24 * 60 * 60 * 1000;

/** Removes what runs that were killed while they wrote have left; what others write now stays. */
async function removeRemains(folder: string): Promise<void> {
  const { files } = host();
  for (const name of await files.list(folder)) {
    if (!/^[0-9a-f]+\.latents\..*\.partial$/.test(name)) continue;
    const path = `${folder}/${name}`;
    const info = await files.stat(path).catch(() => undefined);
    if (info?.modified && Date.now() - info.modified > WRITING) {
      await files.remove(path).catch(() => {});
    }
  }
}
