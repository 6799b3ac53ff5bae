/**
 * `heatmaps.bin`: what the heatmaps of a run are made of, a record a heatmap.
 *
 * A record is four little-endian 32-bit words (the mark `GHM1`, the bytes of the
 * header, those of the values, the CRC-32 of both), the header as JSON and the
 * values as little-endian float32, one layer after another. A method's own grid is the
 * one layer of a record whose header has a `view`.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { openIfThere } from "../base/open_if_there.ts";
import { printable, quote } from "../base/text.ts";
import type { StoredHeatmap } from "../pipeline/evaluate.ts";

/** Name of the file. */
export const HEATMAPS = "heatmaps.bin";

/** A record of the file. */
export interface HeatmapRecord {
  /** What it says. */
  readonly heatmap: StoredHeatmap;
  /** The record itself. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the file before it. */
  readonly start: number;
}

/** `GHM1` as a little-endian word. */
const MARK = 0x314d4847;

/** Bytes of the four words. */
const PREFIX = 16;

/** Longest header and values that are taken for some, in bytes: an id may be a path. */
const MAX_HEADER = 2 ** 20;
const MAX_VALUES = 2 ** 26;

/** Longest sides of heatmaps and of images, as everywhere. */
const MAX_SIZE = 8192;
const MAX_IMAGE_SIDE = 65535;

/** What names a heatmap within its run. */
export function heatmapKey({ id, setting }: Pick<StoredHeatmap, "id" | "setting">): string {
  return JSON.stringify([id, setting ?? ""]);
}

/** A heatmap as a record. */
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
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  const words = [MARK, header.length, 4 * count, crc32(bytes.subarray(PREFIX))];
  words.forEach((word, i) => view.setUint32(4 * i, word, true));
  return bytes;
}

/**
 * Reads records one after another, up to the first that is not whole: a run that
 * was killed, or that a power cut ended, leaves one.
 *
 * @param path The file; none reads as an empty one.
 * @throws {SyntaxError} If a whole record is not that of a heatmap.
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
 * Reads the record that a file stands at, if that is whole.
 *
 * @param start Bytes before it.
 * @throws {SyntaxError} If it is whole and not that of a heatmap.
 */
export async function readRecord(
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
  // Zeros behind the mark agree with one another: those of a power cut, since every record has
  // a header.
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

/** The next bytes of a file, if there are so many. */
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
  if (view !== undefined) {
    requireWhole(view?.resized, 1, MAX_SIZE, "a resized side");
    requireWhole(view.crop, 1, view.resized, "a crop");
    if (sides.length > 1 || sides[0]?.[1] !== size) throw new TypeError("expected one grid");
  }
  const bytes = new DataView(rest.buffer, header);
  let at = 0;
  const layers = sides.map((entry) => {
    const [layer, side] = Array.isArray(entry) ? entry : [];
    requireWhole(layer, 0, 1000, "a layer");
    requireWhole(side, 1, MAX_SIZE, "a side");
    if (at + 4 * side * side > bytes.byteLength) throw new RangeError("expected more values");
    const data = Float32Array.from(
      { length: side * side },
      (_, i) => bytes.getFloat32(at + 4 * i, true),
    );
    if (!data.every(Number.isFinite)) throw new RangeError("expected finite values");
    at += 4 * data.length;
    return { layer, side, data };
  });
  if (at !== bytes.byteLength) throw new RangeError("expected fewer values");
  const { width, height } = image;
  return {
    ...{ id, ...(setting && { setting }), size, image: { width, height }, layers },
    ...(view && { view: { crop: view.crop, resized: view.resized } }),
  };
}

function requireWhole(value: unknown, min: number, max: number, what: string): void {
  if (Number.isInteger(value) && value as number >= min && value as number <= max) return;
  throw new RangeError(`expected ${what} of ${min} to ${max}`);
}

/** The records of a file by what they are named. */
export class HeatmapIndex {
  readonly #path: string;
  readonly #file: Deno.FsFile | undefined;
  readonly #starts: ReadonlyMap<string, number>;

  private constructor(path: string, file: Deno.FsFile | undefined, starts: Map<string, number>) {
    this.#path = path;
    this.#file = file;
    this.#starts = starts;
  }

  /**
   * Reads through a file once.
   *
   * @param path The file; none holds no heatmaps.
   * @throws {SyntaxError} If a whole record is not that of a heatmap.
   */
  static async open(path: string): Promise<HeatmapIndex> {
    const starts = new Map<string, number>();
    for await (const { heatmap, start } of readHeatmaps(path)) {
      starts.set(heatmapKey(heatmap), start);
    }
    const file = starts.size > 0 ? await Deno.open(path) : undefined;
    return new HeatmapIndex(path, file, starts);
  }

  /** Whether there is a heatmap of this name. */
  has(name: Pick<StoredHeatmap, "id" | "setting">): boolean {
    return this.#starts.has(heatmapKey(name));
  }

  /**
   * Reads one heatmap.
   *
   * @throws {RangeError} If it is not there.
   * @throws {SyntaxError} If the file was changed meanwhile.
   */
  async get(name: Pick<StoredHeatmap, "id" | "setting">): Promise<StoredHeatmap> {
    const start = this.#starts.get(heatmapKey(name));
    if (start === undefined) throw new RangeError(lacks(this.#path, name));
    await this.#file!.seek(start, Deno.SeekMode.Start);
    const record = await readRecord(this.#file!, this.#path, start);
    if (record && heatmapKey(record.heatmap) === heatmapKey(name)) return record.heatmap;
    throw new SyntaxError(`Cannot read "${this.#path}": it was changed while it was read`);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file?.close();
  }
}

/**
 * What is said where a heatmap is missing.
 *
 * @param more How many others are missing too.
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
