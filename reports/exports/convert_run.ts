/**
 * Exports a run's heatmaps, masks and boxes as files for other tools, without the model.
 *
 * @module
 */

import type { Box, Size } from "../../base/geometry.ts";
import { printable, quote } from "../../base/text.ts";
import { isDicom } from "../../images/dicom/dicom.ts";
import { type DicomReference, readReference } from "../../images/dicom/reference.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { MAX_SHOWN_PATH, readImage } from "../../images/read_image.ts";
import { clipBoxes } from "../../scoring/score_heatmap.ts";
import { inClassOrder } from "../tables/class_means.ts";
import { readResults } from "../../runs/read_results.ts";
import { requireBoxes } from "../../runs/rescore_run.ts";
import { hasHeatmap, readRunRecord, RESULTS, type RunRecord } from "../../runs/run_folder.ts";
import { RunHeatmaps } from "../../runs/run_heatmaps.ts";
import { NO_CLASS } from "../tables/summary.ts";
import { writeWhole } from "../../base/write_whole.ts";
import { CocoList } from "./coco.ts";
import { createBoxList, createRleList } from "./lists.ts";
import type { HeatmapResult, RunList, RunSample } from "./run_sample.ts";
import { SAMPLE_FORMATS, type SampleFormatName } from "./sample_files.ts";

/** A format that {@linkcode convertRun} writes. */
export type ExportFormat =
  | "npy"
  | "png16"
  | "nifti"
  | "mask"
  | "dicom-seg"
  | "rle"
  | "coco"
  | "boxes";

/** Constructors of the formats that gather all samples; each takes output folder and classes. */
const LISTS: Readonly<
  Record<
    Exclude<ExportFormat, SampleFormatName>,
    (folder: string, classes: readonly string[]) => Promise<RunList>
  >
> = { rle: createRleList, coco: CocoList.create, boxes: createBoxList };

/** Names of all formats, in the order of `--help`. */
export const EXPORT_FORMATS: readonly ExportFormat[] = Object.keys({
  ...SAMPLE_FORMATS,
  ...LISTS,
}) as ExportFormat[];

/** Formats that read the original images, since they copy attributes of DICOM files. */
export const NEEDS_IMAGES: readonly ExportFormat[] = ["nifti", "dicom-seg"];

/** Formats that every run can write; all other formats need masks. */
const HEATMAP_FORMATS: readonly ExportFormat[] = ["npy", "png16", "nifti"];

/** Values by name for pixels outside the heatmap, in `npy` and `nifti`. */
const OUTSIDE = { nan: NaN, zero: 0 } as const;

