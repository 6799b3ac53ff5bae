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
   * The window.
   *
   * @default {None: grey is spread over the values that occur}
   */
  readonly window?: Window;
  /**
   * Whether low values are bright, as in MONOCHROME1.
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
}

/**
 * Grey levels 0..255 of stored values, as DICOM's grayscale pipeline makes
 * them: rescale, window, and inversion where low values are bright.
 *
 * Without a window they are (x - min) / (max - min) * 255, cut to whole
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
): Uint8Array {
  const { bits, shift = 0, isSigned, slope = 1, intercept = 0, padding } = format;
  const count = 2 ** bits;
  const mask = count - 1;
  const value = (pattern: number) =>
    (isSigned && pattern >= count / 2 ? pattern - count : pattern) * slope + intercept;
  const isThere = new Uint8Array(count);
  for (const word of stored) isThere[word >> shift & mask] = 1;
  if (padding !== undefined) isThere[padding & mask] = 0;
  const level = format.window ? windowLevel(format.window) : rangeLevel(isThere, value);
  const levels = Uint8Array.from({ length: count }, (_, pattern) => {
    const gray = level(value(pattern));
    return format.isInverted ? 255 - gray : gray;
  });
  const gray = new Uint8Array(stored.length);
  for (let i = 0; i < gray.length; i++) gray[i] = levels[stored[i]! >> shift & mask]!;
  return gray;
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

/** Spreads the values that occur. */
function rangeLevel(isThere: Uint8Array, value: Level): Level {
  const first = isThere.indexOf(1);
  if (first < 0) return () => 0;
  let [low, high] = [Infinity, -Infinity];
  for (let pattern = first; pattern < isThere.length; pattern++) {
    if (!isThere[pattern]) continue;
    low = Math.min(low, value(pattern));
    high = Math.max(high, value(pattern));
  }
  if (high === low) return () => 0;
  return (x) => Math.trunc(255 * Math.min(Math.max(x - low, 0), high - low) / (high - low));
}
