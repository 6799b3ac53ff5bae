/** A VOI window: the range of values that is shown as grey. */
export interface Window {
  /** Centre of the window, in rescaled values. */
  readonly center: number;
  /** Width of the window, in rescaled values. */
  readonly width: number;
  /** Curve by which grey rises across the window. */
  readonly shape: "LINEAR" | "LINEAR_EXACT" | "SIGMOID";
}

/** A table that replaces each value by an entry. */
export interface LookupTable {
  /** Value of the first entry; lower values get this entry too. */
  readonly first: number;
  /** Entries of the values from `first` on; higher values get the last entry. */
  readonly entries: Uint16Array;
  /** Bits of an entry, 1..16; the brightest entry is `2 ** bits - 1`. */
  readonly bits: number;
}

/** Meaning of stored values. */
export interface ValueFormat {
  /** Bits of a value, 1..16; bits stored above them are ignored. */
  readonly bits: number;
  /**
   * Number of bits below the value.
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
   * The modality table, which replaces slope and intercept.
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
   * The VOI table, which replaces the window.
   *
   * @default {None}
   */
  readonly table?: LookupTable;
  /**
   * Whether low values are bright, as in MONOCHROME1 or in an inverse presentation.
   *
   * @default {false}
   */
  readonly isInverted?: boolean;
  /**
   * Value of pixels outside the picture.
   *
   * @default {None}
   */
  readonly padding?: number;
  /**
   * Other end of a range of padding values, which may lie below `padding`.
   *
   * @default {None: padding is one value}
   */
  readonly paddingLimit?: number;
}

/** Grey levels, and the range of values that was spread over them. */
export interface GrayLevels {
  /** Levels 0..255. */
  readonly data: Uint8Array;
  /** Lowest and highest value of the spread; absent with a window or table, or without values. */
  readonly spread?: readonly [low: number, high: number];
}

/**
 * Converts stored values to grey levels 0..255 by DICOM's grayscale pipeline: rescale or modality
 * table, window or VOI table, and inversion if low values are bright.
 *
 * Without window and table, levels are (x - min) / (max - min) * 255, truncated to whole numbers.
 * Padding does not count. MIMIC-CXR-JPG, the training data of the published model, was made from
 * DICOM in this way, with or without a window. Its histograms were equalised afterwards. Here a
 * window takes precedence, because it leaves out the collimator and directly exposed areas. Files
 * straight from a machine have more of both. No histogram is equalised here.
 *
 * @param stored Values as stored, 8 or 16 bits each, row by row.
 * @param format Meaning of the values.
 */
export function grayLevels(stored: Uint8Array | Uint16Array, format: ValueFormat): GrayLevels {
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

/** Function of a rescaled value, such as its whole level 0..255. */
type Level = (value: number) => number;

/** Level of a value by a window: DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3. */
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

/** Entry of a value in a table: DICOM PS3.3, C.11.1.1 and C.11.2.1.1. */
function entryOf({ first, entries }: LookupTable, value: number): number {
  return entries[Math.min(Math.max(Math.floor(value) - first, 0), entries.length - 1)]!;
}

/** Spreads the possible entries of a VOI table over 0..255, whether or not they occur. */
function tableLevel(table: LookupTable): Level {
  return (x) => Math.round(255 * entryOf(table, x) / (2 ** table.bits - 1));
}

/** Lowest and highest value that occur, without padding; `undefined` if no value is left. */
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

/** Spreads a range of values over 0..255; values beyond an end get the level of that end. */
function rangeLevel([low, high] = [0, 0]): Level {
  if (high === low) return () => 0;
  return (x) => Math.trunc(255 * Math.min(Math.max(x - low, 0), high - low) / (high - low));
}
