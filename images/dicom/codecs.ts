/**
 * Loads the decoders of dcmjs-codecs, which are 4 MB of WebAssembly. The package's JavaScript is
 * not used: it loads all of dcmjs, and finds the decoders by `eval`, which a page limited to its
 * own scripts refuses.
 *
 * @module
 */

import { type WasmExports, WasmLibrary } from "../decoders/wasm_library.ts";
import type { FrameFormat } from "./frame_format.ts";

/** Decoder of a frame, by its name in dcmjs-codecs. */
export type Codec =
  | "DecodeRle"
  | "DecodeJpeg"
  | "DecodeJpegLs"
  | "DecodeJpeg2000"
  | "DecodeHtJpeg2000";

/** Used exports of `dcmjs-native-codecs.wasm`; a decoder throws if the frame is corrupt. */
interface Codecs extends WasmExports, Record<Codec, (context: number, parameters: number) => void> {
  CreateCodecsContext(): number;
  ReleaseCodecsContext(context: number): void;
  CreateDecoderParameters(): number;
  ReleaseDecoderParameters(parameters: number): void;
  SetConvertColorspaceToRgb(parameters: number, isConverted: number): void;
  SetColumns(context: number, columns: number): void;
  SetRows(context: number, rows: number): void;
  SetBitsAllocated(context: number, bits: number): void;
  SetBitsStored(context: number, bits: number): void;
  SetSamplesPerPixel(context: number, samples: number): void;
  SetPixelRepresentation(context: number, isSigned: number): void;
  SetPlanarConfiguration(context: number, isPlanar: number): void;
  SetPhotometricInterpretation(context: number, index: number): void;
  /** Reserves memory for a frame. */
  SetEncodedBufferSize(context: number, length: number): void;
  /** Address of the memory reserved for a frame. */
  GetEncodedBuffer(context: number): number;
  GetDecodedBufferSize(context: number): number;
  GetDecodedBuffer(context: number): number;
}

/** Index of MONOCHROME2 among the photometric interpretations of dcmjs-codecs. */
const MONOCHROME2 = 1;
/** Index of RGB among them. */
const RGB = 3;

const CODECS = new WasmLibrary<Codecs>(
  "dcmjs-codecs/build/dcmjs-native-codecs.wasm",
  (memory) => {
    const view = () => new DataView(memory().buffer);
    const refuse = () => {
      throw new Error("the frame is corrupt");
    };
    const done = () => 0;
    return {
      env: {
        onCodecsException: refuse,
        onCodecsInfo() {},
        onCodecsTrace() {},
        emscripten_notify_memory_growth() {},
      },
      // Stands in for the system that C programs expect: no variables, no clock, output dropped.
      wasi_snapshot_preview1: {
        proc_exit: refuse,
        clock_time_get: refuse,
        environ_sizes_get(count: number, length: number) {
          view().setUint32(count, 0, true);
          view().setUint32(length, 0, true);
          return 0;
        },
        environ_get: done,
        fd_write(_: number, parts: number, count: number, written: number) {
          let length = 0;
          for (let i = 0; i < count; i++) length += view().getUint32(parts + 8 * i + 4, true);
          view().setUint32(written, length, true);
          return 0;
        },
        fd_seek: done,
        fd_close: done,
      },
    };
  },
);

/**
 * Decompresses a frame without any conversion of colours. The values of a pixel stand side by
 * side, except in JPEG-LS with one scan per channel.
 *
 * @param frame The frame.
 * @param codec Decoder of the frame.
 * @param format Format of the values.
 * @param samples Values per pixel.
 * @returns Stored values, with 16 bits in little endian; `undefined` if the frame is corrupt.
 * @throws {Error} If the decoders cannot be loaded.
 */
export function decompress(
  frame: Uint8Array,
  codec: Codec,
  { width, height, bitsAllocated, bitsStored, isSigned }: FrameFormat,
  samples = 1,
): Promise<Uint8Array | undefined> {
  return CODECS.use((library) => {
    const context = library.CreateCodecsContext();
    library.SetColumns(context, width);
    library.SetRows(context, height);
    library.SetBitsAllocated(context, bitsAllocated);
    library.SetBitsStored(context, bitsStored);
    library.SetSamplesPerPixel(context, samples);
    library.SetPixelRepresentation(context, isSigned ? 1 : 0);
    library.SetPlanarConfiguration(context, 0);
    library.SetPhotometricInterpretation(context, samples === 1 ? MONOCHROME2 : RGB);
    library.SetEncodedBufferSize(context, frame.length);
    const room = library.GetEncodedBuffer(context);
    new Uint8Array(library.memory.buffer, room, frame.length).set(frame);

    const parameters = library.CreateDecoderParameters();
    library.SetConvertColorspaceToRgb(parameters, 0);
    library[codec](context, parameters);
    library.ReleaseDecoderParameters(parameters);

    const start = library.GetDecodedBuffer(context);
    const length = library.GetDecodedBufferSize(context);
    const values = new Uint8Array(library.memory.buffer, start, length).slice();
    library.ReleaseCodecsContext(context);
    return values;
  });
}
