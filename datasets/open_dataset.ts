/**
 * Opens a dataset of any layout that is known, told apart by content.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { readCsv } from "./_csv.ts";
import { folderOf, nameOf, resolve, stat } from "./_paths.ts";
import { groupRows, type ImageRoot, mergeRows, type RowGroup, show } from "./_rows.ts";
import { cocoRows, MS_CXR_COLUMNS, msCxrRows, PHANTOM_STEM, type SplitRow } from "./ms_cxr.ts";
import { plainRows } from "./plain_csv.ts";
import type { DatasetItem } from "./sample.ts";

/** Options of {@linkcode openDataset}. */
export interface OpenDatasetOptions {
  /**
   * Folder that the images' paths are below: for MS-CXR the root of
   * MIMIC-CXR-JPG, which holds `files/`.
   *
   * @default {The dataset file's own folder}
   */
  images?: string;
  /**
   * Split to read, such as `test`.
   *
   * @default {All of them}
   */
  split?: string;
  /**
   * How many samples to read at most; rows that fail do not count.
   *
   * @default {Infinity}
   */
  limit?: number;
  /**
   * One of several parts to read, by image: parts of as many images each, give
   * or take one, that together are the whole.
   *
   * @default {The whole}
   */
  shard?: Shard;
}

/** One of several parts of a dataset. */
export interface Shard {
  /** Which, from 1. */
  readonly number: number;
  /** Of how many. */
  readonly count: number;
}

/** A dataset that is ready to be read. */
export interface Dataset {
  /** What it is: MS-CXR, synthetic phantoms in the same layout, or a plain CSV. */
  readonly kind: "ms-cxr" | "phantoms" | "csv";
  /** The file that its rows are in. */
  readonly path: string;
  /** SHA-256 of that file, in hexadecimal. */
  readonly sha256: string;
  /** How many samples it yields at most; rows that fail come on top where there is a limit. */
  readonly count: number;
  /** The samples that are in it, as far as can be told before they are read. */
  readonly plan: readonly PlannedSample[];
  /** Samples, those of one image in a row, and rows that could not become one. */
  readonly items: AsyncIterable<DatasetItem>;
}

