import type { DataSet } from "dicom-parser";
import { InputTypeError } from "../../base/errors.ts";
import type { GrayLevels, LookupTable, ValueFormat, Window } from "../gray_levels.ts";
import { PALETTE, readPalette, readTable } from "./lookup_table.ts";

/** Attributes in the header itself, or in the groups of its frame. */
const TAGS = {
  padding: "x00280120",
  paddingLimit: "x00280121",
  windowCenter: "x00281050",
  windowWidth: "x00281051",
  rescaleIntercept: "x00281052",
  rescaleSlope: "x00281053",
  windowExplanation: "x00281055",
  windowShape: "x00281056",
  modalityTables: "x00283000",
  tables: "x00283010",
  presentationTables: "x20500010",
  presentationShape: "x20500020",
} as const;

/** Tags of the groups that all frames share, and of the groups of each frame. */
const GROUPS = ["x52009229", "x52009230"];

/** Tags in the groups above: the group with a window, and the group with slope and intercept. */
const GRAY_GROUPS = ["x00289132", "x00289145"];

/** Tags of all attributes to read. */
export const GRAYSCALE_TAGS: readonly string[] = [...Object.values(TAGS), ...GROUPS, ...PALETTE];

/** Tag of a table's explanation, in an item of a sequence. */
const TABLE_EXPLANATION = "x00283003";

/** Other facts of a header about stored values. */
export interface StoredFormat {
  /** Bits per value. */
  readonly bits: number;
  /** Whether values are in two's complement. */
  readonly isSigned: boolean;
  /** The photometric interpretation. */
  readonly photometric: string;
}

/** Conversion of stored values to grey. */
export interface Grayscale {
  /** Parameters of the conversion. */
  readonly format: Omit<ValueFormat, "bits" | "shift" | "isSigned">;
  /** Describes the conversion and the range of spread values; leaves out text about a patient. */
  readonly describe: (spread: GrayLevels["spread"]) => string;
}

/**
 * Reads how values become grey. The first step is slope and intercept, or the modality table. The
 * second step is the first VOI table, or else the first window, as in pydicom. The last step is
 * inversion if low values are bright. Windows and tables apply only to greyscale. An empty
 * attribute counts as missing.
 *
 * @param file The elements.
 * @param stored Other facts of the header about the values.
 * @throws {TypeError} If a step cannot be applied; the message does not name the file.
 */
export function readGrayscale(file: DataSet, stored: StoredFormat): Grayscale {
  const header = new Header(file);
  const isGray = stored.photometric.startsWith("MONOCHROME");
  const modality = isGray
    ? readModality(header, stored)
    : stored.photometric === "PALETTE COLOR"
    ? paletteStep(file, stored)
    : {};
  const voi = isGray ? readVoi(header, stored, modality) : colorStep(header, stored);
  const inversion = readInversion(header, stored.photometric);
  // Padding matters only without a window or table, when the range of values is spread.
  const padding = voi.format ? {} : readPadding(file, stored);
  const steps = [voi, modality, padding, inversion];
  return {
    format: Object.assign({}, ...steps.map(({ format }) => format)),
    describe: (spread) => {
      const range = spread?.map((value) => Number(value.toPrecision(6))).join(" to ");
      const how = voi.text || "no window";
      const first = voi.format ? how : `${how}: ${range ? `values ${range} spread` : "no values"}`;
      return [first, ...steps.slice(1).map(({ text }) => text)].filter((text) => text).join("; ");
    },
  };
}

/** A step of the conversion as parameters and in words; either may be absent. */
interface Step {
  readonly format?: Grayscale["format"];
  readonly text?: string;
}

/** Looks up attributes in a header, and then in the groups of its frame. */
class Header {
  readonly #places: readonly DataSet[];

  constructor(file: DataSet) {
    const inside = (places: readonly DataSet[], tags: readonly string[]) =>
      places.flatMap((place) =>
        tags.flatMap((tag) => place.elements[tag]?.items?.[0]?.dataSet ?? [])
      );
    this.#places = [file, ...inside(inside([file], GROUPS), GRAY_GROUPS)];
  }

