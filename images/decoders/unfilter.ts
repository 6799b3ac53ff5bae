/**
 * Undoes the filters of rows in place, which store each byte as its difference from a prediction by
 * earlier bytes (PNG, section 9).
 *
 * @param bytes Rows, each after its filter byte.
 * @param rowLength Bytes per row without the filter byte.
 * @param pixelLength Bytes per pixel.
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
        // For the first pixel, the nearest neighbour is always the byte above.
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

/** Chooses the neighbour that is nearest to left + above - corner. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
