/**
 * Encodes an array as `.npy`, version 1.0, little-endian float32, row-major.
 *
 * @param data Row-major elements.
 * @param shape Size of each axis; the product of the sizes is the number of elements.
 */
export function encodeNpy(data: Float32Array, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  // Magic, version and length take 10 bytes; the header ends in a newline at a multiple of 64.
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10;
  const bytes = new Uint8Array(10 + length + data.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, length, true);
  bytes.set(new TextEncoder().encode(dictionary.padEnd(length - 1) + "\n"), 10);
  data.forEach((value, i) => view.setFloat32(10 + length + 4 * i, value, true));
  return bytes;
}