  #place(name: keyof typeof TAGS): DataSet | undefined {
    return this.#places.find(({ elements }) => (elements[TAGS[name]]?.length ?? 0) > 0);
  }

  /** Number of values of an attribute. */
  count(name: keyof typeof TAGS): number {
    return this.#place(name)?.numStringValues(TAGS[name]) ?? 0;
  }

  /** A text of an attribute; empty if it is missing. */
  text(name: keyof typeof TAGS, index = 0): string {
    return this.#place(name)?.string(TAGS[name], index)?.trim() ?? "";
  }

  /** The first number of an attribute; `undefined` if it is missing. */
  decimal(name: keyof typeof TAGS, words: string): number | undefined {
    const text = this.text(name);
    if (text === "") return undefined;
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (Number.isFinite(value)) return value;
    throw new InputTypeError(`its ${words} is no number`);
  }

  /** The items of a sequence; empty if it is missing. */
  items(name: keyof typeof TAGS, words: string): readonly DataSet[] {
    const { items, length = 0 } = this.#place(name)?.elements[TAGS[name]] ?? {};
    if (!items && length > 0) throw new InputTypeError(`its ${words} is no sequence`);
    return items?.flatMap(({ dataSet }) => dataSet ?? []) ?? [];
  }
}

/** A text of the header in brackets; empty if it does not look like a short name. */
function shown(text: string | undefined): string {
  return text && /^[A-Za-z0-9 _-]{1,64}$/.test(text) ? ` (${text})` : "";
}

const limits = ({ bits, isSigned }: StoredFormat) => {
  const low = isSigned ? -(2 ** (bits - 1)) : 0;
  return [low, low + 2 ** bits - 1] as const;
};

/** Reads slope and intercept or the modality table: DICOM PS3.3, C.11.1. */
function readModality(header: Header, stored: StoredFormat): Step {
  const [item] = header.items("modalityTables", "modality table");
  if (item) {
    const [, highest] = limits(stored);
    const input = { name: "modality table", isSigned: stored.isSigned, highest };
    const modalityTable = readTable(item, input);
    if (!modalityTable) throw new InputTypeError("its modality table has no entries");
    return { format: { modalityTable }, text: `after the modality table${nameOf(item)}` };
  }
  const slope = header.decimal("rescaleSlope", "rescale slope");
  const intercept = header.decimal("rescaleIntercept", "rescale intercept");
  if (slope === 0) throw new InputTypeError("its rescale slope is 0, expected any other number");
  if (slope === undefined && intercept === undefined) return {};
  // The standard requires both or neither; pydicom and dcmtk ignore one without the other.
  if (slope === undefined) return { text: "rescale intercept without a slope not applied" };
  if (intercept === undefined) return { text: "rescale slope without an intercept not applied" };
  const isIdle = slope === 1 && intercept === 0;
  return {
    format: { slope, intercept },
    ...(!isIdle && { text: `after rescale slope ${slope}, intercept ${intercept}` }),
  };
}

function nameOf(item: DataSet): string {
  return shown(item.string(TABLE_EXPLANATION, 0)?.trim());
}

function describeTable({ entries, first, bits }: LookupTable): string {
  return `${entries.length} entries of ${bits} bits from ${first}`;
}

/** Reads the VOI table or window: DICOM PS3.3, C.11.2. */
function readVoi(header: Header, stored: StoredFormat, modality: Step): Step {
  const items = header.items("tables", "VOI table");
  const [item] = items;
  const windows = header.count("windowCenter");
  const aside = windows > 0 ? `, before ${windows} window${windows > 1 ? "s" : ""}` : "";
  const { slope = 1, intercept = 0, modalityTable } = modality.format ?? {};
  const highest = modalityTable
    ? 2 ** modalityTable.bits - 1
    : Math.max(...limits(stored).map((value) => value * slope + intercept));
  const input = { name: "VOI table", isSigned: stored.isSigned, highest };
  const table = item && readTable(item, input);
  if (table) {
    const text = `VOI table 1 of ${items.length}${nameOf(item)}: ${describeTable(table)}${aside}`;
    return { format: { table }, text };
  }
  const window = readWindow(header, windows);
  return item
    ? { ...window, text: `VOI table without entries; ${window.text ?? "no window"}` }
    : window;
}

