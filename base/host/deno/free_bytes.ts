import { statfs } from "node:fs/promises";

/**
 * Bytes that are free on the disk of a folder.
 *
 * @throws {Error} If the system does not tell, or the process may not ask.
 */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
