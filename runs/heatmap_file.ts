/**
 * `heatmaps.bin`: the data to rebuild the heatmaps of a run, one record per heatmap.
 *
 * A record begins with four little-endian 32-bit words:
 *
 * 1. the mark `GHM1`,
 * 2. the length of the header in bytes,
 * 3. the length of the values in bytes,
 * 4. the CRC-32 of header and values.
 *
 * The header follows as JSON, then the values as little-endian float32, one layer after another. A
 * method's own grid is stored as a single layer, and its header has a `view`.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { openIfThere } from "../base/open_if_there.ts";
import { printable, quote } from "../base/text.ts";
import type { StoredHeatmap } from "../pipeline/evaluate.ts";

/** Name of the file within a run's folder. */
export const HEATMAPS = "heatmaps.bin";

/**
 * Name of the file with the attention that a run keeps beside its heatmaps. A record has the layers
 * of all groups of steps of a phrase, a group after another.
 */
export const ATTENTION = "attention.bin";

/** A record of the file. */
export interface HeatmapRecord {
  readonly heatmap: StoredHeatmap;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Position of the record in the file, in bytes. */
  readonly start: number;
}

/** `GHM1` as a little-endian word. */
const MARK = 0x314d4847;

/** Length of the four words in bytes. */
const PREFIX = 16;

/** Longest header and values that the reader accepts, in bytes; an id may be a long path. */
const MAX_HEADER = 2 ** 20;
const MAX_VALUES = 2 ** 28;

/** Longest sides of heatmaps and images in pixels; the pipeline has the same limits. */
const MAX_SIZE = 8192;
const MAX_IMAGE_SIDE = 65535;

/** Key of a heatmap within its run, made of id and setting. */
export function heatmapKey({ id, setting }: Pick<StoredHeatmap, "id" | "setting">): string {
  return JSON.stringify([id, setting ?? ""]);
}

/** Encodes a heatmap as a record. */
export function encodeHeatmap(heatmap: StoredHeatmap): Uint8Array<ArrayBuffer> {
  const { layers, ...facts } = heatmap;
  const json = JSON.stringify({ ...facts, layers: layers.map(({ layer, side }) => [layer, side]) });
  const header = new TextEncoder().encode(json);
  const count = layers.reduce((sum, { data }) => sum + data.length, 0);
  const bytes = new Uint8Array(PREFIX + header.length + 4 * count);
  bytes.set(header, PREFIX);
  const view = new DataView(bytes.buffer);
  let at = PREFIX + header.length;
  for (const { data } of layers) {
    // Every processor that Deno runs on is little-endian.
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  const words = [MARK, header.length, 4 * count, crc32(bytes.subarray(PREFIX))];
  words.forEach((word, i) => view.setUint32(4 * i, word, true));
  return bytes;
}

/**
 * Reads records in order, up to the first incomplete record. A kill or a power cut may leave an
 * incomplete record.
 *
 * @param path The file; a missing file counts as empty.
 * @throws {SyntaxError} If a complete record does not describe a heatmap.
 */
export async function* readHeatmaps(path: string): AsyncIterableIterator<HeatmapRecord> {
  using file = await openIfThere(path);
  if (!file) return;
  for (let start = 0;;) {
    const record = await readRecord(file, path, start);
    if (!record) return;
    yield record;
    start += record.bytes.length;
  }
}

/**
 * Reads the record at a file's current position.
 *
 * @param start The current position in bytes.
 * @returns `undefined` if the record is incomplete.
 * @throws {SyntaxError} If a complete record does not describe a heatmap.
 */
async function readRecord(
  file: Deno.FsFile,
  path: string,
  start: number,
): Promise<HeatmapRecord | undefined> {
  const prefix = await readBytes(file, PREFIX);
  if (!prefix) return undefined;
  const view = new DataView(prefix.buffer);
  const [mark, header, values, sum] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  // A power cut may leave zeros after the mark. Their checksum is right, since the CRC-32 of no
  // bytes is 0; but every true record has a header.
  if (mark !== MARK || header === 0 || header > MAX_HEADER || values > MAX_VALUES) {
    return undefined;
  }
  const rest = await readBytes(file, header + values);
  if (!rest || crc32(rest) !== sum) return undefined;
  const bytes = new Uint8Array(PREFIX + rest.length);
  bytes.set(prefix);
  bytes.set(rest, PREFIX);
  try {
    return { heatmap: decode(rest, header), bytes, start };
  } catch (error) {
    throw new SyntaxError(
      `Cannot read "${path}": the record at byte ${start} is not that of a heatmap ` +
        `(${printable((error as Error).message)})`,
    );
  }
}

/** Reads the next `count` bytes of a file; `undefined` if the file ends before. */
async function readBytes(
  file: Deno.FsFile,
  count: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) return undefined;
    at += read;
  }
  return bytes;
}

