/**
 * Tells PNG and JPEG apart from anything else and reads their size, before a
 * decoder is given the bytes: a few bytes can claim billions of pixels.
 *
 * @module
 */

/** What the first bytes of an image file say. */
export interface ImageHeader {
  /** File format. */
  readonly format: "PNG" | "JPEG";
  /** Width and height in pixels; absent if the file ends before it says them. */
  readonly size?: { readonly width: number; readonly height: number };
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Reads the header of a PNG or JPEG file.
 *
 * @param bytes The file.
 * @returns `undefined` if it is neither.
 */
export function imageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) {
    if (bytes.length < 24) return { format: "PNG" };
    return { format: "PNG", size: { width: view.getUint32(16), height: view.getUint32(20) } };
  }
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) { // fill byte
      at++;
      continue;
    }
    // Start-of-frame markers are C0 to CF but for DHT (C4), JPG (C8) and DAC (CC).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
      return { format: "JPEG", size };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return { format: "JPEG" };
}