/** A sample that has not been read. */
export interface PlannedSample {
  /** Its id, if its rows turn out to be good. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index: number;
}

/** The file is held in memory whole, so its size has a bound. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Name of the release's file in its folder; the CSV goes before the JSON. */
const RELEASE = /^MS_CXR_Local_Alignment_v[\d.]+\.(csv|json)$/;

/**
 * Opens a dataset: MS-CXR as CSV or JSON (or the folder that holds it), or a
 * plain CSV of `image, phrase[, x, y, w, h]`.
 *
 * @param path File, or folder of an MS-CXR release.
 * @param options Images, split and limit.
 * @throws {Deno.errors.NotFound} If the dataset or the image folder is not there.
 * @throws {SyntaxError} If the file is malformed or lacks a column.
 * @throws {TypeError} If the path is a device, a pipe or the like.
 * @throws {RangeError} If the split is not in it, or nothing is, or it is larger than 256 MiB, or
 * the limit is below 1, or there is no such shard.
 *
 * @example Usage
 * ```ts
 * import { openDataset } from "./open_dataset.ts";
 * import { writePhantomSet } from "./phantom.ts";
 *
 * const folder = await Deno.makeTempDir(); // or the folder of MS-CXR
 * await writePhantomSet(folder, { seed: 1, images: 2 });
 * const dataset = await openDataset(folder, { split: "test" });
 * for await (const item of dataset.items) {
 *   if (item.kind === "sample") console.log(item.sample.phrase);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function openDataset(
  path: string,
  options: OpenDatasetOptions = {},
): Promise<Dataset> {
  const { split, limit = Infinity, shard } = options;
  if (limit !== Infinity && !(Number.isInteger(limit) && limit >= 1)) {
    throw new RangeError(`Cannot read ${limit} samples: expected a whole number from 1`);
  }
  const parts = shard?.count ?? 1;
  const part = (shard?.number ?? 1) - 1;
  if (!(Number.isInteger(part) && Number.isInteger(parts) && part >= 0 && part < parts)) {
    throw new RangeError(
      `Cannot read shard ${
        part + 1
      } of ${parts}: expected whole numbers, the first from 1 to the second`,
    );
  }
  const file = await findFile(path);
  const { layout, sha256, rows: all } = await readRows(file);
  if (all.length === 0) throw new RangeError(`Cannot read "${file}": it has no rows`);
  const rows = split === undefined ? all : chooseSplit(file, all, split);
  const root = await findImages(file, layout, rows, options.images);
  const groups = groupRows(rows);
  const isInShard = ({ image }: RowGroup) => image % parts === part;
  const planned = groups.slice(0, limit).filter(isInShard);
  // A limit is one on the whole: only once all before it were read is it known what is beyond.
  const items = limit === Infinity
    ? mergeRows(groups.filter(isInShard), root)
    : filterItems(take(mergeRows(groups, root), limit), (index) => isInShard(groups[index]!));
  const arePhantoms = layout === "ms-cxr" && all.every(({ stem }) => stem.startsWith(PHANTOM_STEM));
  return {
    kind: arePhantoms ? "phantoms" : layout,
    path: file,
    sha256,
    count: planned.length,
    plan: planned.map(({ id, index }) => ({ id, index })),
    items,
  };
}

async function findFile(path: string): Promise<string> {
  const info = await stat(path);
  if (!info) {
    throw new Deno.errors.NotFound(
      `Cannot read dataset "${path}": there is no such file or folder`,
    );
  }
  if (info.isFile) {
    if (info.size <= MAX_FILE_BYTES) return path;
    throw new RangeError(
      `Cannot read dataset "${path}": expected at most ${MAX_FILE_BYTES} bytes, found ${info.size}`,
    );
  }
  if (!info.isDirectory) {
    throw new TypeError(`Cannot read dataset "${path}": it is neither a file nor a folder`);
  }
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) if (RELEASE.test(name)) names.push(name);
  const csv = names.filter((name) => name.endsWith(".csv"));
  const [name, ...others] = csv.length > 0 ? csv : names;
  if (!name || others.length > 0) {
    throw new Deno.errors.NotFound(
      `Cannot read dataset "${path}": expected one MS_CXR_Local_Alignment_v….csv or .json in it, ` +
        `found ${name ? [name, ...others].sort().join(", ") : "none"}`,
    );
  }
  return resolve(path, name);
}

type Layout = "ms-cxr" | "csv";

interface ReadRows {
  readonly layout: Layout;
  readonly sha256: string;
  readonly rows: SplitRow[];
}

async function readRows(file: string): Promise<ReadRows> {
  const bytes = await Deno.readFile(file).catch((error) => {
    throw new Error(`Cannot read dataset "${file}": ${error.message}`, { cause: error });
  });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SyntaxError(`Cannot read "${file}": it is not text in UTF-8`);
  }
  if (/\.json$/i.test(file) || /^\s*[{[]/.test(text)) {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw new SyntaxError(
        `Cannot read "${file}": it is not valid JSON (${show((error as Error).message, 200)})`,
      );
    }
    return { layout: "ms-cxr", sha256, rows: cocoRows(file, json) };
  }
  const table = readCsv(file, text);
  const has = (column: string) => table.columns.includes(column);
  // MS-CXR first: someone may have added a column "image" to it.
  const isMsCxr = has("label_text") && has("path");
  if (!isMsCxr && (has("image") || has("phrase"))) {
    return { layout: "csv", sha256, rows: plainRows(file, table) };
  }
  // Two of its columns are enough where there is nothing else: the rest is missing by name.
  if (MS_CXR_COLUMNS.filter(has).length >= 2) {
    return { layout: "ms-cxr", sha256, rows: msCxrRows(file, table) };
  }
  throw new SyntaxError(
    `Cannot read "${file}": expected the columns image, phrase or those of MS-CXR ` +
      `(${MS_CXR_COLUMNS.join(", ")}), found ${show(table.columns.join(", "), 400)}`,
  );
}

function chooseSplit(file: string, rows: readonly SplitRow[], split: string): SplitRow[] {
  const present = new Set(rows.flatMap((row) => row.split ?? []));
  if (present.size === 0) {
    throw new RangeError(`Cannot read split "${split}" of "${file}": it has no column "split"`);
  }
  const chosen = rows.filter((row) => row.split?.toLowerCase() === split.toLowerCase());
  if (chosen.length > 0) return chosen;
  throw new RangeError(
    `Cannot read split "${split}" of "${file}": it has ${
      show([...present].sort().join(", "), 400)
    }`,
  );
}

async function findImages(
  file: string,
  layout: Layout,
  rows: readonly SplitRow[],
  images: string | undefined,
): Promise<ImageRoot> {
  const root = images ?? folderOf(file);
  if (!(await stat(root))?.isDirectory) {
    throw new Deno.errors.NotFound(`Cannot read images from "${root}": there is no such folder`);
  }
  const whole = { folder: root, prefix: "" };
  const isTree = layout === "ms-cxr" && rows.some((row) => row.image.startsWith("files/"));
  if (!isTree || (await stat(resolve(root, "files")))?.isDirectory) return whole;
  // Someone may point at `files` itself. Its parent does not become the root by that.
  const names = [root.replace(/[/\\]+$/, ""), await Deno.realPath(root)].map(nameOf);
  if (names.includes("files")) return { folder: root, prefix: "files/" };
  throw new Deno.errors.NotFound(
    `Cannot read images from "${root}": expected a folder "files" in it, as MIMIC-CXR-JPG has` +
      (images === undefined ? "; give its root with --images" : ""),
  );
}

async function* take(
  items: AsyncIterable<DatasetItem>,
  limit: number,
): AsyncIterableIterator<DatasetItem> {
  let samples = 0;
  for await (const item of items) {
    yield item;
    if (item.kind === "sample" && ++samples >= limit) return;
  }
}

async function* filterItems(
  items: AsyncIterable<DatasetItem>,
  isIn: (index: number) => boolean,
): AsyncIterableIterator<DatasetItem> {
  let index = 0;
  for await (const item of items) if (isIn(index++)) yield item;
}