/** How {@linkcode convertRun} works. */
export interface ConvertOptions {
  /**
   * Name of the variant or method to export, if the run has several.
   *
   * @default {The run's first}
   */
  readonly setting?: string;
  /**
   * Value of pixels outside the heatmap, in `npy` and `nifti`.
   *
   * @default {"nan", or "zero" in a run whose margin is zero}
   */
  readonly outside?: "nan" | "zero";
  /**
   * Whether `dicom-seg` copies patient and study from the image, so that a PACS files both
   * together. The patient has name, ID, issuer of the ID, birth date and sex. The study has date,
   * time, ID, description, accession number and referring physician.
   *
   * @default {false}
   */
  readonly keepPatient?: boolean;
  /**
   * Aborts the export; the sample under way is finished first.
   *
   * @default {undefined}
   */
  readonly signal?: AbortSignal;
  /**
   * Receives one sentence about each omission, such as a sample with a missing image.
   *
   * @default {undefined}
   */
  readonly onNotice?: (notice: string) => void;
  /**
   * Called after each sample with the number of samples done, and the total of samples with a
   * heatmap. Not awaited.
   *
   * @default {undefined}
   */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Counts and paths from {@linkcode convertRun}. */
export interface ConvertedRun {
  /** Number of samples with a heatmap. */
  readonly samples: number;
  /** Number of samples without a heatmap: skipped, failed, or with predicted boxes instead. */
  readonly without: number;
  /** Files and folders that were written. */
  readonly written: readonly Written[];
}

/** A file or folder that one format wrote. */
export interface Written {
  /** Path of the file, or of the format's folder, relative to the output folder. */
  readonly path: string;
  /** Number of files written to the folder; left out for a file. */
  readonly files?: number;
}

/**
 * Writes a run's heatmaps, masks and boxes in the pixels of the original images, one sample
 * after another. Existing files are replaced.
 *
 * - `npy/`: float32 `[height, width]`. Pixels outside the crop are NaN, or 0 if the run's margin is
 *   zero; the option `outside` overrides both.
 * - `png16/`: grey of 16 bits, `round(65535 * value)`; 0 outside the crop.
 * - `nifti/`: see {@linkcode encodeNifti}; pixels outside the crop as in `npy/`.
 * - `mask/`: PNG of 8 bits, 255 in the mask and 0 elsewhere.
 * - `dicom-seg/`: see {@linkcode encodeDicomSeg}; only for DICOM images.
 * - `rle.jsonl`, `boxes.csv`, `coco/annotations.json` and `coco/results.json`.
 *
 * @example Usage
 * ```ts
 * import { convertRun } from "./convert_run.ts";
 *
 * async function toNifti(run: string): Promise<void> {
 *   await convertRun(run, "heatmaps", ["nifti", "boxes"]);
 * }
 * ```
 *
 * @param folder The run's folder. The formats of {@linkcode NEEDS_IMAGES} read the images from the
 * paths in the results.
 * @param out Folder to write to; created if necessary.
 * @param formats Formats to write.
 * @param options Setting, values and callbacks of the export.
 * @throws {RangeError} If the run has no such setting, no heatmap, or no masks for a format of
 * masks.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function convertRun(
  folder: string,
  out: string,
  formats: readonly ExportFormat[],
  options: ConvertOptions = {},
): Promise<ConvertedRun> {
  const { setting, keepPatient = false, signal, onNotice = () => {}, onProgress = () => {} } =
    options;
  const record = await readRunRecord(folder);
  const chosen = chooseSetting(folder, record, setting);
  using heatmaps = await RunHeatmaps.open(folder);
  const { margin, otsu } = heatmaps.method;
  const outside = OUTSIDE[options.outside ?? (margin === "zero" ? "zero" : "nan")];
  const { total, without, classes } = await survey(folder, chosen);
  if (total === 0) throw new RangeError(`Cannot convert "${folder}": it has no heatmap`);
  const masked = formats.filter((name) => !HEATMAP_FORMATS.includes(name));
  if (masked.length > 0 && !otsu.get(chosen)) {
    throw new RangeError(
      `Cannot write ${masked.join(", ")} of "${folder}": its heatmaps have no masks, since they ` +
        "are not cut at Otsu's threshold",
    );
  }
  await makeFolder(out);
  await using stack = new AsyncDisposableStack();
  const lists: RunList[] = [];
  for (const name of formats) {
    if (isSampleFormat(name)) continue;
    if (name === "coco") await makeFolder(`${out}/${name}`);
    lists.push(stack.use(await LISTS[name](out, classes)));
  }
  const run = JSON.stringify([record.facts, chosen]);
  const source = sourceReader(keepPatient);
  const digits = String(total + without).length;
  const counts = new Map<string, number>();
  let [number, done, foreign] = [0, 0, 0];
  for await (const result of resultsOf(folder, chosen)) {
    signal?.throwIfAborted();
    number++;
    if (!hasHeatmap(result)) continue;
    const heatmap = await heatmaps.get(result.id, result.setting);
    const boxes = boxesOf(folder, result, heatmap.image);
    const sample: RunSample = {
      ...{ number, result, boxes, heatmap, outside, run },
      source: () => source(result, heatmap.image),
    };
    for (const format of formats.filter(isSampleFormat)) {
      const { ending, encode } = SAMPLE_FORMATS[format];
      let bytes: Uint8Array | undefined;
      try {
        bytes = await encode(sample);
        if (!bytes) foreign++;
      } catch (error) {
        const reason = printable((error as Error).message, 500);
        onNotice(`No ${format} of ${quote(result.id)}: ${reason}`);
      }
      if (!bytes) continue;
      const name = `${String(number).padStart(digits, "0")}${slugOf(result.id)}.${ending}`;
      if (!counts.has(format)) await makeFolder(`${out}/${format}`);
      await writeWhole(`${out}/${format}/${name}`, bytes);
      counts.set(format, (counts.get(format) ?? 0) + 1);
    }
    for (const list of lists) await list.add(sample);
    onProgress(++done, total);
  }
  if (foreign > 0) {
    onNotice(`No dicom-seg of ${foreign} of ${total} samples: their images are no DICOM files`);
  }
  const written = [...counts].map(([path, files]): Written => ({ path, files }));
  for (const list of lists) written.push(...(await list.finish()).map((path) => ({ path })));
  return { samples: total, without, written };
}

function isSampleFormat(name: ExportFormat): name is SampleFormatName {
  return Object.hasOwn(SAMPLE_FORMATS, name);
}

function chooseSetting(folder: string, { variants }: RunRecord, setting = variants[0]!): string {
  if (variants.includes(setting)) return setting;
  throw new RangeError(
    `Cannot convert setting ${quote(setting)} of "${folder}": expected one of ` +
      variants.map((name) => quote(name)).join(", "),
  );
}

/** Yields the results of a setting, and of samples that dropped out as a whole. */
async function* resultsOf(folder: string, setting: string): AsyncIterableIterator<SampleResult> {
  for await (const { result } of readResults(`${folder}/${RESULTS}`)) {
    if ((result.setting ?? setting) === setting) yield result;
  }
}

/** Counts the samples and lists their classes, since the COCO files need all classes in advance. */
async function survey(folder: string, setting: string): Promise<{
  readonly total: number;
  readonly without: number;
  readonly classes: readonly string[];
}> {
  const classes = new Set<string>();
  let [total, without] = [0, 0];
  for await (const result of resultsOf(folder, setting)) {
    if (hasHeatmap(result)) {
      total++;
      classes.add(result.category ?? NO_CLASS);
    } else without++;
  }
  return { total, without, classes: inClassOrder(classes) };
}

/** Clips a sample's ground truth to whole pixels of its image. */
function boxesOf(folder: string, { id, boxes }: HeatmapResult, image: Size): Box[] {
  try {
    requireBoxes(boxes);
    return boxes.length === 0 ? [] : clipBoxes(boxes, image);
  } catch (error) {
    const reason = printable((error as Error).message);
    throw new SyntaxError(`Cannot convert ${quote(id)} of "${folder}": ${reason}`);
  }
}

/** Reads attributes of DICOM images. Keeps the last image, since its phrases follow one another. */
function sourceReader(withPatient: boolean): (
  result: HeatmapResult,
  image: Size,
) => Promise<DicomReference | undefined> {
  let last: { readonly path: string; readonly reference: DicomReference | undefined } | undefined;
  return async ({ image: path }, { width, height }) => {
    if (path === undefined) return undefined;
    if (last?.path !== path) {
      const bytes = await readImage(path);
      const reference = isDicom(bytes)
        ? await readReference(bytes, `image ${quote(path, MAX_SHOWN_PATH)}`, { withPatient })
        : undefined;
      last = { path, reference };
    }
    const { reference } = last;
    if (reference && (reference.width !== width || reference.height !== height)) {
      throw new RangeError(
        `"${path}" has ${reference.width}x${reference.height} pixels, and had ${width}x${height}`,
      );
    }
    return reference;
  };
}

/** Readable end of a file's name; the number before it makes the name unique. */
function slugOf(id: string): string {
  const words = id.normalize("NFKD").toLowerCase().match(/[a-z0-9]+/g)?.join("-") ?? "";
  return `-${words.slice(-60)}`.replace(/-+/g, "-").replace(/-$/, "");
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw new Error(`Cannot write to folder "${path}": ${(error as Error).message}`);
  }
}
