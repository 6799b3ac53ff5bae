/**
 * The filters of PNG: each byte is stored as its difference to what those before it foretell.
 *
 * @module
 */

/**
 * Undoes the filters of rows in their place (PNG, section 9).
 *
 * @param bytes Rows, each after the byte that says its filter.
 * @param rowLength Bytes of a row without that.
 * @param pixelLength Bytes of a pixel.
 * @returns Whether every filter is known.
 */
export function unfilter(bytes: Uint8Array, rowLength: number, pixelLength: number): boolean {
  let above: Uint8Array = new Uint8Array(rowLength);
  for (let at = 0; at < bytes.length; at += 1 + rowLength) {
    const row = bytes.subarray(at + 1, at + 1 + rowLength);
    switch (bytes[at]) {
      case 0:
        break;
      case 1:
        for (let i = pixelLength; i < rowLength; i++) row[i]! += row[i - pixelLength]!;
        break;
      case 2:
        for (let i = 0; i < rowLength; i++) row[i]! += above[i]!;
        break;
      case 3:
        for (let i = 0; i < rowLength; i++) {
          const left = i < pixelLength ? 0 : row[i - pixelLength]!;
          row[i]! += (left + above[i]!) >> 1;
        }
        break;
      case 4:
        // In the first pixel the byte above is the nearest.
        for (let i = 0; i < pixelLength; i++) row[i]! += above[i]!;
        for (let i = pixelLength; i < rowLength; i++) {
          row[i]! += paeth(row[i - pixelLength]!, above[i]!, above[i - pixelLength]!);
        }
        break;
      default:
        return false;
    }
    above = row;
  }
  return true;
}

/** The one of three neighbours that is nearest to left + above - corner. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
