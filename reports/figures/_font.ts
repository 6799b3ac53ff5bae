/**
 * Reads the letters of a TrueType font and their widths, to break lines. The renderer does not tell
 * widths, and silently omits letters that the font lacks.
 *
 * @module
 */

/** Letters of a font. */
export interface FontFacts {
  /** Width of a letter as a share of the font size; `undefined` if the font lacks the letter. */
  width(codePoint: number): number | undefined;
}

/**
 * Reads the letters of a font.
 *
 * @see https://learn.microsoft.com/typography/opentype/spec/
 * @param bytes Content of a TrueType file.
 * @throws {RangeError} If the font has no `cmap` table of format 12, which covers all of Unicode.
 */
export function readFont(bytes: Uint8Array): FontFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tables = new Map<string, number>();
  for (let i = 0; i < view.getUint16(4); i++) {
    const entry = 12 + 16 * i;
    tables.set(String.fromCharCode(...bytes.subarray(entry, entry + 4)), view.getUint32(entry + 8));
  }
  const [cmap, head, hhea, hmtx] = ["cmap", "head", "hhea", "hmtx"].map((tag) => tables.get(tag)!);
  const groups = findGroups(view, cmap!);
  const unitsPerEm = view.getUint16(head! + 18);
  const metrics = view.getUint16(hhea! + 34);
  return {
    width(codePoint) {
      const count = view.getUint32(groups - 4);
      for (let i = 0, at = groups; i < count; i++, at += 12) {
        const [first, last] = [view.getUint32(at), view.getUint32(at + 4)];
        if (codePoint < first || codePoint > last) continue;
        const glyph = view.getUint32(at + 8) + codePoint - first;
        // `hmtx` ends with the last distinct width: all later glyphs share this width.
        return view.getUint16(hmtx! + 4 * Math.min(glyph, metrics - 1)) / unitsPerEm;
      }
      return undefined;
    },
  };
}

/** Position of the first group of letters in the `cmap` table of format 12, in bytes. */
function findGroups(view: DataView, cmap: number): number {
  for (let i = 0; i < view.getUint16(cmap + 2); i++) {
    const table = cmap + view.getUint32(cmap + 4 + 8 * i + 4);
    if (view.getUint16(table) === 12) return table + 16;
  }
  throw new RangeError("Cannot read a font: it has no table of all of Unicode");
}
