import { createHash, type Hash } from "node:crypto";
import { InputRangeError, InputSyntaxError } from "../base/errors.ts";
import { type CsvTable, readCsv, suggestColumns, toNumber } from "./csv.ts";
import { findFile } from "./_find_file.ts";
import { folderOf, nameOf, resolve, stat } from "../base/paths.ts";
import { findMask } from "./masks.ts";
import { imageFiles, imageStem } from "./_image_files.ts";
import { ImagePaths, type ImageRoot } from "./_image_paths.ts";
import { parseJson } from "./json.ts";
import { groupRows, mergeRows, type RowGroup } from "./rows.ts";
import { show } from "./show.ts";
import { decodeText, type FileText, notText, withTextFault } from "./text.ts";
import { askEveryClass, type Detection } from "./layouts/detection.ts";
import type { Layout } from "./layouts/layout.ts";
import {
  knownColumns,
  knownDocuments,
  type LayoutName,
  LAYOUTS,
  recognizeJson,
  recognizeTable,
} from "./layouts/registry.ts";
import type { DatasetItem } from "./sample.ts";
import type { SplitRow } from "./split_row.ts";
import { needsSplits, type TrainingSet } from "./training.ts";
import { readWordings, wordPhrases } from "./wordings.ts";

/** Options of {@linkcode openDataset}. */
export interface OpenDatasetOptions {
  /**
   * Folder that contains the images; of MIMIC-CXR-JPG it is the root, which holds `files/`. A path
   * that leads out of the folder is refused, but links inside the folder are followed.
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
  /**
   * File with phrases by class, for a dataset that has classes and no phrases; see
   * {@linkcode readWordings}.
   *
   * @default {The layout's phrases}
   */
  phrases?: string;
  /**
   * Read phrases with nothing to find too, if the dataset has them. The other samples keep their
   * ids.
   *
   * @default {false}
   */
  negatives?: boolean;
  /**
   * Data that methods were trained on: samples keep their split if it can tell whether they were in
   * the training.
   *
   * @default {No training, and no splits}
   */
  training?: readonly TrainingSet[];
  /**
   * Ask every image for every class in place of the dataset's phrases, if the dataset says which
   * classes an image lacks. Images without any class count too.
   *
   * @default {undefined}
   */
  detection?: Detection;
}

/** One of several parts of a dataset. */
export interface Shard {
  /** Number of this shard, from 1. */
  readonly number: number;
  /** Number of shards. */
  readonly count: number;
}

/** A dataset that is ready to be read. */
export interface Dataset {
  /**
   * Name of the file's layout, such as `ms-cxr` or `csv`. It is `phantoms` for phantoms, which are
   * written in the layout of another dataset.
   */
  readonly kind: string;
  /** Path of the file that holds the rows. */
  readonly path: string;
  /**
   * SHA-256, in hexadecimal, of the file and of its {@linkcode companionsOf | companion}, if one is
   * read.
   */
  readonly sha256: string;
  /** Wordings by class that the phrases were chosen from; absent if the rows have phrases. */
  readonly wordings?: Readonly<Record<string, readonly string[]>>;
  /** Attribution that the dataset demands, in sentences; absent if it demands none. */
  readonly attribution?: string;
  /** Names of the classes that every image is asked for; absent without such a choice. */
  readonly classes?: readonly string[];
  /** Number of phrases with nothing to find in `items`; absent if there are none. */
  readonly negatives?: number;
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
 * Opens a dataset in a layout that docs/data.md lists: the file of a release, a folder that holds
 * one, or a plain CSV of `image, phrase[, x, y, w, h]`.
 *
 * @param path Dataset file, or folder of a release. In a release with one file per split,
 * `options.split` chooses the file.
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
  const { name, sha256, rows: read, classes } = await readRows(file, options);
  const layout: Layout = LAYOUTS[name];
  const own = options.phrases === undefined
    ? undefined
    : { path: options.phrases, wordings: await readWordings(options.phrases) };
  if (own && classes) {
    throw new InputRangeError(
      `Cannot use the phrases of "${own.path}": a template makes the phrase of each class`,
    );
  }
  const { rows: all, wordings } = classes
    ? { rows: read }
    : wordPhrases(read, layout.wordings, own);
  if (all.length === 0) throw new InputRangeError(`Cannot read "${file}": it has no rows`);
  const chosen = split === undefined ? all : chooseSplit(file, all, split);
  const root = await findImages(file, folder, layout, chosen, options.images);
  const paths = new ImagePaths(root);
  const maskPaths = [paths, new ImagePaths(besideFile(file))];
  const named = layout.findsImagesByName ? await nameImages(file, chosen, root) : chosen;
  const kind = layout.arePhantoms?.(all) ? "phantoms" : name;
  const rows = needsSplits(options.training ?? [], kind)
    ? named
    : named.map(({ split: _, ...row }) => row);
  const groups = groupRows(rows);
  const isInShard = ({ image }: RowGroup) => image % parts === part;
  const planned = groups.slice(0, limit).filter(isInShard);
  // A limit counts the good samples of the whole dataset. A shard therefore has to read the rows
  // of all shards.
  const items = limit === Infinity
    ? mergeRows(groups.filter(isInShard), paths, maskPaths)
    : filterItems(take(mergeRows(groups, paths, maskPaths), limit), (index) =>
      isInShard(groups[index]!));
  const negatives = planned.filter(({ rows }) => rows.every(({ isNegative }) => isNegative)).length;
  return {
    kind,
    path: file,
    sha256,
    ...(wordings && { wordings }),
    ...(classes && { classes }),
    ...(layout.attribution && { attribution: layout.attribution }),
    ...(negatives > 0 && { negatives }),
    count: planned.length,
    plan: planned.map(({ id, index }) => ({ id, index })),
    items,
  };
}

