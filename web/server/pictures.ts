/**
 * Reads X-rays of a run, reduced in size for a page.
 *
 * @module
 */

import { oneAtATime } from "../../base/one_at_a_time.ts";
import type { Picture, Reading } from "./picture.ts";

/** Deno's own `Worker`: ONNX Runtime's WebAssembly replaces the global one by Node's. */
const { Worker } = globalThis;

/** Maximum bytes of the kept pictures. */
const MAX_KEPT = 2 ** 25;

/** Reads X-rays and keeps the last ones: a detector's full-size file decodes slowly. */
export class Pictures implements Disposable {
  /** Pictures by path, the most recently requested last. */
  readonly #kept = new Map<string, Picture>();
  readonly #awaited = new Map<string, Promise<Picture>>();
  #bytes = 0;
  /** Paths to read ahead, in order. */
  #ahead: string[] = [];
  #isAhead = false;
  /** Decodes one file at a time: a decoder takes up to 0.5 GB. */
  readonly #alone = oneAtATime();
  #worker: Worker | undefined;

  /**
   * Gives the X-ray of a file.
   *
   * @throws {Error} If the file cannot be read; the message is a sentence.
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
    const picture = this.#alone(() => this.#read(path));
    this.#awaited.set(path, picture);
    try {
      this.#keep(path, await picture);
      return await picture;
    } finally {
      this.#awaited.delete(path);
    }
  }

  /**
   * Reads X-rays before a page asks for them. The new paths replace the waiting paths: a user
   * who moves on quickly does not come back for them.
   */
  async readAhead(paths: readonly string[]): Promise<void> {
    this.#ahead = [...paths];
    if (this.#isAhead) return;
    this.#isAhead = true;
    for (let path = this.#ahead.shift(); path !== undefined; path = this.#ahead.shift()) {
      // Ignore failures here: a later request for the file reports the error.
      await this.get(path).catch(() => {});
    }
    this.#isAhead = false;
  }

  /** Ends the decoding thread. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
  }

  /** Reads an X-ray in the thread; starts the thread if there is none. */
  async #read(path: string): Promise<Picture> {
    this.#worker ??= startWorker();
    const { promise, resolve } = Promise.withResolvers<Reading>();
    this.#worker.onmessage = ({ data }: MessageEvent<Reading>) => resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#worker = undefined;
      resolve({ error: event.message });
    };
    this.#worker.postMessage(path);
    const reading = await promise;
    if ("error" in reading) throw new Error(reading.error);
    return reading.picture;
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

/** Starts the thread; it may read the same files and environment as this one, nothing else. */
function startWorker(): Worker {
  return new Worker(new URL("picture_worker.ts", import.meta.url), {
    type: "module",
    name: "pictures",
    deno: { permissions: { read: "inherit", env: "inherit" } },
  });
}
