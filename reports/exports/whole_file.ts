import { putInPlace } from "../../base/write_whole.ts";

/**
 * A file that is written bit by bit and is there whole or not at all.
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
   * Begins a file.
   *
   * @throws {Error} If it cannot be written, with its path.
   */
  static async create(path: string): Promise<WholeFile> {
    try {
      return new WholeFile(path, await Deno.create(partial(path)));
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  /**
   * Adds to it.
   *
   * @throws {Error} If that cannot be, with its path.
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
   * Ends it, and puts it in its place.
   *
   * @throws {Error} If that cannot be, with its path.
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

  /** Removes it unless it was finished. */
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
