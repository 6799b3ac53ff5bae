/**
 * Opens a dataset and recognises its layout by the content of the file.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { InputRangeError, InputSyntaxError } from "../base/errors.ts";
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
   * Folder that contains the images; for MS-CXR the root of MIMIC-CXR-JPG, which holds `files/`.
   * A path that leads out of the folder is refused, but links inside the folder are followed.
   *
   * @default {The folder given as the dataset, or the folder of the given file}
   */
  images?: string;
  /**
   * Split to read, such as `test`.
   *
   * @default {All splits}
   */
  split?: string;
  /**
   * Maximum number of samples to read; rows that fail do not count.
   *
   * @default {Infinity}
   */
  limit?: number;
  /**
   * Part of the dataset to read. Shards divide the images, and their sizes differ by at most one
   * image.
   *
   * @default {The whole dataset}
   */
  shard?: Shard;
}

/** One of several parts of a dataset. */
export interface Shard {
  /** Number of this shard, from 1. */
  readonly number: number;
  /** Number of shards. */
  readonly count: number;
}

/** Layout of a dataset's file; `csv` is a plain CSV of images and phrases. */
export type Layout = "ms-cxr" | "vindr-cxr" | "padchest-gr" | "rsna-pneumonia" | "csv";

/** A dataset that is ready to be read. */
export interface Dataset {
  /** Layout of the file, or `phantoms` for phantoms, which are written in the layout of MS-CXR. */
  readonly kind: Layout | "phantoms";
  /** Path of the file that holds the rows. */
  readonly path: string;
  /**
   * SHA-256, in hexadecimal, of the file and of its {@linkcode companionOf | companion}, if one is
   * read.
   */
  readonly sha256: string;
  /** Upper bound on the samples in `items`. With a limit, failures come on top of this number. */
  readonly count: number;
  /** Expected samples of the dataset, known before their rows are checked. */
  readonly plan: readonly PlannedSample[];
  /** Samples and failures. All items of one image follow one another. */
  readonly items: AsyncIterable<DatasetItem>;
}

/** A sample whose rows have not been checked. */
export interface PlannedSample {
  /** Id that the sample gets if its rows are valid. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index: number;
}

/**
 * Opens a dataset: MS-CXR as CSV or JSON, VinDr-CXR (`annotations_….csv`),
 * PadChest-GR (`grounded_reports_….json`) or RSNA pneumonia
 * (`stage_2_train_labels.csv`). The path may also be a folder that holds one of these
 * files, or a plain CSV of `image, phrase[, x, y, w, h]`.
 *
 * @param path Dataset file, or folder of a release. In a folder of VinDr-CXR, which has one file
 * per split, `options.split` chooses the file.
 * @param options Image folder, split, limit and shard.
 * @throws {Deno.errors.NotFound} If the dataset or its images are not found, or if the folder
 * holds several dataset files.
 * @throws {SyntaxError} If the file is malformed or lacks a column.
 * @throws {TypeError} If the path is neither a file nor a folder, such as a device or a pipe.
 * @throws {RangeError} If the dataset has no rows, lacks the split or is larger than 256 MiB; if
 * the limit is not a whole number from 1; or if the shard does not exist.
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
    throw new InputRangeError(`Cannot read ${limit} samples: expected a whole number from 1`);
  }
  const parts = shard?.count ?? 1;
  const part = (shard?.number ?? 1) - 1;
  if (!(Number.isInteger(part) && Number.isInteger(parts) && part >= 0 && part < parts)) {
    throw new InputRangeError(
      `Cannot read shard ${
        part + 1
      } of ${parts}: expected whole numbers, the first from 1 to the second`,
    );
  }
  const { file, folder } = await findFile(path, split);
  const { layout, sha256, rows: all } = await readRows(file);
  if (all.length === 0) throw new InputRangeError(`Cannot read "${file}": it has no rows`);
  const chosen = split === undefined ? all : chooseSplit(file, all, split);
  const root = await findImages(file, folder, layout, chosen, options.images);
  const paths = new ImagePaths(root);
  const rows = NAMELESS.includes(layout) ? await nameImages(file, chosen, root) : chosen;
  const groups = groupRows(rows);
  const isInShard = ({ image }: RowGroup) => image % parts === part;
  const planned = groups.slice(0, limit).filter(isInShard);
  // A limit counts the good samples of the whole dataset. A shard therefore has to read the rows
  // of all shards.
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

/** Layouts that name images without a file extension. */
const NAMELESS: readonly Layout[] = ["vindr-cxr", "rsna-pneumonia"];

/**
 * Path of the second file that is read with a dataset file, if it exists in the same folder.
 * For VinDr-CXR it holds the classes of whole images. For any JSON file it is the table of
 * PadChest-GR with the splits.
 *
 * @param path The dataset file.
 * @returns `undefined` for other files.
 */
export function companionOf(path: string): string | undefined {
  const name = nameOf(path);
  const companion = labelsName(name) ?? (/\.json$/i.test(name) ? "master_table.csv" : undefined);
  return companion && resolve(folderOf(path), companion);
}

/**
 * Finds links outside the image folder that lead into it and occur in the dataset's image paths.
 * A program confined to the image folder needs permission to read these links too.
 *
 * @param path Dataset, as in {@linkcode openDataset}.
 * @param images The image folder, if it is not the dataset's own folder.
 * @throws {Error} If the dataset cannot be read, as in {@linkcode openDataset}.
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
  /** Called only for layouts with a companion, because an unrelated file may have its name. */
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
  // Try exact column names first: they identify a layout better than similar spellings.
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
  throw new InputSyntaxError(
    `Cannot read "${file}": expected the columns image, phrase or those of MS-CXR ` +
      `(${MS_CXR_COLUMNS.join(", ")}), VinDr-CXR (${VINDR_COLUMNS.join(", ")}) or RSNA ` +
      `(${RSNA_COLUMNS.join(", ")}), found ${show(table.columns.join(", "), 400)}` +
      (table.columns.length > 1
        ? suggestColumns(table)
        : "; commas, semicolons, tabs or | part them"),
  );
}

/** Layout of a CSV with certain columns; `undefined` if they fit no known layout. */
function layoutOf(has: (column: string) => boolean): Layout | undefined {
  // Check MS-CXR first, because users may have added a column "image" to its CSV.
  const isMsCxr = has("label_text") && has("path");
  if (!isMsCxr && (has("image") || has("phrase"))) return "csv";
  if (VINDR_COLUMNS.every(has)) return "vindr-cxr";
  if (RSNA_COLUMNS.every(has)) return "rsna-pneumonia";
  // Two long column names of MS-CXR are enough here: `msCxrRows` then names the missing columns.
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

/** Replaces image names without a file extension by paths of image files below the folder. */
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
    throw new InputRangeError(
      `Cannot read split "${split}" of "${file}": it has no column "split"`,
    );
  }
  const isChosen = ({ split: own }: SplitRow) =>
    own !== undefined &&
    (own.toLowerCase() === split.toLowerCase() || toNumber(own) === toNumber(split));
  if (rows.some(isChosen)) {
    return rows.flatMap((row) => {
      // The split of an unreadable row is unknown: keep the row, so that its failure is reported.
      const fault = row.fault ?? row.splitFault;
      return isChosen(row) ? [row] : !row.split && fault ? [{ ...row, fault }] : [];
    });
  }
  throw new InputRangeError(
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
  // The given folder may be `files` itself. Do not widen the root to its parent.
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
