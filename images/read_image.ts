import { InputError, InputRangeError, InputTypeError } from "../base/errors.ts";
import { host } from "../base/host/host.ts";
import { readFile } from "../base/host/files.ts";
import { plainReason } from "../base/host/plain_reason.ts";
import { printable, quote } from "../base/text.ts";

/** Largest image file in bytes: more than any supported image takes uncompressed. */
const MAX_FILE_BYTES = 2 ** 28;

/** Maximum number of characters of a path in a message. */
export const MAX_SHOWN_PATH = 500;

/**
 * Maximum number of pixels of a decoded image. Decoding takes up to 11 bytes per pixel beside the
 * file, 0.4 GB in all. A progressive JPEG in CMYK takes up to 17 bytes per pixel. A chest X-ray has
 * 10 million pixels; the largest detectors have 20 million.
 */
export const MAX_PIXELS = 2 ** 25;

/**
 * Reads the bytes of an image file.
 *
 * @param path Path of the file.
 * @param kind Word for the file in errors.
 * @throws {Error} If the file cannot be read; the message names the path.
 * @throws {TypeError} If the path is not a regular file.
 * @throws {RangeError} If the file is larger than 256 MiB.
 */
export async function readImage(path: string, kind = "image"): Promise<Uint8Array> {
  const { files, NotFound } = host();
  const fail = `Cannot read ${kind} ${quote(path, MAX_SHOWN_PATH)}`;
  const rethrow = (error: Error): never => {
    const reason = printable(error.message);
    if (error instanceof NotFound) {
      // U+FFFD stands for bytes of a file name that are not UTF-8; no such path opens the file.
      const isNamed = !path.includes("\uFFFD");
      throw new NotFound(
        `${fail}: ` + (isNamed ? "there is no such file" : "its name is not UTF-8; rename it"),
      );
    }
    throw new InputError(plainReason(`${fail}: ${reason}`), { cause: error });
  };
  // Check the kind first, because opening a pipe would wait for its writer.
  const { isFile, isDirectory, size } = await files.stat(path).catch(rethrow);
  if (isDirectory) throw new InputTypeError(`${fail}: it is a folder`);
  if (!isFile) throw new InputTypeError(`${fail}: it is not a regular file`);
  if (size > MAX_FILE_BYTES) {
    throw new InputRangeError(`${fail}: its ${size} bytes are more than ${MAX_FILE_BYTES}`);
  }
  return await readFile(path).catch(rethrow);
}
