import { host } from "../base/host/host.ts";
import { readFile } from "../base/host/files.ts";
import { plainReason } from "../base/host/plain_reason.ts";
import { printable, quote } from "../base/text.ts";

/** Most bytes of a file: more than any image that is decoded takes uncompressed. */
const MAX_FILE_BYTES = 2 ** 28;

/** Most characters of a path in a message. */
export const MAX_SHOWN_PATH = 500;

/**
 * Reads the bytes of an image file.
 *
 * @throws {Error} If it cannot be read, with its path.
 * @throws {TypeError} If it is no regular file.
 * @throws {RangeError} If it is too large.
 */
export async function readImage(path: string): Promise<Uint8Array> {
  const { files, NotFound } = host();
  const fail = `Cannot read image ${quote(path, MAX_SHOWN_PATH)}`;
  const rethrow = (error: Error): never => {
    const reason = printable(error.message);
    if (error instanceof NotFound) {
      // What the system lists with bytes that are not UTF-8 cannot be opened by that name.
      const isNamed = !path.includes("\uFFFD");
      throw new NotFound(
        `${fail}: ` + (isNamed ? "there is no such file" : "its name is not UTF-8; rename it"),
      );
    }
    throw new Error(plainReason(`${fail}: ${reason}`), { cause: error });
  };
  // Before it is opened: opening a pipe would wait for its writer.
  const { isFile, isDirectory, size } = await files.stat(path).catch(rethrow);
  if (isDirectory) throw new TypeError(`${fail}: it is a folder`);
  if (!isFile) throw new TypeError(`${fail}: it is not a regular file`);
  if (size > MAX_FILE_BYTES) {
    throw new RangeError(`${fail}: its ${size} bytes are more than ${MAX_FILE_BYTES}`);
  }
  return await readFile(path).catch(rethrow);
}