/**
 * Paths of the tables that may be read with a dataset file, if they exist in the same folder. The name
 * of the file decides, because its layout is unknown before it is read.
 *
 * @param hasLabels Labels of whole images are read too.
 */
export function companionsOf(path: string, hasLabels: boolean): string[] {
  const layouts = Object.values<Layout>(LAYOUTS);
  return [
    ...layouts.flatMap((layout) => companionIn(layout, path) ?? []).slice(0, 1),
    ...layouts.flatMap((layout) => hasLabels && layout.labels?.table ? labelsIn(layout, path) : []),
  ];
}

function companionIn({ companion }: Layout, path: string): string | undefined {
  const name = companion?.(nameOf(path));
  return name && resolve(folderOf(path), name);
}

/**
 * Finds paths outside the image folder that a program confined to it needs permission to read: links
 * that lead into the folder and occur in the dataset's image paths, and masks beside the dataset's
 * file.
 *
 * @param path Dataset, as in {@linkcode openDataset}.
 * @param images The image folder, if it is not the dataset's own folder.
 * @param detection As of {@linkcode openDataset}.
 * @returns The links; and the folders of the masks, or masks that lie directly beside the file.
 * @throws {Error} If the dataset cannot be read, as in {@linkcode openDataset}.
 */
export async function pathsOutsideImages(
  path: string,
  images?: string,
  detection?: Detection,
): Promise<string[]> {
  const { file, folder } = await findFile(path);
  const { rows } = await readRows(file, detection ? { detection } : { negatives: true });
  const root = { folder: images ?? folder, prefix: "", beside: folderOf(file) };
  const links = new ImagePaths(root).detours(rows.map(({ image }) => image));
  if (images === undefined) return links;
  const beside = besideFile(file);
  const finder = new ImagePaths(beside);
  const masks = rows.flatMap(({ mask }) => {
    try {
      return mask && "path" in mask ? findMask(mask.path, [finder]) : [];
    } catch {
      return []; // The row fails later, with its reason.
    }
  });
  const folders = masks.map((mask) => folderOf(mask) === beside.folder ? mask : folderOf(mask));
  return [...links, ...new Set(folders)];
}

/** The folder of the dataset's file, in which paths of masks may begin too. */
function besideFile(file: string): ImageRoot {
  return { folder: folderOf(file), prefix: "", beside: folderOf(file) };
}

interface ReadRows {
  readonly name: LayoutName;
  readonly sha256: string;
  readonly rows: SplitRow[];
  readonly classes?: readonly string[];
}