function decode(rest: Uint8Array<ArrayBuffer>, header: number): StoredHeatmap {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(rest.subarray(0, header));
  const { id, setting, size, image, layers: sides, view } = JSON.parse(text);
  if (typeof id !== "string" || !["string", "undefined"].includes(typeof setting)) {
    throw new TypeError("expected an id");
  }
  requireWhole(size, 1, MAX_SIZE, "a size");
  requireWhole(image?.width, 1, MAX_IMAGE_SIDE, "an image width");
  requireWhole(image.height, 1, MAX_IMAGE_SIDE, "an image height");
  if (!Array.isArray(sides) || sides.length === 0) throw new TypeError("expected layers");
  if (view !== undefined && (sides.length > 1 || sides[0]?.[1] !== size)) {
    throw new TypeError("expected one grid");
  }
  if (view !== undefined && view !== "whole") {
    requireWhole(view?.resized, 1, MAX_SIZE, "a resized side");
    requireWhole(view.crop, 1, view.resized, "a crop");
  }
  let at = header;
  const layers = sides.map((entry) => {
    const [layer, side] = Array.isArray(entry) ? entry : [];
    requireWhole(layer, 0, 1000, "a layer");
    requireWhole(side, 1, MAX_SIZE, "a side");
    const end = at + 4 * side * side;
    if (end > rest.length) throw new RangeError("expected more values");
    const data = new Float32Array(rest.slice(at, end).buffer);
    if (!data.every(Number.isFinite)) throw new RangeError("expected finite values");
    at = end;
    return { layer, side, data };
  });
  if (at !== rest.length) throw new RangeError("expected fewer values");
  const { width, height } = image;
  return {
    ...{ id, ...(setting && { setting }), size, image: { width, height }, layers },
    ...(view && { view: view === "whole" ? view : { crop: view.crop, resized: view.resized } }),
  };
}

function requireWhole(value: unknown, min: number, max: number, what: string): void {
  if (Number.isInteger(value) && value as number >= min && value as number <= max) return;
  throw new RangeError(`expected ${what} of ${min} to ${max}`);
}

/** Index of a file's records by id and setting. */
export class HeatmapIndex {
  readonly #path: string;
  readonly #starts: ReadonlyMap<string, number>;
  #file: Deno.FsFile | undefined;

  private constructor(path: string, starts: Map<string, number>) {
    this.#path = path;
    this.#starts = starts;
  }

  /**
   * Reads a file once to find its records; {@linkcode get} opens the file again.
   *
   * @param path The file; a missing file counts as empty.
   * @throws {SyntaxError} If a complete record does not describe a heatmap.
   */
  static async open(path: string): Promise<HeatmapIndex> {
    const starts = new Map<string, number>();
    for await (const { heatmap, start } of readHeatmaps(path)) {
      starts.set(heatmapKey(heatmap), start);
    }
    return new HeatmapIndex(path, starts);
  }

  /** True if the file has no heatmap. */
  get isEmpty(): boolean {
    return this.#starts.size === 0;
  }

  /** Whether the file has a heatmap with this id and setting. */
  has(name: Pick<StoredHeatmap, "id" | "setting">): boolean {
    return this.#starts.has(heatmapKey(name));
  }

  /**
   * Reads one heatmap.
   *
   * @throws {RangeError} If the file has no heatmap with this id and setting.
   * @throws {SyntaxError} If the file changed since it was opened.
   */
  async get(name: Pick<StoredHeatmap, "id" | "setting">): Promise<StoredHeatmap> {
    const start = this.#starts.get(heatmapKey(name));
    if (start === undefined) throw new RangeError(lacks(this.#path, name));
    this.#file ??= Deno.openSync(this.#path);
    await this.#file.seek(start, Deno.SeekMode.Start);
    const record = await readRecord(this.#file, this.#path, start);
    if (record && heatmapKey(record.heatmap) === heatmapKey(name)) return record.heatmap;
    throw new SyntaxError(`Cannot read "${this.#path}": it was changed while it was read`);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file?.close();
  }
}

/**
 * Returns the message about a missing heatmap.
 *
 * @param more Number of other missing heatmaps.
 */
export function lacks(
  path: string,
  { id, setting }: Pick<StoredHeatmap, "id" | "setting">,
  more = 0,
): string {
  const whose = setting === undefined
    ? quote(id, 60)
    : `${quote(id, 60)}, setting ${quote(setting, 60)}`;
  const others = more > 0 ? ` and of ${more} more` : "";
  return `Cannot read "${path}": expected a whole record of the heatmap of ${whose}${others}, ` +
    "found none; if the run was cut short, the same eval with its folder as --out mends it";
}
