import {
  BugError,
  InputRangeError,
  InputSyntaxError,
  InputTypeError,
  isInputError,
} from "../../base/errors.ts";
import type { CenterCrop } from "../../base/geometry.ts";
import { isObject } from "../../base/json.ts";
import { folderOf, resolve, stat } from "../../base/paths.ts";
import { requireColumns, streamCsv } from "../csv.ts";
import { jsonLines, parseJson } from "../json.ts";
import type { DatasetItem } from "../sample.ts";
import { show } from "../show.ts";
import { notText, withTextFault } from "../text.ts";
import { readList } from "./_read_list.ts";
import { requireNames } from "./read_predictions.ts";
import { asPath, SampleFinder } from "./sample_finder.ts";

/**
 * Part of its image that a map covers: `original`, a value for each pixel; `square`, the whole image
 * resized to a square; or a central crop after resizing.
 */
export type MapCover = "original" | "square" | CenterCrop;

/** Forms of a {@linkcode MapCover} in words. */
export const COVERS = "original, square or crop:SIDE/RESIZED such as crop:480/512";

/** Longest side after resizing, in pixels; that of a heatmap in a run's file. */
const MAX_SIDE = 8192;

/** Endings of a list's name. */
const LIST = /\.(csv|tsv|txt|jsonl|ndjson|json)$/i;

/** A row of the list. */
export interface ListedMap {
  /** Place of the row in the file. */
  readonly where: string;
  /** The image, as the file names it. */
  readonly image: string;
  readonly phrase: string;
  /** Id of the sample; absent if image and phrase alone name it. */
  readonly id?: string;
  /** Path of the map's file below the list's folder. */
  readonly file: string;
  /** Name of the array in a `.npz`, if stated. */
  readonly array?: string;
  /** Part of the image that the map covers. */
  readonly covers?: MapCover;
  /** Reason why the row cannot be read. */
  readonly fault?: string;
}

/** A list of heatmaps. */
export interface MapList {
  /** Path of the list. */
  readonly path: string;
  /** Folder of the list, from which the paths of maps begin. */
  readonly folder: string;
  /** SHA-256 of the list, in hexadecimal. */
  readonly sha256: string;
  /** The rows, which can be read once. */
  readonly rows: Iterable<ListedMap>;
}

/**
 * Opens a list of heatmaps: a CSV with the columns `image, phrase, file`, or JSON lines or a JSON
 * list with these keys. `id` may name the sample, `covers` the part of the image, and `array` an
 * array of a `.npz`. An unreadable row has a fault.
 *
 * @param place The list, or a folder that holds exactly one.
 * @param covers Part of the image that a map covers, if its row does not say so.
 * @throws {Deno.errors.NotFound} If the folder holds no list, or the file does not exist.
 * @throws {SyntaxError} If the list is malformed, lacks a column, or says nowhere what maps cover.
 * @throws {RangeError} If the folder holds several lists, or the list is larger than 256 MiB.
 * @throws {TypeError} If the list is not a regular file.
 */
