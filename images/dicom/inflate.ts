import { concat } from "@std/bytes/concat";
import { Inflate } from "pako";
import { InputRangeError } from "../../base/errors.ts";

/** Largest inflated data set in bytes: twice an image of 33 megapixels in 16 bits. */
const MAX_INFLATED = 2 ** 27;

/** Number of bytes to inflate at a time. */
const CHUNK = 2 ** 16;

/**
 * Inflates the data set of a deflated DICOM file; a missing end is tolerated.
 *
 * @param deflated Deflate data without a header, or with the zlib header of some programs.
 * @param name Name of the file in errors.
 * @throws {RangeError} If the data set inflates to more than 128 MiB.
 */
export function inflate(deflated: Uint8Array, name: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Deflate without a header never begins with 0x78: that is a stored block with stray bits.
  const inflater = new Inflate({ raw: deflated[0] !== 0x78, chunkSize: CHUNK });
  inflater.onData = (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > MAX_INFLATED) {
      throw new InputRangeError(
        `Cannot read ${name}: its data set inflates to more than ${MAX_INFLATED} bytes`,
      );
    }
    chunks.push(chunk);
  };
  inflater.onEnd = () => {};
  inflater.push(deflated, true);
  return concat(chunks);
}
