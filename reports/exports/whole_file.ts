import { putInPlace } from "../../base/write_whole.ts";

/**
 * A text file that is written in parts, and appears under its name only when complete. Errors of
 * all methods name the path.
 */
export class WholeFile implements AsyncDisposable {
  readonly #path: string;
  #file: Deno.FsFile | undefined;
  #isPartial = false;

  /** Takes the path; the first part creates the partial file. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Appends text. */
  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    await this.#naming(async () => {
      this.#file ??= await Deno.create(`${this.#path}.partial`);
      this.#isPartial = true;
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    });
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    this.#close();
    await this.#naming(() => putInPlace(`${this.#path}.partial`, this.#path));
    this.#isPartial = false;
  }

  /** Removes the partial file, unless {@linkcode finish} was called. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    if (this.#isPartial) await Deno.remove(`${this.#path}.partial`).catch(() => {});
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  async #naming(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw new Error(`Cannot write "${this.#path}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}
