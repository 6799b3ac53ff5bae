/**
 * X-rays of a run, at a size for a page.
 *
 * @module
 */

import type { Picture } from "./picture.ts";
import { oneAtATime } from "./one_at_a_time.ts";
import type { Reading } from "./picture.ts";

/** Deno's own: ONNX Runtime's WebAssembly puts Node's in its place as soon as it runs. */
const { Worker } = globalThis;

/** Most bytes of pictures that are kept. */
const MAX_KEPT = 2 ** 25;

/** Reads X-rays, and keeps the last ones: a file of a detector takes longer than a page may. */
export class Pictures implements Disposable {
  /** By path, the last one asked for at the end. */
  readonly #kept = new Map<string, Picture>();
  readonly #awaited = new Map<string, Promise<Picture>>();
  #bytes = 0;
  /** What is read when there is time. */
  #ahead: string[] = [];
  #isAhead = false;
  /** A decoder takes up to 0.5 GB. */
  readonly #alone = oneAtATime();
  #worker: Worker | undefined;

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
   * Reads X-rays before they are asked for, in place of what was to be read so: somebody who
   * goes on quickly wants those no more.
   */
  async readAhead(paths: readonly string[]): Promise<void> {
    this.#ahead = [...paths];
    if (this.#isAhead) return;
    this.#isAhead = true;
    for (let path = this.#ahead.shift(); path !== undefined; path = this.#ahead.shift()) {
      // Who asks for it is told what is wrong with it.
      await this.get(path).catch(() => {});
    }
    this.#isAhead = false;
  }

  /** Ends the thread. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
  }

  /** Has the thread read an X-ray. */
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

/** Starts the thread, which reads what this one may and does nothing else. */
function startWorker(): Worker {
  return new Worker(new URL("picture_worker.ts", import.meta.url), {
    type: "module",
    name: "pictures",
    deno: { permissions: { read: "inherit", env: "inherit" } },
  });
}
