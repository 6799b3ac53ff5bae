/**
 * A file open for reading byte ranges, never as a whole.
 *
 * Close it with `using`.
 */
export class ByteFile implements Disposable {
  /** The path it was opened by. */
  readonly path: string;
  /** Size in bytes when it was opened. */
  readonly size: number;
  readonly #file: Deno.FsFile;

  private constructor(path: string, size: number, file: Deno.FsFile) {
    this.path = path;
    this.size = size;
    this.#file = file;
  }

  /**
   * Opens a regular file.
   *
   * @param path Path of the file.
   * @throws {Deno.errors.NotFound} If there is no such file.
   * @throws {Deno.errors.PermissionDenied} If the system does not let it be read.
   * @throws {TypeError} If the path is a directory, a pipe or a device.
   */
  static async open(path: string): Promise<ByteFile> {
    try {
      // Before opening: opening a pipe would wait for its writer.
      const info = await Deno.stat(path);
      if (info.isDirectory) {
        throw new TypeError(
          `Cannot read "${path}": it is a directory, expected a file`,
        );
      }
      if (!info.isFile) {
        throw new TypeError(`Cannot read "${path}": it is not a regular file`);
      }
      return new ByteFile(path, info.size, await Deno.open(path));
    } catch (cause) {
      if (
        cause instanceof Deno.errors.NotFound ||
        cause instanceof Deno.errors.NotADirectory
      ) {
        throw new Deno.errors.NotFound(`Cannot read "${path}": no such file`, {
          cause,
        });
      }
      if (cause instanceof Deno.errors.PermissionDenied) {
        throw new Deno.errors.PermissionDenied(
          `Cannot read "${path}": permission denied`,
          {
            cause,
          },
        );
      }
      throw cause;
    }
  }

  /**
   * Reads one range at once. For headers: seek and read happen in one turn, so that calls that
   * overlap in time cannot move each other's position.
   *
   * @param offset First byte.
   * @param length Number of bytes.
   * @throws {SyntaxError} If the file ends before the range does, or the range begins before it.
   */
  readSync(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (offset < 0) {
      throw new SyntaxError(`it is damaged, it points at byte ${offset}`);
    }
    if (offset + length > this.size) {
      throw endsEarly(offset + length, this.size);
    }
    const bytes = new Uint8Array(length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < length) {
      const count = this.#file.readSync(bytes.subarray(filled));
      if (count === null) throw endsEarly(offset + length, offset + filled);
      filled += count;
    }
    return bytes;
  }

  /**
   * Fills `target` from the file without blocking other work. For tensor data: one call at a time.
   *
   * @param offset First byte.
   * @param target The bytes to fill.
   * @throws {SyntaxError} If the file ends before `target` is full.
   */
  async readInto(
    offset: number,
    target: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    await this.#file.seek(offset, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < target.length) {
      const count = await this.#file.read(target.subarray(filled));
      if (count === null) {
        throw endsEarly(offset + target.length, offset + filled);
      }
      filled += count;
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function endsEarly(expected: number, found: number): SyntaxError {
  return new SyntaxError(
    `it is truncated, expected at least ${expected} bytes, found ${found}`,
  );
}
