/**
 * What is to be known of a TrueType font to set lines in it: which letters it has, and their
 * widths. The renderer tells neither, and leaves letters out that a font lacks.
 *
 * @module
 */

/** A font's letters. */
export interface FontFacts {
  /** Width of a letter as a share of the font's size; `undefined` where the font lacks it. */
  width(codePoint: number): number | undefined;
}

/**
 * Reads a font's letters.
 *
 * @see https://learn.microsoft.com/typography/opentype/spec/
 * @throws {RangeError} If it has no table of all of Unicode, `cmap` format 12.
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
        // Glyphs after the last with a width of its own have that one's.
        return view.getUint16(hmtx! + 4 * Math.min(glyph, metrics - 1)) / unitsPerEm;
      }
      return undefined;
    },
  };
}

/** Where the groups of letters of `cmap` format 12 begin. */
function findGroups(view: DataView, cmap: number): number {
  for (let i = 0; i < view.getUint16(cmap + 2); i++) {
    const table = cmap + view.getUint32(cmap + 4 + 8 * i + 4);
    if (view.getUint16(table) === 12) return table + 16;
  }
  throw new RangeError("Cannot read a font: it has no table of all of Unicode");
}
