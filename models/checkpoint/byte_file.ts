import { InputTypeError } from "../../base/errors.ts";
import { host, type OpenFile } from "../../base/host/host.ts";

/**
 * An open file that is read in byte ranges, never as a whole.
 *
 * Close it with `using`.
 */
export class ByteFile implements Disposable {
  /** Path that the file was opened by. */
  readonly path: string;
  /** Size in bytes at the time of opening. */
  readonly size: number;
  readonly #file: OpenFile;

  private constructor(path: string, file: OpenFile) {
    [this.path, this.size, this.#file] = [path, file.size, file];
  }

  /**
   * Opens a regular file.
   *
   * @param path Path of the file.
   * @throws {NotFound} If there is no such file.
   * @throws {PermissionDenied} If the system denies reading the file.
   * @throws {TypeError} If the path is a directory, a pipe or a device.
   */
  static async open(path: string): Promise<ByteFile> {
    const { files, NotFound, PermissionDenied } = host();
    try {
      // The check comes before opening, because opening a pipe would wait for its writer.
      const info = await files.stat(path);
      if (info.isDirectory) {
        throw new InputTypeError(`Cannot read "${path}": it is a directory, expected a file`);
      }
      if (!info.isFile) {
        throw new InputTypeError(`Cannot read "${path}": it is not a regular file`);
      }
      return new ByteFile(path, await files.open(path));
    } catch (cause) {
      if (cause instanceof NotFound) {
        throw new NotFound(`Cannot read "${path}": no such file`, { cause });
      }
      if (cause instanceof PermissionDenied) {
        throw new PermissionDenied(`Cannot read "${path}": permission denied`, { cause });
      }
      throw cause;
    }
  }

  /**
   * Reads one range.
   *
   * @param offset First byte.
   * @param length Number of bytes.
   * @throws {SyntaxError} If the range begins before the file or ends after it.
   */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset < 0) {
      throw new SyntaxError(`it is damaged, it points at byte ${offset}`);
    }
    if (offset + length > this.size) {
      throw endsEarly(offset + length, this.size);
    }
    const bytes = new Uint8Array(length);
    await this.readInto(offset, bytes);
    return bytes;
  }

  /**
   * Fills `target` from the file.
   *
   * @param offset First byte.
   * @param target The bytes to fill.
   * @throws {SyntaxError} If the file ends before `target` is full.
   */
  async readInto(offset: number, target: Uint8Array<ArrayBuffer>): Promise<void> {
    const count = await this.#file.read(offset, target);
    if (count < target.length) throw endsEarly(offset + target.length, offset + count);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

function endsEarly(expected: number, found: number): SyntaxError {
  return new SyntaxError(`it is truncated, expected at least ${expected} bytes, found ${found}`);
}
