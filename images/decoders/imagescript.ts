/**
 * Loads the WebAssembly decoders of imagescript. The package's JavaScript is not used, because it
 * reads files as in Node and expands one channel to four.
 *
 * @module
 */

import type { GrayImage, Size } from "../../base/geometry.ts";
import { type WasmExports, WasmLibrary } from "./wasm_library.ts";

interface PngExports extends WasmExports {
  walloc(length: number): number;
  wfree(start: number): void;
  /** Decodes a file; gives the address of the RGBA pixels, negative if the file is corrupt. */
  decode(file: number, length: number): number;
  width(): number;
  height(): number;
}

interface JpegExports extends WasmExports {
  walloc(length: number): number;
  /**
   * Decodes a file, scales the picture unless the size is 0, and frees the file. Gives the handle
   * of the picture, or one of {@linkcode JPEG_FAILURES} if the file is corrupt.
   */
  decode(file: number, length: number, width: number, height: number): number;
  decode_width(picture: number): number;
  decode_height(picture: number): number;
  decode_format(picture: number): number;
  /** Address of the pixels; afterwards `wlen` gives their number of bytes. */
  decode_buffer(picture: number): number;
  wlen(): number;
  decode_free(picture: number): void;
}

const PNG = new WasmLibrary<PngExports>("imagescript/wasm/any/png.wasm", () => ({
  env: { emscripten_notify_memory_growth() {} },
}));

const JPEG = new WasmLibrary<JpegExports>("imagescript/wasm/any/jpeg.wasm");

/** Results of the JPEG decoder that stand for a corrupt file. */
const JPEG_FAILURES = [0, 1];

/** Channels of a JPEG by the decoder's number of its format: grey, RGB, CMYK. */
const JPEG_CHANNELS = [1, 3, 4];

const CMYK = 2;

/**
 * Decodes the first channel of a PNG with at most 8 bits per channel.
 *
 * @param png The file; the caller has checked the size in its header.
 * @returns `undefined` if the file is corrupt.
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
 * Decodes the first channel of a JPEG; a JPEG in CMYK is converted to red.
 *
 * @param jpeg The file; the caller has checked the size in its header.
 * @returns `undefined` if the file is corrupt.
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

/** Copies a file into a decoder's memory and gives its address. */
function place(file: Uint8Array, { walloc, memory }: PngExports | JpegExports): number {
  const start = walloc(file.length);
  new Uint8Array(memory.buffer, start, file.length).set(file);
  return start;
}

/** Extracts the first channel; `undefined` if pixels are missing. */
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

/** Converts CMYK to red, which cyan and black reduce, rounded to the nearest level. */
function red(pixels: Uint8Array, { width, height }: Size): GrayImage | undefined {
  const levels = new Uint8ClampedArray(width * height);
  if (pixels.length < 4 * levels.length) return undefined;
  for (let i = 0; i < levels.length; i++) {
    levels[i] = 255 * (1 - pixels[4 * i]! / 255) * (1 - pixels[4 * i + 3]! / 255);
  }
  return { data: new Uint8Array(levels.buffer), width, height };
}
