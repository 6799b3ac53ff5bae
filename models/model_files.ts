/**
 * Finds and reads the files of a model.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { printable } from "./checkpoint/quote.ts";

/** Most bytes of a text file, which is held in memory whole; the largest vocabulary has 1 MB. */
const MAX_TEXT_BYTES = 64 * 2 ** 20;

/**
 * Checks that a path is that of a folder.
 *
 * @throws {Deno.errors.NotFound} If there is nothing.
 * @throws {TypeError} If it is something else.
 */
export async function requireFolder(path: string): Promise<void> {
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (!info) throw new Deno.errors.NotFound(`Cannot load model "${path}": there is no such folder`);
  if (!info.isDirectory) throw new TypeError(`Cannot load model "${path}": it is not a folder`);
}

/** Whether there is a file. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/** The first of some files that exists. */
export async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isFile(path)) return path;
}

/**
 * The first of some files that exists.
 *
 * @param what What it is, for the message.
 * @throws {Deno.errors.NotFound} If none does.
 */
export async function requireFile(paths: readonly string[], what: string): Promise<string> {
  const found = await firstFile(paths);
  if (found) return found;
  const names = paths.map((path) => `"${path}"`).join(" or ");
  throw new Deno.errors.NotFound(`Cannot find ${what}: there is no ${names}`);
}

/**
 * Reads a text file.
 *
 * @throws {RangeError} If it is larger than memory should hold.
 */
export async function readText(path: string): Promise<string> {
  const { size } = await Deno.stat(path);
  if (size > MAX_TEXT_BYTES) {
    throw new RangeError(
      `Cannot read "${path}": expected at most ${MAX_TEXT_BYTES} bytes, found ${size}`,
    );
  }
  return await Deno.readTextFile(path);
}

/**
 * Reads a JSON file.
 *
 * @throws {SyntaxError} If it is none.
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = printable((error as Error).message);
    throw new SyntaxError(`Cannot read "${path}": it is not valid JSON (${reason})`);
  }
}

/** SHA-256 over files one after another, in hexadecimal. */
export async function hashFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) {
    using file = await Deno.open(path);
    for await (const chunk of file.readable) hash.update(chunk);
  }
  return hash.digest("hex");
}
