/**
 * The record of a fetched model or dataset: `groundray.json` in its folder, with commits, sizes and
 * hashes.
 *
 * @module
 */

import { InputSyntaxError } from "../base/errors.ts";
import { writeWhole } from "../base/write_whole.ts";
import type { CatalogModel } from "./catalog.ts";

/** Facts about a file that was fetched and checked. */
export interface RecordedFile {
  /** Size in bytes. */
  readonly bytes: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** Record of a fetched model. */
export interface ModelRecord {
  /** Commit of each repository; later downloads take the same commit. */
  readonly commits: Readonly<Record<string, string>>;
  /** Files by their paths in the model's folder. */
  readonly files: Readonly<Record<string, RecordedFile>>;
  /** Licences that the user accepted, in words; only for datasets. */
  readonly accepted?: string;
  /** All files are here and were compared with their hash; only for datasets. */
  readonly isWhole?: boolean;
}

/** Name of the record's file. */
const RECORD_FILE = "groundray.json";

/** Paths of a model's files in its folder. */
export function localFiles({ sources, written = [] }: CatalogModel): string[] {
  const fetched = sources.flatMap(({ files }) => files.map(({ path, to = path }) => to));
  return [...fetched, ...written.map(({ to }) => to)];
}

/**
 * Reads the record of a model.
 *
 * @returns The record; an empty record if there is no file.
 * @throws {InputSyntaxError} If the file is damaged.
 */
export function readRecord(folder: string): ModelRecord {
  const path = `${folder}/${RECORD_FILE}`;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { commits: {}, files: {} };
    throw error;
  }
  try {
    const { commits, files, accepted, isWhole } = JSON.parse(text) as ModelRecord;
    const hashes = Object.values(files).map(({ bytes, sha256 }) => `${bytes} ${sha256}`);
    const isSound = hashes.every((text) => /^\d{1,15} [0-9a-f]{64}$/.test(text)) &&
      Object.values(commits).every((commit) => /^[0-9a-f]{40}$/.test(commit));
    if (isSound) {
      return {
        commits,
        files,
        ...(typeof accepted === "string" && { accepted }),
        ...(isWhole === true && { isWhole }),
      };
    }
  } catch {
    // The error below names the file.
  }
  throw new InputSyntaxError(
    `Cannot read "${path}": it is damaged; remove it and fetch the files again`,
  );
}

/** Writes the record of a model. */
export async function writeRecord(folder: string, record: ModelRecord): Promise<void> {
  const text = JSON.stringify(record, null, 2) + "\n";
  await writeWhole(`${folder}/${RECORD_FILE}`, text, { isSynced: true });
}

/** State of a model or dataset on this machine. */
export type ModelState =
  /** All files exist with their recorded sizes. */
  | { readonly kind: "here"; readonly bytes: number }
  /** No file or only some files were fetched. */
  | { readonly kind: "absent" | "partial" }
  /** A file is missing, or its size is not the recorded one. */
  | { readonly kind: "damaged"; readonly reason: string };

/**
 * Compares the files of a model with its record, by their sizes alone.
 *
 * @throws {InputSyntaxError} If the record is damaged.
 */
export function modelState(model: CatalogModel, folder: string): ModelState {
  const { files } = readRecord(folder);
  const names = localFiles(model);
  const recorded = names.filter((name) => Object.hasOwn(files, name));
  const own = model.byHand?.files.map((file) => sizeOf(`${folder}/${file}`)) ?? [];
  const isWhole = recorded.length === names.length && !own.includes(undefined);
  const state = stateOf(folder, files, recorded, isWhole);
  if (state.kind !== "here") return state;
  return { kind: "here", bytes: own.reduce<number>((sum, bytes) => sum + bytes!, state.bytes) };
}

/**
 * Compares the files of a dataset with its record, by their sizes alone.
 *
 * @throws {InputSyntaxError} If the record is damaged.
 */
export function datasetState(folder: string): ModelState {
  const { files, isWhole = false } = readRecord(folder);
  return stateOf(folder, files, Object.keys(files), isWhole);
}

function stateOf(
  folder: string,
  files: ModelRecord["files"],
  recorded: readonly string[],
  isWhole: boolean,
): ModelState {
  let total = 0;
  for (const name of recorded) {
    const { bytes } = files[name]!;
    const size = sizeOf(`${folder}/${name}`);
    if (size !== bytes) {
      const found = size === undefined ? "is missing" : `has ${size} bytes, expected ${bytes}`;
      return { kind: "damaged", reason: `"${folder}/${name}" ${found}` };
    }
    total += bytes;
  }
  if (isWhole) return { kind: "here", bytes: total };
  return { kind: recorded.length > 0 ? "partial" : "absent" };
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
