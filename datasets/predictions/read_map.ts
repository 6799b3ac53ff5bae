import { InputRangeError, InputSyntaxError, InputTypeError } from "../../base/errors.ts";
import { quote } from "../../base/text.ts";
import { COLOR_TYPE, pngPixels } from "../../images/decoders/png_pixels.ts";
import { sizeOf, visitRows } from "../../images/decoders/png_rows.ts";
import { imageHeader } from "../../images/image_header.ts";
import { MAX_PIXELS, MAX_SHOWN_PATH, readImage } from "../../images/read_image.ts";
import { isNifti, readNifti } from "./nifti.ts";
import { isNpy, isZip, readNpy, readNpz } from "./npy.ts";
import type { NumericMap } from "./numeric_map.ts";

/** PNG's colour type of grey without alpha. */
const GRAY = 0;

/**
 * Reads a map from a `.npy`, a `.npz`, a grey PNG of 1 to 16 bits or a NIfTI-1. The content of the
 * file decides, not its name.
 *
 * @param array Name of the array in a `.npz`; other files have none.
 * @returns The map in the scale of its file: a PNG of 16 bits has 0..65535.
 * @throws {Error} If the file cannot be read; the message names the path.
 * @throws {SyntaxError} If the file is damaged.
 * @throws {TypeError} If the file is of another kind, or holds anything but a map of numbers.
 * @throws {RangeError} If the file has more than 256 MiB, or the map more than 33 million values.
 */
export async function readMap(path: string, array?: string): Promise<NumericMap> {
  const name = `heatmap ${quote(path, MAX_SHOWN_PATH)}`;
  const bytes = await readImage(path, "heatmap");
  if (isZip(bytes)) return await readNpz(bytes, name, array);
  if (array !== undefined) {
    throw new InputTypeError(
      `Cannot read ${name}: expected a .npz with the array ${quote(array, 40)}`,
    );
  }
  if (isNpy(bytes)) return readNpy(bytes, name);
  if (isNifti(bytes)) return readNifti(bytes, name);
  if (imageHeader(bytes)?.format === "PNG") return readPng(bytes, name);
  throw new InputTypeError(`Cannot read ${name}: expected a .npy, .npz, grey PNG or NIfTI file`);
}

function readPng(png: Uint8Array, name: string): NumericMap {
  const { size } = imageHeader(png)!;
  if (size && size.width * size.height > MAX_PIXELS) {
    throw new InputRangeError(
      `Cannot read ${name}: ${size.width}x${size.height} pixels are more than ${MAX_PIXELS}`,
    );
  }
  const found = pngPixels(png);
  if (found && found.header[COLOR_TYPE] !== GRAY) {
    throw new InputTypeError(`Cannot read ${name}: expected a grey PNG, found colours or alpha`);
  }
  const { width, height } = found ? sizeOf(found.header) : { width: 0, height: 0 };
  const values = new Float64Array(width * height);
  const isRead = found && visitRows(found, (samples, at, distance) => {
    for (const sample of samples) {
      values[at] = sample;
      at += distance;
    }
  });
  if (isRead) return { width, height, values };
  throw new InputSyntaxError(`Cannot read ${name}: the PNG file is truncated or corrupt`);
}
