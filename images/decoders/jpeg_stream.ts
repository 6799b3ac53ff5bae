import { concat } from "@std/bytes/concat";
import type { Size } from "../../base/geometry.ts";

/** A JPEG as libjpeg reads it, without stray bytes between segments. */
export interface JpegStream {
  /** Segments and scans in file order, from the start marker on, without the end marker. */
  readonly bytes: Uint8Array;
  /** Position in `bytes` of the data of the last scan. */
  readonly lastScan: number;
  /** Width and height in pixels; absent if no frame states them. */
  readonly size?: Size;
  /** Type of the frame: the second byte of its marker. */
  readonly frame?: number;
  /** Bits per value. */
  readonly precision?: number;
  /** Number of scans over the pixels. */
  readonly scans: number;
  /** Whether the end marker follows the scans without stray bytes: then no pixel is missing. */
  readonly isEnded: boolean;
  /** Whether the scans state every bit of every coefficient. */
  readonly isComplete: boolean;
}

/** Maximum number of scans of a JPEG. Each scan goes over all pixels; encoders write 10. */
export const MAX_SCANS = 100;

/** Second bytes of markers. */
const END = 0xd9;
const START_OF_SCAN = 0xda;
const ARITHMETIC_CONDITIONS = 0xcc;
const NUMBER_OF_LINES = 0xdc;
const TEMPORARY = 0x01;
const JPEG_EXTENSION = 0xc8;
const HUFFMAN_TABLES = 0xc4;

/** Segments without effect on a Huffman-coded picture whose frame states the height. */
const IDLE = [ARITHMETIC_CONDITIONS, NUMBER_OF_LINES];

/** Number of coefficients in a block. */
const COEFFICIENTS = 64;

const isRestart = (marker: number) => marker >= 0xd0 && marker <= 0xd7;

const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf &&
  ![HUFFMAN_TABLES, JPEG_EXTENSION, ARITHMETIC_CONDITIONS].includes(marker);

/** Whether a marker begins application data or a comment, which do not affect pixels. */
const isRemark = (marker: number) => marker >= 0xe0 && marker <= 0xef || marker === 0xfe;

/**
 * Whether a marker begins a segment that a decoder knows: a frame, table, scan, restart interval,
 * height or remark.
 */
const isKnown = (marker: number) =>
  isRemark(marker) || marker >= 0xc0 && marker <= 0xcf && marker !== JPEG_EXTENSION ||
  marker >= 0xda && marker <= 0xdd;

/**
 * Reads the segments and scans of a JPEG. They are copied into one array, because a hostile file
 * may have millions.
 *
 * @param jpeg The file, from its start marker on; bytes after the end marker are ignored.
 * @returns `undefined` if the JPEG has no scan, or a second start marker before its first scan.
 */
export function jpegStream(jpeg: Uint8Array): JpegStream | undefined {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  const bytes = new Uint8Array(jpeg.length);
  let length = 0;
  const keep = (from: number, to: number) => {
    bytes.set(jpeg.subarray(from, to), length);
    length += to - from;
  };
  keep(0, 2);
  let facts: Pick<JpegStream, "size" | "frame" | "precision"> = {};
  const progress = new Progress();
  let scans = 0;
  let lastScan = 0;
  let at = 2;
  /** Whether no stray byte has occurred since the first scan. */
  let isSeamless = true;
  const done = (isEnded: boolean): JpegStream | undefined => {
    if (scans === 0) return undefined;
    const { isComplete } = progress;
    return { bytes: bytes.subarray(0, length), lastScan, ...facts, scans, isEnded, isComplete };
  };
  while (true) {
    const found = nextMarker(jpeg, at);
    if (found === undefined) return done(false);
    if (scans > 0 && found.skipped) isSeamless = false;
    const { start, marker } = found;
    at = start + 2;
    if (marker === END) return done(isSeamless);
    if (marker === TEMPORARY || isRestart(marker)) continue;
    if (!isKnown(marker) || at + 2 > jpeg.length) return done(false);
    const stated = view.getUint16(at);
    // A length includes its own two bytes. For a smaller length, libjpeg continues after them.
    const end = at + Math.max(stated, 2);
    if (end > jpeg.length) return done(false);
    const segment = jpeg.subarray(start, end);
    at = end;
    if (isFrame(marker) && stated >= 8) {
      facts = {
        size: { height: view.getUint16(start + 5), width: view.getUint16(start + 7) },
        frame: marker,
        precision: jpeg[start + 4]!,
      };
      progress.begin(segment);
    }
    if (stated >= 2 && !IDLE.includes(marker)) keep(start, end);
    if (marker !== START_OF_SCAN) continue;
    scans++;
    progress.add(segment);
    lastScan = length;
    at = scanEnd(jpeg, end, keep);
  }
}