export async function openMapList(place: string, covers?: MapCover): Promise<MapList> {
  const path = await findList(place);
  const { text, isBroken, sha256 } = await readList(path, "heatmaps");
  const isJson = /^\s*[{[]/.test(text);
  if (isJson && !covers && !/"covers"\s*:/.test(text)) throw unstated(path);
  const rows = isJson ? jsonRows(path, text, covers) : csvRows(path, text, isBroken, covers);
  return { path, folder: folderOf(path), sha256, rows: isBroken ? rows.map(withTextFault) : rows };
}

/**
 * Reads a {@linkcode MapCover}.
 *
 * @throws {RangeError} If the text is none.
 */
export function parseCover(text: string): MapCover {
  const name = text.trim();
  if (name === "original" || name === "square") return name;
  const [crop, resized] = /^crop:(\d{1,4})\/(\d{1,4})$/.exec(name)?.slice(1).map(Number) ?? [];
  if (crop && resized && crop <= resized && resized <= MAX_SIDE) return { crop, resized };
  throw new InputRangeError(`expected covers as ${COVERS}, found "${show(text)}"`);
}

async function findList(place: string): Promise<string> {
  if (!(await stat(place))?.isDirectory) return place;
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(place)) {
    if (!isDirectory && !name.startsWith(".") && LIST.test(name)) found.push(name);
  }
  const [first, second] = found.sort();
  if (first !== undefined && second === undefined) return resolve(place, first);
  if (first === undefined) {
    throw new Deno.errors.NotFound(
      `Cannot read heatmaps from "${place}": expected a CSV or JSON lines in it that name image, ` +
        "phrase and file",
    );
  }
  throw new InputRangeError(
    `Cannot read heatmaps from "${place}": both "${show(first)}" and "${
      show(second)
    }" may be the ` +
      "list; give its path",
  );
}

function csvRows(
  path: string,
  text: string,
  isBroken: boolean,
  covers: MapCover | undefined,
): IteratorObject<ListedMap> {
  const { records, ...table } = streamCsv(path, text);
  if (isBroken && !table.has("image")) throw notText(path);
  requireColumns(path, table, ["image", "phrase", "file"]);
  if (!covers && !table.has("covers")) throw unstated(path);
  return Iterator.from(records).map(({ line, get, fault }) => {
    const names = ["image", "phrase", "file", "id", "covers", "array"] as const;
    const cells = Object.fromEntries(names.map((name) => [name, get(name)]));
    return toRow(`line ${line}`, cells, covers, fault);
  });
}

function* jsonRows(
  path: string,
  text: string,
  covers: MapCover | undefined,
): Generator<ListedMap, undefined> {
  if (/^\s*\[/.test(text)) {
    for (const [i, entry] of (parseJson(path, text) as unknown[]).entries()) {
      yield toEntry(`entry ${i + 1}`, entry, covers);
    }
    return;
  }
  for (const { line, value } of jsonLines(text)) yield toEntry(`line ${line}`, value, covers);
}

function toEntry(where: string, entry: unknown, covers: MapCover | undefined): ListedMap {
  if (isObject(entry)) return toRow(where, entry, covers);
  return toRow(where, {}, covers, `expected {image, phrase, file, covers}, found ${show(entry)}`);
}

function toRow(
  where: string,
  cells: Readonly<Record<string, unknown>>,
  covers: MapCover | undefined,
  fault?: string,
): ListedMap {
  const [image, phrase, file] = (["image", "phrase", "file"] as const).map((name) =>
    typeof cells[name] === "string" ? cells[name] : ""
  ) as [string, string, string];
  const names = { where, image, phrase, file };
  try {
    if (fault) throw new InputSyntaxError(fault);
    requireNames({ image: cells.image, phrase: cells.phrase, file: cells.file });
    const [id, stated, array] = (["id", "covers", "array"] as const).map((name) => {
      const cell = cells[name] ?? "";
      if (typeof cell === "string" || typeof cell === "number") {
        return `${cell}`.trim() || undefined;
      }
      throw new InputTypeError(`expected text as ${name}, found ${show(cell)}`);
    });
    const cover = stated === undefined ? covers : parseCover(stated);
    if (!cover) throw new InputSyntaxError(`it does not say what its map covers: ${COVERS}`);
    return { ...names, ...(id && { id }), ...(array && { array }), covers: cover };
  } catch (error) {
    if (!isInputError(error)) throw new BugError(`read the heatmap at ${where}`, error);
    return { ...names, fault: `${error.message} (${where})` };
  }
}

function unstated(path: string): InputSyntaxError {
  return new InputSyntaxError(
    `Cannot read "${path}": it does not say which part of an image a map covers; add a column ` +
      `covers, or give --covers: ${COVERS}`,
  );
}

/** A map of a sample. */
export interface FoundMap {
  readonly path: string;
  /** Place of its row in the list. */
  readonly where: string;
  /** Part of the image that the map covers. */
  readonly covers: MapCover;
  /** Name of the array in a `.npz`, if stated. */
  readonly array?: string;
}

/** Heatmaps by sample. */
export interface MatchedMaps {
  /** Maps by sample id. */
  readonly maps: ReadonlyMap<string, FoundMap>;
  /** Reasons why a sample's map cannot be told, by sample id. */
  readonly faults: ReadonlyMap<string, string>;
  /** Number of samples in the dataset. */
  readonly samples: number;
  /** Number of rows that match no sample. */
  readonly unmatched: number;
  /** The first such row. */
  readonly example?: ListedMap;
}

/**
 * Finds the samples of a list's rows, by the rules of {@linkcode SampleFinder.find}. The memory
 * depends on the dataset, not on the number of rows.
 *
 * @param items All items of the dataset; with fewer items, ambiguous names could go unnoticed.
 * @param root Folder that contains the images.
 * @throws {RangeError} If a name matches several images, or the list has no rows.
 */
export async function matchMaps(
  { path, folder, rows }: MapList,
  items: AsyncIterable<DatasetItem>,
  root: string,
): Promise<MatchedMaps> {
  const finder = await SampleFinder.of(path, items, root);
  const maps = new Map<string, FoundMap>();
  const faults = new Map<string, string>();
  let [count, unmatched] = [0, 0];
  let example: ListedMap | undefined;
  for (const row of rows) {
    const { where, image, phrase, id } = row;
    count++;
    const same = finder.find(image, phrase);
    const ids = id === undefined ? same : same.filter((own) => own === id);
    if (ids.length === 0) {
      unmatched++;
      example ??= row;
    }
    const found = ids.length === 0 ? undefined : locate(folder, row);
    for (const own of ids) {
      const other = maps.get(own);
      if (typeof found === "string") faults.set(own, faults.get(own) ?? found);
      else if (other) {
        faults.set(own, `two rows of the list name a heatmap for it (${other.where} and ${where})`);
      } else maps.set(own, found!);
    }
  }
  if (count === 0) throw new InputRangeError(`Cannot read "${path}": it has no heatmaps`);
  return { maps, faults, samples: finder.samples, unmatched, ...(example && { example }) };
}

/** The map of a row, or the reason for its lack. */
function locate(folder: string, row: ListedMap): FoundMap | string {
  const { where, file, covers, array, fault } = row;
  if (fault !== undefined) return fault;
  const path = asPath(file);
  const leadsOut = /^(\.\.)?(\/|$)|^[a-z]:|\0/i.test(path);
  if (leadsOut || path === ".") {
    return `expected the path of a file below the list's folder, found "${show(file)}" (${where})`;
  }
  return { path: resolve(folder, path), where, covers: covers!, ...(array && { array }) };
}
