/** Options of {@linkcode writeWhole}. */
export interface WriteWholeOptions {
  /**
   * The content must be on the disk before the file gets its name. Without this wait, a
   * power cut could leave an empty file in place of the earlier one.
   *
   * @default {false}
   */
  readonly isSynced?: boolean;
}

/**
 * Writes a file whole or not at all: first as `PATH.partial`, which is then renamed.
 *
 * @param content Bytes, text, or text in parts.
 * @throws {Error} If the file cannot be written; the message names the path.
 */
export async function writeWhole(
  path: string,
  content: Uint8Array | string | AsyncIterable<string>,
  { isSynced = false }: WriteWholeOptions = {},
): Promise<void> {
  const partial = `${path}.partial`;
  try {
    if (typeof content === "string") await Deno.writeTextFile(partial, content);
    else if (content instanceof Uint8Array) await Deno.writeFile(partial, content);
    else await Deno.writeTextFile(partial, ReadableStream.from(content));
    if (isSynced) {
      using file = await Deno.open(partial, { write: true });
      await file.syncData();
    }
    await putInPlace(partial, path);
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw new Error(`Cannot write "${path}": ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Renames a complete file to its final path, and replaces an earlier file there.
 *
 * @throws {Deno.errors.IsADirectory} If the final path is a folder.
 */
export async function putInPlace(partial: string, path: string): Promise<void> {
  // Otherwise the rename would replace a link to a folder.
  const there = await Deno.stat(path).catch(() => undefined);
  if (there?.isDirectory) throw new Deno.errors.IsADirectory("it is a folder");
  await Deno.rename(partial, path);
}

/**
 * Creates a folder for results, if it does not exist.
 *
 * @throws {Error} If the folder cannot be created; the message names the path.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw new Error(`Cannot write to folder "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}
