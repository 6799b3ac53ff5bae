import { writeWhole } from "../../base/write_whole.ts";

/** A text file that is written in parts, and appears under its name only when complete. */
export class WholeFile implements AsyncDisposable {
  readonly #parts: WritableStreamDefaultWriter<string>;
  readonly #written: Promise<void>;

  /** Begins the file; the methods report errors, with the path. */
  constructor(path: string) {
    const { readable, writable } = new TransformStream<string, string>();
    this.#parts = writable.getWriter();
    this.#written = writeWhole(path, readable);
    this.#written.catch(() => {});
  }

  /**
   * Appends text.
   *
   * @throws {Error} If the file cannot be written; the message names the path.
   */
  async write(text: string): Promise<void> {
    // A file that failed takes no more parts, and its own error says why.
    const part = this.#parts.write(text).catch(() => this.#written);
    await Promise.race([part, this.#written]);
  }

  /**
   * Closes the file and gives it its name.
   *
   * @throws {Error} If the file cannot be written; the message names the path.
   */
  async finish(): Promise<void> {
    this.#parts.close().catch(() => {});
    await this.#written;
  }

  /** Removes the partial file, unless {@linkcode finish} was called. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.abort().catch(() => {});
    await this.#written.catch(() => {});
  }
}
