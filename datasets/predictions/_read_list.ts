import { createHash } from "node:crypto";
import { InputRangeError, InputTypeError } from "../../base/errors.ts";
import { stat } from "../../base/paths.ts";
import { decodeText, type FileText } from "../text.ts";

/** Largest file in bytes; bounded because the whole text is held in memory. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Reads a text file that another program wrote.
 *
 * @param content Content in words for errors, such as `predictions`.
 * @returns The text as of {@linkcode decodeText}, and the file's SHA-256 in hexadecimal.
 * @throws {Deno.errors.NotFound} If the file does not exist.
 * @throws {TypeError} If the path is not a regular file.
 * @throws {RangeError} If the file is larger than 256 MiB.
 */
export async function readList(
  path: string,
  content: string,
): Promise<FileText & { readonly sha256: string }> {
  const file = `Cannot read ${content} "${path}"`;
  const info = await stat(path);
  if (!info) throw new Deno.errors.NotFound(`${file}: there is no such file`);
  if (!info.isFile) throw new InputTypeError(`${file}: it is not a file`);
  if (info.size > MAX_FILE_BYTES) {
    throw new InputRangeError(
      `${file}: expected at most ${MAX_FILE_BYTES} bytes, found ${info.size}`,
    );
  }
  const bytes = await Deno.readFile(path);
  return { ...decodeText(bytes), sha256: createHash("sha256").update(bytes).digest("hex") };
}
