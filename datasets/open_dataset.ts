/**
 * Opens a dataset of any layout that is known, told apart by content.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { readCsv, suggestColumns } from "./csv.ts";
import { findFile } from "./_find_file.ts";
import { folderOf, nameOf, resolve, stat } from "../base/paths.ts";
import { imageFiles } from "./_image_files.ts";
import { ImagePaths, type ImageRoot } from "./_image_paths.ts";
import { parseJson } from "./json.ts";
import { groupRows, mergeRows, type RowGroup, toNumber } from "./rows.ts";
import { show } from "./show.ts";
import { decodeText, type FileText, notText, withTextFault } from "./text.ts";
import {
  cocoRows,
  MS_CXR_COLUMNS,
  msCxrRows,
  PHANTOM_STEM,
  type SplitRow,
} from "./layouts/ms_cxr.ts";
import { padchestRows } from "./layouts/padchest_gr.ts";
import { plainRows } from "./layouts/plain_csv.ts";
import { RSNA_COLUMNS, rsnaRows } from "./layouts/rsna_pneumonia.ts";
import type { DatasetItem } from "./sample.ts";
import { labelsName, VINDR_COLUMNS, vindrRows } from "./layouts/vindr_cxr.ts";

/** Options of {@linkcode openDataset}. */
export interface OpenDatasetOptions {
  /**
   * Folder that the images are below: for MS-CXR the root of MIMIC-CXR-JPG, which holds `files/`.
   * No path leads out of it, but links in it are followed.
   *
   * @default {The dataset's folder: the one that was given, or its file's}
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

/** How a dataset's rows are written. */
export type Layout = "ms-cxr" | "vindr-cxr" | "padchest-gr" | "rsna-pneumonia" | "csv";

/** A dataset that is ready to be read. */
export interface Dataset {
  /** What it is; phantoms are in the layout of MS-CXR, and `csv` is a plain one. */
  readonly kind: Layout | "phantoms";
  /** The file that its rows are in. */
  readonly path: string;
  /** SHA-256 of that file and of its {@linkcode companionOf | companion}, in hexadecimal. */
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

/**
 * Opens a dataset: MS-CXR as CSV or JSON, VinDr-CXR (`annotations_….csv`),
 * PadChest-GR (`grounded_reports_….json`), RSNA pneumonia
 * (`stage_2_train_labels.csv`), the folder that holds one of them, or a plain CSV
 * of `image, phrase[, x, y, w, h]`.
 *
 * @param path File, or folder of a release; of VinDr-CXR, which has a file a split, the split
 * chooses.
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
 * import { writePhantomSet } from "./phantom/phantom_set.ts";
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
  const { file, folder } = await findFile(path, split);
  const { layout, sha256, rows: all } = await readRows(file);
  if (all.length === 0) throw new RangeError(`Cannot read "${file}": it has no rows`);
  const chosen = split === undefined ? all : chooseSplit(file, all, split);
  const root = await findImages(file, folder, layout, chosen, options.images);
  const paths = new ImagePaths(root);
  const rows = NAMELESS.includes(layout) ? await nameImages(file, chosen, root) : chosen;
  const groups = groupRows(rows);
  const isInShard = ({ image }: RowGroup) => image % parts === part;
  const planned = groups.slice(0, limit).filter(isInShard);
  // A limit is one on the whole: only once all before it were read is it known what is beyond.
  const items = limit === Infinity
    ? mergeRows(groups.filter(isInShard), paths)
    : filterItems(take(mergeRows(groups, paths), limit), (index) => isInShard(groups[index]!));
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

/** Layouts that name images without an ending. */
const NAMELESS: readonly Layout[] = ["vindr-cxr", "rsna-pneumonia"];

/**
 * The file that a dataset file is read with if it lies beside it: the classes of
 * whole images of VinDr-CXR, and for any JSON the table of PadChest-GR that has
 * the splits.
 *
 * @param path The dataset file.
 */
export function companionOf(path: string): string | undefined {
  const name = nameOf(path);
  const companion = labelsName(name) ?? (/\.json$/i.test(name) ? "master_table.csv" : undefined);
  return companion && resolve(folderOf(path), companion);
}

/**
 * Links outside a dataset's image folder by which its rows name images inside. A program that may
 * read nothing but that folder follows them only where it is permitted to.
 *
 * @param path As {@linkcode openDataset} takes it.
 * @param images The folder, where it is not the dataset's own.
 * @throws {Error} As {@linkcode openDataset} does.
 */
export async function linksToImages(path: string, images?: string): Promise<string[]> {
  const { file, folder } = await findFile(path);
  const { rows } = await readRows(file);
  const root = { folder: images ?? folder, prefix: "", beside: folderOf(file) };
  return new ImagePaths(root).detours(rows.map(({ image }) => image));
}

interface ReadRows {
  readonly layout: Layout;
  readonly sha256: string;
  readonly rows: SplitRow[];
}

async function readRows(file: string): Promise<ReadRows> {
  const hash = createHash("sha256");
  const { text, isBroken } = await readText(file, hash);
  const companion = companionOf(file);
  /** Only of a dataset that has one: another file may happen to have that name. */
  const readCompanion = async () => {
    if (!companion || !(await stat(companion))?.isFile) return undefined;
    const { text, isBroken } = await readText((await findFile(companion)).file, hash);
    if (isBroken) throw notText(companion);
    return readCsv(companion, text);
  };
  const done = (layout: Layout, rows: SplitRow[]): ReadRows => ({
    layout,
    sha256: hash.digest("hex"),
    rows: isBroken ? rows.map(withTextFault) : rows,
  });
  if (/\.json$/i.test(file) || /^\s*[{[]/.test(text)) {
    const json = parseJson(file, text);
    if (!Array.isArray(json)) return done("ms-cxr", cocoRows(file, json));
    return done("padchest-gr", padchestRows(file, json, await readCompanion()));
  }
  const table = readCsv(file, text);
  const isNamed = (column: string) => table.columns.includes(column);
  // Exact names say more than such as are spelled nearly so.
  switch (layoutOf(isNamed) ?? layoutOf(table.has)) {
    case "csv":
      return done("csv", plainRows(file, table));
    case "vindr-cxr":
      return done("vindr-cxr", vindrRows(file, table, await readCompanion()));
    case "rsna-pneumonia":
      return done("rsna-pneumonia", rsnaRows(file, table));
    case "ms-cxr":
      return done("ms-cxr", msCxrRows(file, table));
  }
  if (isBroken) throw notText(file);
  throw new SyntaxError(
    `Cannot read "${file}": expected the columns image, phrase or those of MS-CXR ` +
      `(${MS_CXR_COLUMNS.join(", ")}), VinDr-CXR (${VINDR_COLUMNS.join(", ")}) or RSNA ` +
      `(${RSNA_COLUMNS.join(", ")}), found ${show(table.columns.join(", "), 400)}` +
      (table.columns.length > 1
        ? suggestColumns(table)
        : "; commas, semicolons, tabs or | part them"),
  );
}

/** How a CSV is written by its columns; nothing where none is known by them. */
function layoutOf(has: (column: string) => boolean): Layout | undefined {
  // MS-CXR first: someone may have added a column "image" to it.
  const isMsCxr = has("label_text") && has("path");
  if (!isMsCxr && (has("image") || has("phrase"))) return "csv";
  if (VINDR_COLUMNS.every(has)) return "vindr-cxr";
  if (RSNA_COLUMNS.every(has)) return "rsna-pneumonia";
  // Two of its own columns are enough where there is nothing else: the rest is missing by name.
  const own = MS_CXR_COLUMNS.filter((column) => column.length > 1);
  return own.filter(has).length >= 2 ? "ms-cxr" : undefined;
}

async function readText(file: string, hash: Hash): Promise<FileText> {
  const bytes = await Deno.readFile(file).catch((error) => {
    throw new Error(`Cannot read dataset "${file}": ${error.message}`, { cause: error });
  });
  hash.update(bytes);
  return decodeText(bytes);
}

/** Rows with the files of their images, which a dataset names without an ending. */
async function nameImages(
  file: string,
  rows: readonly SplitRow[],
  { folder }: ImageRoot,
): Promise<SplitRow[]> {
  const files = await imageFiles(folder);
  if (!rows.some(({ image }) => files.has(image))) {
    throw new Deno.errors.NotFound(
      `Cannot read images from "${folder}": it has no DICOM, PNG or JPEG file that is named as ` +
        `an image of "${file}"; give their folder with --images`,
    );
  }
  return rows.map((row) => ({ ...row, image: files.get(row.image) ?? row.image }));
}

function chooseSplit(file: string, rows: readonly SplitRow[], split: string): SplitRow[] {
  const present = new Set(rows.flatMap((row) => row.split ?? []));
  if (present.size === 0) {
    throw new RangeError(`Cannot read split "${split}" of "${file}": it has no column "split"`);
  }
  const isChosen = ({ split: own }: SplitRow) =>
    own !== undefined &&
    (own.toLowerCase() === split.toLowerCase() || toNumber(own) === toNumber(split));
  if (rows.some(isChosen)) {
    return rows.flatMap((row) => {
      // Of a row that cannot be read it is not known either: it is not to go unseen.
      const fault = row.fault ?? row.splitFault;
      return isChosen(row) ? [row] : !row.split && fault ? [{ ...row, fault }] : [];
    });
  }
  throw new RangeError(
    `Cannot read split "${split}" of "${file}": it has ${
      show([...present].sort().join(", "), 400)
    }`,
  );
}

async function findImages(
  file: string,
  folder: string,
  layout: Layout,
  rows: readonly SplitRow[],
  images: string | undefined,
): Promise<ImageRoot> {
  const root = images ?? folder;
  if (!(await stat(root))?.isDirectory) {
    throw new Deno.errors.NotFound(`Cannot read images from "${root}": there is no such folder`);
  }
  const whole = { folder: root, prefix: "", beside: folderOf(file) };
  const isTree = layout === "ms-cxr" &&
    rows.some((row) => /^(\.?[/\\])*files[/\\]/.test(row.image));
  if (!isTree || (await stat(resolve(root, "files")))?.isDirectory) return whole;
  // Someone may point at `files` itself. Its parent does not become the root by that.
  const names = [root.replace(/[/\\]+$/, ""), await Deno.realPath(root)].map(nameOf);
  if (names.includes("files")) return { ...whole, prefix: "files/" };
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
