import { InputTypeError } from "../base/errors.ts";
import { host } from "../base/host/host.ts";
import { readFile } from "../base/host/files.ts";
import { parseJson } from "../base/json.ts";

/** Most bytes of a text file, because memory holds it whole; the largest vocabulary has 1 MB. */
const MAX_TEXT_BYTES = 64 * 2 ** 20;

/** Bytes per read of a file that is hashed, because it may not fit in memory whole. */
const HASH_CHUNK_BYTES = 2 ** 20;

/**
 * Checks that a model's path is a folder.
 *
 * @throws {NotFound} If the path does not exist.
 * @throws {TypeError} If the path is not a folder.
 */
export async function requireFolder(path: string): Promise<void> {
  const { files, NotFound } = host();
  const info = await files.stat(path).catch((error) => {
    if (error instanceof NotFound) return undefined;
    throw error;
  });
  if (!info) throw new NotFound(`Cannot load model "${path}": there is no such folder`);
  if (!info.isDirectory) {
    throw new InputTypeError(`Cannot load model "${path}": it is not a folder`);
  }
}

/** Whether a path exists and is a file. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await host().files.stat(path)).isFile;
  } catch (error) {
    if (error instanceof host().NotFound) return false;
    throw error;
  }
}

/** Finds the first path that is a file. */
export async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isFile(path)) return path;
}

/**
 * Finds the first path that is a file, and fails if there is none.
 *
 * @param what The file's content in words for the message, such as `the text encoder`.
 * @throws {NotFound} If no path is a file.
 */
export async function requireFile(paths: readonly string[], what: string): Promise<string> {
  const found = await firstFile(paths);
  if (found) return found;
  const names = paths.map((path) => `"${path}"`).join(" or ");
  throw new (host().NotFound)(`Cannot find ${what}: there is no ${names}`);
}

/**
 * Reads a text file in UTF-8, or in little-endian UTF-16 with a byte order mark. Drops the mark.
 *
 * @throws {RangeError} If the file is larger than 64 MiB.
 */
export async function readText(path: string): Promise<string> {
  const { size } = await host().files.stat(path);
  if (size > MAX_TEXT_BYTES) {
    throw new RangeError(
      `Cannot read "${path}": expected at most ${MAX_TEXT_BYTES} bytes, found ${size}`,
    );
  }
  const bytes = await readFile(path);
  // Windows programs write a byte order mark, and UTF-16 unless told otherwise.
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/**
 * Reads a JSON file.
 *
 * @throws {SyntaxError} If the text is not valid JSON.
 * @throws {RangeError} If the file is larger than 64 MiB.
 */
export async function readJson(path: string): Promise<unknown> {
  return parseJson(await readText(path), `"${path}"`);
}

/**
 * Reads files of a folder by a function whose messages lack the folder.
 *
 * @throws {SyntaxError} If the function throws one; the message ends with the folder.
 */
export async function namingFolder<T>(folder: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`${error.message} in "${folder}"`);
  }
}

/** SHA-256 over the bytes of files in the given order, in hexadecimal. */
export async function hashFiles(paths: readonly string[]): Promise<string> {
  const hash = host().createHash();
  const chunk = new Uint8Array(HASH_CHUNK_BYTES);
  for (const path of paths) {
    using file = await host().files.open(path);
    for (let offset = 0, count = -1; count !== 0; offset += count) {
      count = await file.read(offset, chunk);
      hash.update(chunk.subarray(0, count));
    }
  }
  return hash.digest().toHex();
}
