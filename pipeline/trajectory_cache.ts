import { host } from "../base/host/host.ts";
import { readFile, writeFile } from "../base/host/files.ts";
import type { LdmModel } from "../models/ldm/model.ts";
import type { GrayImage } from "../base/geometry.ts";
import type { ResolvedSettings } from "./settings/settings.ts";

/** Format version of entries; increase it if the meaning of entries changes. */
const FORMAT = 1;

/** Length in bytes of the SHA-256 digest at the start of an entry. */
const DIGEST_BYTES = 32;

/** A folder with the noisy latents of images, one entry per image, model and schedule. */
export class TrajectoryCache {
  #folder: string;
  #onNotice: (notice: string) => void;
  #isWritable = true;

  private constructor(folder: string, onNotice: (notice: string) => void) {
    this.#folder = folder;
    this.#onNotice = onNotice;
  }

  /**
   * Opens a folder, and creates the folder if it does not exist. Several runs may share the folder.
   *
   * @param folder Path of the folder.
   * @param onNotice Receives one sentence if an entry is corrupt, or cannot be read or written.
   * @throws {Error} If the folder cannot be created or listed.
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
   * Name of an image's entry: a hash of all facts that decide the latents to the last bit.
   *
   * @param model The model that encodes the image and computes its trajectory.
   * @param settings The settings; only the schedule decides the key.
   */
  async key(image: GrayImage, model: LdmModel, settings: ResolvedSettings): Promise<string> {
    const { noise, steps, start, end, seed } = settings;
    return nameOf({
      format: FORMAT,
      image: [image.width, image.height, digest(image.data).toHex()],
      ...await modelFacts(model),
      schedule: { noise, steps, start, end, ...(noise === "sample" && { seed }) },
    });
  }

  /**
   * Name of an entry that depends on the model and a phrase, and on no image.
   *
   * @param model The model that computes the entry.
   * @param facts All other facts that decide the entry to the last bit.
   */
  async phraseKey(model: LdmModel, facts: object): Promise<string> {
    return nameOf({ format: FORMAT, ...await modelFacts(model), facts });
  }

  /**
   * Reads the latents of an entry.
   *
   * @param key Name of the entry.
   * @param length Number of values of all latents together.
   * @returns All latents, one after another; `undefined` if the entry is missing, unreadable or
   * corrupt.
   */
  async read(key: string, length: number): Promise<Float32Array | undefined> {
    const path = this.#path(key);
    const { files, NotFound } = host();
    let bytes = new Uint8Array();
    try {
      const { isFile, size } = await files.stat(path);
      // Read only a regular file of the expected size: a device or a huge file could fill the
      // memory.
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
   * Writes an entry whole or not at all. The first failure gives a notice and ends all writing; the
   * run continues, because it already has its latents.
   *
   * @param key Name of the entry.
   * @param latents All latents, one after another.
   */
  async write(key: string, latents: Float32Array): Promise<void> {
    if (!this.#isWritable) return;
    const values = new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength);
    const bytes = new Uint8Array(DIGEST_BYTES + values.length);
    bytes.set(digest(values));
    bytes.set(values, DIGEST_BYTES);
    // Use a unique name, because several runs may write the same entry at once.
    const partial = `${this.#path(key)}.${crypto.randomUUID()}.partial`;
    const { files } = host();
    try {
      await writeFile(partial, bytes);
      await files.rename(partial, this.#path(key));
    } catch (error) {
      this.#isWritable = false;
      this.#onNotice(
        `Cannot keep noisy latents in "${this.#folder}" (${(error as Error).message}); ` +
          "the run goes on without the cache.",
      );
      await files.remove(partial).catch(() => {});
    }
  }

  #path(key: string): string {
    return `${this.#folder}/${key}.latents`;
  }
}

/** The facts about a model that decide its latents to the last bit. */
async function modelFacts({ bundle, runtime, weights }: LdmModel): Promise<object> {
  // Hash the configuration too: with another norm epsilon, the same weights give other latents.
  const { autoencoder, unet, scheduler, imageSize, scaleFactor } = bundle.config;
  const { ids, masked } = bundle.tokenizer.encode("");
  return {
    model: [await bundle.hash(), autoencoder, unet, scheduler, imageSize, scaleFactor],
    text: [bundle.text, ids, ...(masked ? ["masked"] : [])],
    runtime: [runtime.name, runtime.version, weights, runtime.adapter],
  };
}

function nameOf(facts: object): string {
  return digest(new TextEncoder().encode(JSON.stringify(facts))).toHex();
}

function digest(bytes: Uint8Array | Uint8ClampedArray): Uint8Array {
  const hash = host().createHash();
  hash.update(bytes);
  return hash.digest();
}

/** Age in milliseconds from which a partial entry counts as abandoned; writing takes far less. */
const WRITING = 24 * 60 * 60 * 1000;

/**
 * Removes partial entries of killed runs. Recent partial entries stay: a run may be writing them.
 */
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
