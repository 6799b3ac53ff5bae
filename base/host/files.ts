import { host } from "./host.ts";

/**
 * Reads a file into memory.
 *
 * @throws {NotFound} If no file exists at the path.
 */
export async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  using file = await host().files.open(path);
  const bytes = new Uint8Array(file.size);
  return bytes.subarray(0, await file.read(0, bytes));
}

/** Writes a file, and replaces an earlier file at the path. */
export async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  using file = await host().files.create(path);
  await file.write(bytes);
}