async function readRows(
  file: string,
  { negatives = false, detection }: Pick<OpenDatasetOptions, "negatives" | "detection">,
): Promise<ReadRows> {
  const hash = createHash("sha256");
  const { text, isBroken } = await readText(file, hash);
  const isJson = /\.json$/i.test(file) || /^\s*[{[]/.test(text);
  const content = isJson ? { json: parseJson(file, text) } : { table: readCsv(file, text) };
  const found = content.table ? recognizeTable(content.table) : recognizeJson(content.json);
  if (!found) throw isBroken ? notText(file) : unknownLayout(file, content);
  const layout: Layout = LAYOUTS[found.name];
  const beside = detection && layout.labels?.table ? labelsIn(layout, file) : undefined;
  const companion = await readCompanion(beside ?? companionIn(layout, file), hash);
  if (detection && (!layout.labels || beside && !companion)) throw noLabels(file, layout);
  const read = detection
    ? layout.labels!.rows(file, content, companion)
    : found.rows(file, companion, negatives);
  const { rows, classes } = detection
    ? askEveryClass(file, read, layout.labels!.classes, detection)
    : { rows: read };
  return {
    name: found.name,
    sha256: hash.digest("hex"),
    rows: isBroken ? rows.map(withTextFault) : rows,
    ...(classes && { classes }),
  };
}

/** Path of the table with the labels of whole images that must lie beside a dataset's file. */
function labelsIn({ labels }: Layout, path: string): string {
  return resolve(folderOf(path), labels!.table!.name);
}

/** Makes the error for a dataset that does not say which classes an image lacks. */
function noLabels(file: string, { title, labels }: Layout): Error {
  return new InputRangeError(
    `Cannot ask every image of "${file}" for its classes: ` +
      (labels?.table
        ? `expected ${labels.table.name} beside it, since ${labels.table.needs}`
        : `${title} does not say which classes an image lacks`),
  );
}

/** Reads the second table of a dataset, if it has one and the file is there. */
async function readCompanion(path: string | undefined, hash: Hash): Promise<CsvTable | undefined> {
  if (!path || !(await stat(path))?.isFile) return undefined;
  const { text, isBroken } = await readText((await findFile(path)).file, hash);
  if (isBroken) throw notText(path);
  return readCsv(path, text);
}

/** Makes the error for a file that fits no layout. */
function unknownLayout(
  file: string,
  { table, json }: { readonly table?: CsvTable; readonly json?: unknown },
): SyntaxError {
  const [expected, found] = table
    ? [`the columns ${knownColumns()}`, show(table.columns.join(", "), 400)]
    : [`the JSON of ${knownDocuments()}`, show(json)];
  const hint = !table
    ? ""
    : table.columns.length > 1
    ? suggestColumns(table)
    : "; commas, semicolons, tabs or | part them";
  return new InputSyntaxError(`Cannot read "${file}": expected ${expected}, found ${found}${hint}`);
}

async function readText(file: string, hash: Hash): Promise<FileText> {
  const bytes = await Deno.readFile(file).catch((error) => {
    throw new Error(`Cannot read dataset "${file}": ${error.message}`, { cause: error });
  });
  hash.update(bytes);
  return decodeText(bytes);
}

/** Replaces names of images by paths of image files below the folder. */
async function nameImages(
  file: string,
  rows: readonly SplitRow[],
  { folder }: ImageRoot,
): Promise<SplitRow[]> {
  const files = await imageFiles(folder);
  const find = (image: string) => files.get(image) ?? files.get(imageStem(image));
  if (!rows.some(({ image }) => find(image))) {
    throw new Deno.errors.NotFound(
      `Cannot read images from "${folder}": it has no DICOM, PNG or JPEG file that is named as ` +
        `an image of "${file}"; give their folder with --images`,
    );
  }
  return rows.map((row) => ({ ...row, image: find(row.image) ?? row.image }));
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
  { tree }: Layout,
  rows: readonly SplitRow[],
  images: string | undefined,
): Promise<ImageRoot> {
  const root = images ?? folder;
  if (!(await stat(root))?.isDirectory) {
    throw new Deno.errors.NotFound(`Cannot read images from "${root}": there is no such folder`);
  }
  const whole = { folder: root, prefix: "", beside: folderOf(file) };
  if (!tree) return whole;
  const begin = new RegExp(String.raw`^(\.?[/\\])*${tree.folder}[/\\]`);
  const isInTree = rows.some(({ image }) => begin.test(image));
  if (!isInTree || (await stat(resolve(root, tree.folder)))?.isDirectory) return whole;
  // The given folder may be the tree's own. Do not widen the root to its parent.
  const names = [root.replace(/[/\\]+$/, ""), await Deno.realPath(root)].map(nameOf);
  if (names.includes(tree.folder)) return { ...whole, prefix: `${tree.folder}/` };
  throw new Deno.errors.NotFound(
    `Cannot read images from "${root}": expected a folder "${tree.folder}" in it, as ${tree.of} has` +
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
