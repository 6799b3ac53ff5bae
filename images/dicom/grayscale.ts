/**
 * What a DICOM header says of how values become grey.
 *
 * @module
 */

import type { DataSet } from "dicom-parser";
import type { GrayLevels, LookupTable, ValueFormat, Window } from "../gray_levels.ts";
import { PALETTE, readPalette, readTable } from "./lookup_table.ts";

/** Attributes of the header itself, or of the groups of its frame. */
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

/** What all frames share, and what each has of its own. */
const GROUPS = ["x52009229", "x52009230"];

/** What of them has a window, and what slope and intercept. */
const GRAY_GROUPS = ["x00289132", "x00289145"];

/** The attributes that are read. */
export const GRAYSCALE_TAGS: readonly string[] = [...Object.values(TAGS), ...GROUPS, ...PALETTE];

/** In an item of a sequence: what its table is for. */
const TABLE_EXPLANATION = "x00283003";

/** What else a header says of values. */
export interface StoredFormat {
  /** Bits of a value. */
  readonly bits: number;
  /** Whether values are in two's complement. */
  readonly isSigned: boolean;
  /** The photometric interpretation. */
  readonly photometric: string;
}

/** How values become grey. */
export interface Grayscale {
  /** What is done with values. */
  readonly format: Omit<ValueFormat, "bits" | "shift" | "isSigned">;
  /** Says it in words, without what may name a patient, given the values that were spread. */
  readonly describe: (spread: GrayLevels["spread"]) => string;
}

/**
 * Reads how values become grey: by slope and intercept or the modality table; then by the first VOI
 * table, else by the first window, as pydicom does it; then inverted where low values are bright.
 * Windows and tables are for greyscale alone. What is empty counts as not there.
 *
 * @param file The elements.
 * @param stored What values are.
 * @throws {TypeError} If a part of it cannot be applied; the message names no file.
 */
export function readGrayscale(file: DataSet, stored: StoredFormat): Grayscale {
  const header = new Header(file);
  const isGray = stored.photometric.startsWith("MONOCHROME");
  const modality = isGray
    ? readModality(header, stored)
    : stored.photometric === "PALETTE COLOR"
    ? paletteStep(file, stored)
    : {};
  const voi = isGray ? readVoi(header, stored, modality) : colourStep(header, stored);
  const inversion = readInversion(header, stored.photometric);
  // A window or table spreads nothing, so that padding is not left out of anything.
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

/** A part of what is done with values, and in words; neither where there is nothing to do. */
interface Step {
  readonly format?: Grayscale["format"];
  readonly text?: string;
}

/** A header, with what its frame has in groups of its own. */
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

  /** How many values an attribute has. */
  count(name: keyof typeof TAGS): number {
    return this.#place(name)?.numStringValues(TAGS[name]) ?? 0;
  }

  /** A text; empty where there is none. */
  text(name: keyof typeof TAGS, index = 0): string {
    return this.#place(name)?.string(TAGS[name], index)?.trim() ?? "";
  }

  /** The first number of an attribute. */
  decimal(name: keyof typeof TAGS, words: string): number | undefined {
    const text = this.text(name);
    if (text === "") return undefined;
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (Number.isFinite(value)) return value;
    throw new TypeError(`its ${words} is no number`);
  }

  /** The items of a sequence. */
  items(name: keyof typeof TAGS, words: string): readonly DataSet[] {
    const { items, length = 0 } = this.#place(name)?.elements[TAGS[name]] ?? {};
    if (!items && length > 0) throw new TypeError(`its ${words} is no sequence`);
    return items?.flatMap(({ dataSet }) => dataSet ?? []) ?? [];
  }
}

/** A text of the header, if it can hold nothing but a short name. */
function shown(text: string | undefined): string {
  return text && /^[A-Za-z0-9 _-]{1,64}$/.test(text) ? ` (${text})` : "";
}

const limits = ({ bits, isSigned }: StoredFormat) => {
  const low = isSigned ? -(2 ** (bits - 1)) : 0;
  return [low, low + 2 ** bits - 1];
};

/** DICOM PS3.3, C.11.1. */
function readModality(header: Header, stored: StoredFormat): Step {
  const [item] = header.items("modalityTables", "modality table");
  if (item) {
    const [, highest = 0] = limits(stored);
    const input = { name: "modality table", isSigned: stored.isSigned, highest };
    const modalityTable = readTable(item, input);
    if (!modalityTable) throw new TypeError("its modality table has no entries");
    return { format: { modalityTable }, text: `after the modality table${nameOf(item)}` };
  }
  const slope = header.decimal("rescaleSlope", "rescale slope");
  const intercept = header.decimal("rescaleIntercept", "rescale intercept");
  if (slope === 0) throw new TypeError("its rescale slope is 0, expected any other number");
  if (slope === undefined && intercept === undefined) return {};
  // The standard has both or neither, and pydicom and dcmtk apply no half of them.
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

/** DICOM PS3.3, C.11.2. */
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

/** The first window, unless it has no width. */
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

/** A palette of greys is a table of values that are shown, whatever windows there are. */
function paletteStep(file: DataSet, { bits, isSigned }: StoredFormat): Step {
  const [, highest = 0] = limits({ bits, isSigned, photometric: "" });
  const modalityTable = readPalette(file, { name: "palette", isSigned, highest });
  return { format: { modalityTable }, text: `after the palette` };
}

/** DICOM has windows and tables for greyscale alone. */
function colourStep(header: Header, { photometric }: StoredFormat): Step {
  const isWindowed = header.count("windowCenter") > 0 ||
    header.items("tables", "VOI table").length > 0;
  return isWindowed ? { text: `window not applied to ${photometric}` } : {};
}

/** DICOM PS3.3, C.7.6.3.1.2 and C.11.6; in a presentation low values are bright or dark at last. */
function readInversion(header: Header, photometric: string): Step {
  if (header.items("presentationTables", "presentation table").length > 0) {
    throw new TypeError("its grey goes through a presentation table, which is not supported");
  }
  const shape = header.text("presentationShape").toUpperCase();
  if (!["", "IDENTITY", "INVERSE"].includes(shape)) {
    throw new TypeError(
      `its presentation shape is unknown${shown(shape)}, expected IDENTITY or INVERSE`,
    );
  }
  const isInverse = photometric === "MONOCHROME1";
  if (isInverse && shape === "IDENTITY") {
    throw new TypeError(
      "low values are bright by its MONOCHROME1 and dark by its presentation shape IDENTITY",
    );
  }
  if (isInverse) return { format: { isInverted: true }, text: "inverted (MONOCHROME1)" };
  if (shape !== "INVERSE") return {};
  return { format: { isInverted: true }, text: "inverted (presentation shape INVERSE)" };
}

/** DICOM PS3.3, C.7.5.1.1.2: one value, or all from one to another. */
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
