/**
 * X-rays of a run, at a size for a page.
 *
 * @module
 */

import "../../host/deno/mod.ts";
import { quote } from "../../models/checkpoint/quote.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { resample } from "../../reports/resample.ts";
import type { Size } from "../../shaders/resize_cpu.ts";
import { oneAtATime } from "./one_at_a_time.ts";

/** An X-ray, reduced. */
export interface Picture extends Size {
  /** Row-major `[height, width]`. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Size of its file's image. */
  readonly original: Size;
}

/** Longer side of a picture, at most. */
const MAX_SIDE = 1024;

/** Milliseconds before something is read ahead, in which a page has what it shows. */
const PAUSE = 60;

/** Most bytes of pictures that are kept. */
const MAX_KEPT = 2 ** 25;

/** Reads X-rays, and keeps the last ones: a file of a detector takes longer than a page may. */
export class Pictures {
  /** By path, the last one asked for at the end. */
  readonly #kept = new Map<string, Picture>();
  readonly #awaited = new Map<string, Promise<Picture>>();
  #bytes = 0;
  /** What is read when there is time. */
  #ahead: string[] = [];
  #isAhead = false;
  /** A decoder takes up to 0.5 GB. */
  readonly #alone = oneAtATime();

  /**
   * Gives the X-ray of a file.
   *
   * @throws {Error} If it cannot be read, in a sentence.
   */
  async get(path: string): Promise<Picture> {
    const kept = this.#kept.get(path);
    if (kept) {
      this.#kept.delete(path);
      this.#kept.set(path, kept);
      return kept;
    }
    const awaited = this.#awaited.get(path);
    if (awaited) return await awaited;
    const picture = this.#alone(() => readPicture(path));
    this.#awaited.set(path, picture);
    try {
      this.#keep(path, await picture);
      return await picture;
    } finally {
      this.#awaited.delete(path);
    }
  }

  /**
   * Reads X-rays before they are asked for, in place of what was to be read so: somebody who
   * goes on quickly wants those no more.
   */
  async readAhead(paths: readonly string[]): Promise<void> {
    this.#ahead = [...paths];
    if (this.#isAhead) return;
    this.#isAhead = true;
    // Decoding holds up all answers: those to what was asked along with this come first.
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    for (let path = this.#ahead.shift(); path !== undefined; path = this.#ahead.shift()) {
      // Who asks for it is told what is wrong with it.
      await this.get(path).catch(() => {});
    }
    this.#isAhead = false;
  }

  #keep(path: string, picture: Picture): void {
    this.#kept.set(path, picture);
    this.#bytes += picture.data.length;
    for (const [oldest, { data }] of this.#kept) {
      if (this.#bytes <= MAX_KEPT) return;
      this.#kept.delete(oldest);
      this.#bytes -= data.length;
    }
  }
}

async function readPicture(path: string): Promise<Picture> {
  const gray = await decodeImage(path).catch((error) => {
    if (![error, error.cause].some((error) => error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error(
      `Cannot read image ${quote(path, 500)}: it is no file that the results named when the ` +
        "server started",
    );
  });
  const { width, height } = gray;
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const [toWidth, toHeight] = [width, height].map((side) =>
    Math.max(1, Math.round(scale * side))
  ) as [number, number];
  const data = scale === 1
    ? Uint8Array.from(gray.data)
    : Uint8Array.from(resample(gray, toWidth, toHeight), Math.round);
  return { data, width: toWidth, height: toHeight, original: { width, height } };
}