/** Reads the first window; a window without a centre or a usable width is not applied. */
function readWindow(header: Header, count: number): Step {
  const center = header.decimal("windowCenter", "window centre");
  const width = header.decimal("windowWidth", "window width");
  if (center === undefined && width === undefined) return {};
  if (center === undefined) return { text: "window without a centre not applied" };
  if (width === undefined) return { text: "window without a width not applied" };
  const stated = header.text("windowShape").toUpperCase();
  const shape = stated === "SIGMOID" || stated === "LINEAR_EXACT" ? stated : "LINEAR";
  if (width <= 0 || shape === "LINEAR" && width < 1) {
    return { text: `window of width ${width} not applied` };
  }
  const window: Window = { center, width, shape };
  const isKnown = stated === "" || stated === shape;
  const form = !isKnown ? ", unknown form taken as LINEAR" : shape === "LINEAR" ? "" : `, ${shape}`;
  const name = shown(header.text("windowExplanation"));
  const text = `window 1 of ${count}: centre ${center}, width ${width}${form}${name}`;
  return { format: { window }, text };
}

/** Reads a palette of greys, which serves as the modality table; windows do not apply to it. */
function paletteStep(file: DataSet, stored: StoredFormat): Step {
  const [, highest] = limits(stored);
  const input = { name: "palette", isSigned: stored.isSigned, highest };
  return { format: { modalityTable: readPalette(file, input) }, text: "after the palette" };
}

/** Notes that windows and tables are not applied: DICOM defines them only for greyscale. */
function colorStep(header: Header, { photometric }: StoredFormat): Step {
  const isWindowed = header.count("windowCenter") > 0 ||
    header.items("tables", "VOI table").length > 0;
  return isWindowed ? { text: `window not applied to ${photometric}` } : {};
}

/**
 * Reads whether low values are bright: DICOM PS3.3, C.7.6.3.1.2 and C.11.6. A presentation shape
 * states it for the final picture.
 */
function readInversion(header: Header, photometric: string): Step {
  if (header.items("presentationTables", "presentation table").length > 0) {
    throw new InputTypeError("its grey goes through a presentation table, which is not supported");
  }
  const shape = header.text("presentationShape").toUpperCase();
  if (!["", "IDENTITY", "INVERSE"].includes(shape)) {
    throw new InputTypeError(
      `its presentation shape is unknown${shown(shape)}, expected IDENTITY or INVERSE`,
    );
  }
  const isInverse = photometric === "MONOCHROME1";
  if (isInverse && shape === "IDENTITY") {
    throw new InputTypeError(
      "low values are bright by its MONOCHROME1 and dark by its presentation shape IDENTITY",
    );
  }
  if (isInverse) return { format: { isInverted: true }, text: "inverted (MONOCHROME1)" };
  if (shape !== "INVERSE") return {};
  return { format: { isInverted: true }, text: "inverted (presentation shape INVERSE)" };
}

/** Reads the padding, one value or a range of values: DICOM PS3.3, C.7.5.1.1.2. */
function readPadding(file: DataSet, { bits, isSigned }: StoredFormat): Step {
  const padding = file.uint16(TAGS.padding);
  const paddingLimit = file.uint16(TAGS.paddingLimit);
  if (padding === undefined) return {};
  const mask = 2 ** bits - 1;
  const value = (pattern: number) => {
    const part = pattern & mask;
    return isSigned && part > mask >> 1 ? part - mask - 1 : part;
  };
  if (paddingLimit === undefined) {
    return { format: { padding }, text: `padding ${value(padding)} left out` };
  }
  const ends = [value(padding), value(paddingLimit)].sort((a, b) => a - b);
  return { format: { padding, paddingLimit }, text: `padding ${ends.join(" to ")} left out` };
}
