/**
 * From the values that an X-ray stores to 8-bit grey levels.
 *
 * @module
 */

/** A VOI window: which values are shown as grey. */
export interface Window {
  /** Its middle, in rescaled values. */
  readonly center: number;
  /** Its width, in rescaled values. */
  readonly width: number;
  /** How grey rises across it. */
  readonly shape: "LINEAR" | "LINEAR_EXACT" | "SIGMOID";
}

/** What values become, one by one. */
export interface LookupTable {
  /** The value that has the first entry; lower ones have it too. */
  readonly first: number;
  /** The entry of each value from there on; higher ones have the last. */
  readonly entries: Uint16Array;
  /** Bits of an entry, 1..16: the brightest one is `2 ** bits - 1`. */
  readonly bits: number;
}

/** What stored values mean. */
export interface ValueFormat {
  /** Bits of a value, 1..16; what is stored above them is no part of it. */
  readonly bits: number;
  /**
   * How many bits the value lies above bit 0.
   *
   * @default {0}
   */
  readonly shift?: number;
  /**
   * Whether values are in two's complement.
   *
   * @default {false}
   */
  readonly isSigned?: boolean;
  /**
   * Rescale slope.
   *
   * @default {1}
   */
  readonly slope?: number;
  /**
   * Rescale intercept.
   *
   * @default {0}
   */
  readonly intercept?: number;
  /**
   * The modality table, which stands in the place of slope and intercept.
   *
   * @default {None}
   */
  readonly modalityTable?: LookupTable;
  /**
   * The window.
   *
   * @default {None: grey is spread over the values that occur}
   */
  readonly window?: Window;
  /**
   * The VOI table, which stands in the place of a window.
   *
   * @default {None}
   */
  readonly table?: LookupTable;
  /**
   * Whether low values are bright, as in MONOCHROME1 or by an inverse presentation.
   *
   * @default {false}
   */
  readonly isInverted?: boolean;
  /**
   * The value of pixels that are no part of the picture.
   *
   * @default {None}
   */
  readonly padding?: number;
  /**
   * The other end of a range of such values, which may lie below the first.
   *
   * @default {None: padding is one value}
   */
  readonly paddingLimit?: number;
}

/** Grey levels, and how they came about. */
export interface GrayLevels {
  /** Levels 0..255. */
  readonly data: Uint8Array;
  /** The lowest and highest value that was spread; absent where a window or table was there. */
  readonly spread?: readonly [low: number, high: number];
}

/**
 * Grey levels 0..255 of stored values, as DICOM's grayscale pipeline makes
 * them: rescale or modality table, window or VOI table, and inversion where low
 * values are bright.
 *
 * Without window and table they are (x - min) / (max - min) * 255, cut to whole
 * numbers, over all values but padding. MIMIC-CXR-JPG, on which the published
 * model was trained, was made from DICOM like that, windows or not, and its
 * histogram was equalised afterwards. Here a window goes first, since it leaves
 * out the collimator and what was exposed directly, of which files that come
 * straight from a machine have more; and nothing is equalised.
 *
 * @param stored Values as stored, 8 or 16 bits each, in rows.
 * @param format What they mean.
 */
export function grayLevels(
  stored: Uint8Array | Uint16Array,
  format: ValueFormat,
): GrayLevels {
  const { bits, shift = 0, isSigned, slope = 1, intercept = 0 } = format;
  const { modalityTable, window, table } = format;
  const count = 2 ** bits;
  const mask = count - 1;
  const signed = (pattern: number) => isSigned && pattern >= count / 2 ? pattern - count : pattern;
  const value = modalityTable
    ? (pattern: number) => entryOf(modalityTable, signed(pattern))
    : (pattern: number) => signed(pattern) * slope + intercept;
  const spread = table || window ? undefined : valueRange(stored, format, signed, value);
  const level = table ? tableLevel(table) : window ? windowLevel(window) : rangeLevel(spread);
  const levels = Uint8Array.from({ length: count }, (_, pattern) => {
    const gray = level(value(pattern));
    return format.isInverted ? 255 - gray : gray;
  });
  const data = new Uint8Array(stored.length);
  for (let i = 0; i < data.length; i++) data[i] = levels[stored[i]! >> shift & mask]!;
  return { data, ...(spread && { spread }) };
}

/** From a rescaled value to a whole level 0..255. */
type Level = (value: number) => number;

/** DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3. */
function windowLevel({ center, width, shape }: Window): Level {
  const share: Level = shape === "SIGMOID"
    ? (x) => 1 / (1 + Math.exp(-4 * (x - center) / width))
    : shape === "LINEAR_EXACT"
    ? (x) => (x - center) / width + 0.5
    // A LINEAR window of width 1 is a threshold.
    : width === 1
    ? (x) => x > center - 0.5 ? 1 : 0
    : (x) => (x - (center - 0.5)) / (width - 1) + 0.5;
  return (x) => Math.round(255 * Math.min(Math.max(share(x), 0), 1));
}

/** DICOM PS3.3, C.11.1.1 and C.11.2.1.1. */
function entryOf({ first, entries }: LookupTable, value: number): number {
  return entries[Math.min(Math.max(Math.floor(value) - first, 0), entries.length - 1)]!;
}

/** Spreads what the entries of a VOI table may be, whether or not they occur. */
function tableLevel(table: LookupTable): Level {
  return (x) => Math.round(255 * entryOf(table, x) / (2 ** table.bits - 1));
}

/** The lowest and highest of the values that occur and are no padding. */
function valueRange(
  stored: Uint8Array | Uint16Array,
  { bits, shift = 0, padding, paddingLimit = padding }: ValueFormat,
  signed: Level,
  value: Level,
): [low: number, high: number] | undefined {
  const isThere = new Uint8Array(2 ** bits);
  const mask = isThere.length - 1;
  for (const word of stored) isThere[word >> shift & mask] = 1;
  const ends = [padding, paddingLimit].map((end) => end === undefined ? NaN : signed(end & mask));
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  let [low, high] = [Infinity, -Infinity];
  for (let pattern = 0; pattern < isThere.length; pattern++) {
    const isPadding = signed(pattern) >= from && signed(pattern) <= to;
    if (!isThere[pattern] || isPadding) continue;
    low = Math.min(low, value(pattern));
    high = Math.max(high, value(pattern));
  }
  return low <= high ? [low, high] : undefined;
}

/** Spreads values over all levels; values beyond the ends have theirs. */
function rangeLevel([low, high] = [0, 0]): Level {
  if (high === low) return () => 0;
  return (x) => Math.trunc(255 * Math.min(Math.max(x - low, 0), high - low) / (high - low));
}