/** Finds the next marker as libjpeg does, and whether it skipped bytes other than fill bytes. */
function nextMarker(
  jpeg: Uint8Array,
  from: number,
): { start: number; marker: number; skipped: boolean } | undefined {
  for (let at = jpeg.indexOf(0xff, from); at >= 0; at = jpeg.indexOf(0xff, at)) {
    while (jpeg[at + 1] === 0xff) at++;
    const marker = jpeg[at + 1];
    if (marker === undefined) return undefined;
    if (marker !== 0) {
      const isFill = jpeg.subarray(from, at).every((byte) => byte === 0xff);
      return { start: at, marker, skipped: !isFill };
    }
    at += 2;
  }
  return undefined;
}

/**
 * Finds the end of a scan.
 *
 * @param keep Receives the data of the scan piece by piece, without fill bytes.
 */
function scanEnd(jpeg: Uint8Array, from: number, keep: (from: number, to: number) => void): number {
  let start = from;
  for (let at = jpeg.indexOf(0xff, from); at >= 0; at = jpeg.indexOf(0xff, at)) {
    let next = at + 1;
    while (jpeg[next] === 0xff) next++;
    const marker = jpeg[next];
    if (marker !== 0 && (marker === undefined || !isRestart(marker))) {
      keep(start, at);
      return at;
    }
    if (next > at + 1) {
      keep(start, at);
      start = next - 1;
    }
    at = next + 1;
  }
  keep(start, jpeg.length);
  return jpeg.length;
}

/** Tracks which bits of which coefficients the scans have stated so far. */
class Progress {
  /** Lowest stated bit of each coefficient, by component. */
  #bits = new Map<number, Uint8Array>();

  /** @param frame Segment of a frame, from its marker on. */
  begin(frame: Uint8Array): void {
    this.#bits.clear();
    for (let at = 10; at + 3 <= frame.length; at += 3) {
      this.#bits.set(frame[at]!, new Uint8Array(COEFFICIENTS).fill(255));
    }
  }

  /** @param scan Segment of a scan, from its marker on. */
  add(scan: Uint8Array): void {
    const count = scan[4] ?? 0;
    const [first = 0, last = 0, bits = 0] = scan.subarray(5 + 2 * count);
    for (let i = 0; i < count; i++) {
      this.#bits.get(scan[5 + 2 * i]!)?.fill(bits & 15, first, last + 1);
    }
  }

  get isComplete(): boolean {
    return [...this.#bits.values()].every((bits) => bits.every((bit) => bit === 0));
  }
}

/** Names a kind of JPEG that a decoder cannot read; `undefined` for a kind that it should read. */
export function unusualJpeg({ size, frame, precision }: JpegStream): string | undefined {
  if (frame === undefined) return undefined;
  if (size?.height === 0) return "a JPEG that states its height after its pixels";
  if (precision !== 8) return `a JPEG of ${precision} bits a value`;
  if (frame >= 0xc9) return "an arithmetic-coded JPEG";
  if (frame === 0xc3) return "a lossless JPEG";
  if (frame > 0xc3) return "a hierarchical JPEG";
  return undefined;
}

const END_MARKER = Uint8Array.of(0xff, END);

/** Ones, with a stuffed zero after each FF; more bits than a decoder reads ahead. */
const ONES = new Uint8Array(32).map((_, i) => i % 2 === 0 ? 0xff : 0);

/** Removes zeros at the end of a scan, which stand in place of data that were never written. */
function withoutZeros(scan: Uint8Array): Uint8Array {
  let end = scan.length;
  while (scan[end - 1] === 0 && scan[end - 2] !== 0xff) end--;
  return scan.subarray(0, end);
}

/**
 * Decodes a JPEG if all its pixels are present, whatever bytes follow them.
 *
 * If the end marker does not follow the scans, the picture is decoded twice, with different
 * continuations. A decoder that lacks bits takes them from the continuation, and the two pictures
 * differ. The second continuation consists of ones, which form no valid code and cause an error.
 *
 * @param stream The JPEG.
 * @param decode Decodes a JPEG from its start marker to its end marker.
 * @returns `undefined` if the JPEG is corrupt or lacks pixels.
 */
export async function decodeWhole<Picture extends { readonly data: ArrayLike<number> }>(
  { bytes, lastScan, isEnded, isComplete }: JpegStream,
  decode: (jpeg: Uint8Array) => Promise<Picture | undefined>,
): Promise<Picture | undefined> {
  const picture = await decode(concat([bytes, END_MARKER]));
  if (isEnded || !picture) return picture;
  if (!isComplete) return undefined;
  const other = await decode(
    concat([bytes.subarray(0, lastScan), withoutZeros(bytes.subarray(lastScan)), ONES, END_MARKER]),
  );
  for (let i = 0; i < picture.data.length; i++) {
    if (picture.data[i] !== other?.data[i]) return undefined;
  }
  return picture;
}
