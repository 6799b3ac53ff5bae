import { putInPlace } from "../../base/write_whole.ts";

/**
 * A file that is written in parts, and appears under its name only when complete.
 */
export class WholeFile {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #isOpen = true;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Creates the partial file.
   *
   * @throws {Error} If the file cannot be written; the message names the path.
   */
  static async create(path: string): Promise<WholeFile> {
    try {
      return new WholeFile(path, await Deno.create(partial(path)));
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  /**
   * Appends text.
   *
   * @throws {Error} If the file cannot be written; the message names the path.
   */
  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    } catch (error) {
      throw cannotWrite(this.#path, error);
    }
  }

  /**
   * Closes the file and gives it its name.
   *
   * @throws {Error} If the file cannot be renamed; the message names the path.
   */
  async finish(): Promise<void> {
    this.#close();
    try {
      await putInPlace(partial(this.#path), this.#path);
    } catch (error) {
      await Deno.remove(partial(this.#path)).catch(() => {});
      throw cannotWrite(this.#path, error);
    }
  }

  /** Removes the partial file, unless {@linkcode finish} was called. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#close();
    await Deno.remove(partial(this.#path)).catch(() => {});
  }

  #close(): void {
    this.#isOpen = false;
    this.#file.close();
  }
}

function partial(path: string): string {
  return `${path}.partial`;
}

function cannotWrite(path: string, error: unknown): Error {
  return new Error(`Cannot write "${path}": ${(error as Error).message}`, { cause: error });
}
