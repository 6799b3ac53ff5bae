import { concat } from "@std/bytes/concat";
import { Inflate } from "pako";

/** Most bytes that a data set inflates to: twice an image of 33 megapixels in 16 bits. */
const MAX_INFLATED = 2 ** 27;

/** Bytes that are inflated at a time. */
const CHUNK = 2 ** 16;

/**
 * Inflates the data set of a deflated DICOM file; what is missing at its end is left out.
 *
 * @param deflated Deflate without a header, or in zlib's, as some programs write it.
 * @param name What the file is called in errors.
 * @throws {RangeError} If it inflates to more than 128 MiB.
 */
export function inflate(deflated: Uint8Array, name: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Deflate without a header never begins with 78, which would be a stored block with stray bits.
  const inflater = new Inflate({ raw: deflated[0] !== 0x78, chunkSize: CHUNK });
  inflater.onData = (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > MAX_INFLATED) {
      throw new RangeError(
        `Cannot read ${name}: its data set inflates to more than ${MAX_INFLATED} bytes`,
      );
    }
    chunks.push(chunk);
  };
  inflater.onEnd = () => {};
  inflater.push(deflated, true);
  return concat(chunks);
}
