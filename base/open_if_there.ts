/**
 * Opens a file to be read.
 *
 * @returns `undefined` where there is none.
 * @throws {Error} If it cannot be read, with its path.
 */
export async function openIfThere(path: string): Promise<Deno.FsFile | undefined> {
  try {
    // A folder opens like a file, and fails only once it is read, without its path.
    if ((await Deno.stat(path)).isDirectory) throw new Deno.errors.IsADirectory("it is a folder");
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
  }
}
