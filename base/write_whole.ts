/** How {@linkcode writeWhole} writes. */
export interface WriteWholeOptions {
  /**
   * Waits for the disk before the file gets its name: after a power cut a name without content
   * could have taken the place of the earlier file.
   *
   * @default {false}
   */
  readonly isSynced?: boolean;
}

/**
 * Writes a file whole or not at all.
 *
 * @param content What is in it; text may come in parts.
 * @param options How sure it has to be.
 * @throws {Error} If it cannot be written, with its path.
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
 * Gives a file that is whole its name, over a file that has it.
 *
 * @throws {Deno.errors.IsADirectory} If a folder has it.
 */
export async function putInPlace(partial: string, path: string): Promise<void> {
  // A link to a folder would be replaced by the file.
  const there = await Deno.stat(path).catch(() => undefined);
  if (there?.isDirectory) throw new Deno.errors.IsADirectory("it is a folder");
  await Deno.rename(partial, path);
}
