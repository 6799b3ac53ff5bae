/**
 * The decoders of imagescript, which are WebAssembly: its own JavaScript around them reads files as
 * Node does, and makes four channels of what has one.
 *
 * @module
 */

import type { GrayImage, Size } from "../../base/geometry.ts";
import { type WasmExports, WasmLibrary } from "./wasm_library.ts";

/** What `png.wasm` exports. */
interface PngExports extends WasmExports {
  walloc(length: number): number;
  wfree(start: number): void;
  /** Where the RGBA pixels are; negative if the file is corrupt. */
  decode(file: number, length: number): number;
  width(): number;
  height(): number;
}

/** What `jpeg.wasm` exports. */
interface JpegExports extends WasmExports {
  walloc(length: number): number;
  /**
   * The picture, scaled to a size unless it is 0; {@linkcode JPEG_FAILURES} if it is corrupt. Frees
   * the file.
   */
  decode(file: number, length: number, width: number, height: number): number;
  decode_width(picture: number): number;
  decode_height(picture: number): number;
  decode_format(picture: number): number;
  /** Where the pixels are; how many bytes, `wlen` says then. */
  decode_buffer(picture: number): number;
  wlen(): number;
  decode_free(picture: number): void;
}

const PNG = new WasmLibrary<PngExports>("imagescript/wasm/any/png.wasm", () => ({
  env: { emscripten_notify_memory_growth() {} },
}));

const JPEG = new WasmLibrary<JpegExports>("imagescript/wasm/any/jpeg.wasm");

const JPEG_FAILURES = [0, 1];

/** Channels of a JPEG by what the decoder calls its format: grey, RGB, CMYK. */
const JPEG_CHANNELS = [1, 3, 4];

const CMYK = 2;

/**
 * The first channel of a PNG of at most 8 bits.
 *
 * @param png The file, of a size that its header was asked for.
 * @returns `undefined` if it is corrupt.
 * @throws {Error} If the decoder cannot be loaded.
 */
export function decodePng(png: Uint8Array): Promise<GrayImage | undefined> {
  return PNG.use((library) => {
    const file = place(png, library);
    const pixels = library.decode(file, png.length);
    if (pixels < 0) return undefined;
    library.wfree(file);
    const size = { width: library.width(), height: library.height() };
    const gray = firstChannel(new Uint8Array(library.memory.buffer, pixels), size, 4);
    library.wfree(pixels);
    return gray;
  });
}

/**
 * The first channel of a JPEG, of CMYK the red that it stands for.
 *
 * @param jpeg The file, of a size that its header was asked for.
 * @returns `undefined` if it is corrupt.
 * @throws {Error} If the decoder cannot be loaded.
 */
export function decodeJpeg(jpeg: Uint8Array): Promise<GrayImage | undefined> {
  return JPEG.use((library) => {
    const picture = library.decode(place(jpeg, library), jpeg.length, 0, 0);
    if (JPEG_FAILURES.includes(picture)) return undefined;
    const size = { width: library.decode_width(picture), height: library.decode_height(picture) };
    const format = library.decode_format(picture);
    const start = library.decode_buffer(picture);
    const pixels = new Uint8Array(library.memory.buffer, start, library.wlen());
    const gray = format === CMYK
      ? red(pixels, size)
      : firstChannel(pixels, size, JPEG_CHANNELS[format]);
    library.decode_free(picture);
    return gray;
  });
}

/** Puts a file into a decoder's memory. */
function place(file: Uint8Array, { walloc, memory }: PngExports | JpegExports): number {
  const start = walloc(file.length);
  new Uint8Array(memory.buffer, start, file.length).set(file);
  return start;
}

/** Every first of some channels. */
function firstChannel(
  pixels: Uint8Array,
  { width, height }: Size,
  channels = Infinity,
): GrayImage | undefined {
  if (pixels.length < width * height * channels) return undefined;
  const data = new Uint8Array(width * height);
  for (let i = 0; i < data.length; i++) data[i] = pixels[channels * i]!;
  return { data, width, height };
}

/** The red of CMYK, of which black takes its part as well; to the nearest level. */
function red(pixels: Uint8Array, { width, height }: Size): GrayImage | undefined {
  const levels = new Uint8ClampedArray(width * height);
  if (pixels.length < 4 * levels.length) return undefined;
  for (let i = 0; i < levels.length; i++) {
    levels[i] = 255 * (1 - pixels[4 * i]! / 255) * (1 - pixels[4 * i + 3]! / 255);
  }
  return { data: new Uint8Array(levels.buffer), width, height };
}
