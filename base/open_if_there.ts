/**
 * Opens a file for reading, if it exists.
 *
 * @returns The open file; `undefined` if nothing exists at the path.
 * @throws {Error} If the path is a folder or cannot be opened; the message names the path.
 */
export async function openIfThere(path: string): Promise<Deno.FsFile | undefined> {
  try {
    // A folder opens like a file. Only a read would fail, with an error that names no path.
    if ((await Deno.stat(path)).isDirectory) throw new Deno.errors.IsADirectory("it is a folder");
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
  }
}
