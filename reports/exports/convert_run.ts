import type { Size } from "../../base/geometry.ts";
import type { Truth } from "../../base/region.ts";
import { folderOf } from "../../base/paths.ts";
import { printable, quote } from "../../base/text.ts";
import { makeFolder, writeWhole } from "../../base/write_whole.ts";
import { isDicom } from "../../images/dicom/dicom.ts";
import { type DicomReference, readReference } from "../../images/dicom/reference.ts";
import { MAX_SHOWN_PATH, readImage } from "../../images/read_image.ts";
import { locateImage } from "../../runs/locate_image.ts";
import { resultTruth } from "../../runs/result_truth.ts";
import { Run } from "../../runs/run.ts";
import { hasHeatmap, type HeatmapResult, isGrounded } from "../../runs/run_folder.ts";
import { requireSize } from "../original_image.ts";
import { inClassOrder } from "../tables/class_means.ts";
import type { VariantOptions } from "../reader_options.ts";
import { NO_CLASS } from "../tables/summary.ts";
import { boxList } from "./lists.ts";
import { type ExportFormat, formatOf, type SampleFormat } from "./registry.ts";
import type { RunList, RunSample } from "./run_sample.ts";
import { WholeFile } from "./whole_file.ts";

/** Values by name for pixels outside the heatmap, in `npy` and `nifti`. */
const OUTSIDE = { nan: NaN, zero: 0 } as const;

/** How {@linkcode convertRun} works. */
export interface ConvertOptions extends VariantOptions {
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
 * A format with one file per sample writes to a folder of its name, the others to the output folder.
 * {@linkcode FORMATS} describes them. Pixels outside the crop are NaN, or 0 if the run's margin is
 * zero; the option `outside` overrides both.
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
 * @param folder The run's folder. Formats that need images read them from the paths in the
 * results.
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
  using run = await Run.open(folder, "convert");
  const variant = run.variant(setting);
  const { margin, otsu } = run.settings;
  const outside = OUTSIDE[options.outside ?? (margin === "zero" ? "zero" : "nan")];
  // The COCO files need all classes in advance.
  const classes = new Set<string>();
  let [total, without, boxed] = [0, 0, 0];
  for await (const result of run.results(variant)) {
    if (isGrounded(result) && result.predicted) boxed++;
    if (!hasHeatmap(result)) without++;
    else if (++total) classes.add(result.category ?? NO_CLASS);
  }
  if (boxed > 0 && formats.every((name) => name === "boxes")) {
    return await writeBoxes(run, variant, out, { samples: boxed, without: without - boxed });
  }
  if (total === 0) throw new RangeError(`Cannot convert "${folder}": it has no heatmap`);
  const masked = formats.filter((name) => formatOf(name).kind !== "heatmap");
  if (masked.length > 0 && otsu.get(variant) === false) {
    throw new RangeError(
      `Cannot write ${masked.join(", ")} of "${folder}": its heatmaps have no masks, since they ` +
        "are not cut at Otsu's threshold",
    );
  }
  await makeFolder(out);
  await using stack = new AsyncDisposableStack();
  const lists: { list: RunList; file: WholeFile }[] = [];
  const encoders: [ExportFormat, SampleFormat][] = [];
  for (const name of formats) {
    const format = formatOf(name);
    if (format.kind !== "list") {
      encoders.push([name, format]);
      continue;
    }
    const list = format.create(inClassOrder(classes));
    await makeFolder(folderOf(`${out}/${list.path}`));
    const file = stack.use(new WholeFile(`${out}/${list.path}`));
    await file.write(list.head);
    lists.push({ list, file });
  }
  const needsTruth = formats.some((name) => formatOf(name).hasTruth);
  const facts = JSON.stringify([run.record.facts, variant]);
  const source = sourceReader(run.folder, keepPatient);
  const digits = String(total + without).length;
  const counts = new Map<string, number>();
  const foreign = new Map<string, number>();
  let [number, done] = [0, 0];
  for await (const result of run.results(variant)) {
    signal?.throwIfAborted();
    number++;
    if (!hasHeatmap(result)) continue;
    const heatmap = await run.get(result.id, result.setting);
    const sample: RunSample = {
      ...{ number, result, heatmap, outside, run: facts },
      truth: result.masks && !needsTruth ? [] : await truthOf(run, result, heatmap.image, onNotice),
      source: () => source(result, heatmap.image),
    };
    for (const [format, { ending, encode }] of encoders) {
      let bytes: Uint8Array | undefined;
      try {
        bytes = await encode(sample);
        if (!bytes) foreign.set(format, (foreign.get(format) ?? 0) + 1);
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
    for (const { list, file } of lists) await file.write(list.add(sample));
    onProgress(++done, total);
  }
  for (const [format, count] of foreign) {
    onNotice(`No ${format} of ${count} of ${total} samples: their images are no DICOM files`);
  }
  const written = [...counts].map(([path, files]): Written => ({ path, files }));
  for (const { list, file } of lists) {
    await file.write(list.end?.() ?? "");
    await file.finish();
    for (const [path, text] of Object.entries(list.more?.() ?? {})) {
      await writeWhole(`${out}/${path}`, text);
      written.push({ path });
    }
    written.push({ path: list.path });
  }
  return { samples: total, without, written };
}

/** Writes the predicted boxes of a run. */
async function writeBoxes(
  run: Run,
  variant: string,
  out: string,
  counts: Pick<ConvertedRun, "samples" | "without">,
): Promise<ConvertedRun> {
  await makeFolder(out);
  const { path, head, addBoxes } = boxList();
  await using file = new WholeFile(`${out}/${path}`);
  await file.write(head);
  for await (const result of run.results(variant)) {
    if (isGrounded(result) && result.predicted) await file.write(addBoxes!(result));
  }
  await file.finish();
  return { ...counts, written: [{ path }] };
}

/** Clips a sample's boxes to whole pixels of its image, or reads its masks, as far as they are there. */
async function truthOf(
  run: Run,
  result: HeatmapResult,
  image: Size,
  onNotice: (notice: string) => void,
): Promise<Truth> {
  try {
    return await resultTruth(result, image, run.folder);
  } catch (error) {
    if (!result.masks) throw run.fault(result, (error as Error).message, error);
    onNotice(
      `No ground truth of ${quote(result.id)}: ${printable((error as Error).message, 500)}`,
    );
    return [];
  }
}

/** Reads attributes of DICOM images. Keeps the last image, since its phrases follow one another. */
function sourceReader(folder: string, withPatient: boolean): (
  result: HeatmapResult,
  image: Size,
) => Promise<DicomReference | undefined> {
  let last: { readonly path: string; readonly reference: DicomReference | undefined } | undefined;
  return async ({ image: path }, size) => {
    if (path === undefined) return undefined;
    if (last?.path !== path) {
      const bytes = await readImage(await locateImage(folder, path));
      const reference = isDicom(bytes)
        ? await readReference(bytes, `image ${quote(path, MAX_SHOWN_PATH)}`, { withPatient })
        : undefined;
      last = { path, reference };
    }
    if (last.reference) requireSize(path, last.reference, size);
    return last.reference;
  };
}

/** Readable end of a file's name; the number before it makes the name unique. */
function slugOf(id: string): string {
  const words = id.normalize("NFKD").toLowerCase().match(/[a-z0-9]+/g)?.join("-") ?? "";
  return `-${words.slice(-60)}`.replace(/-+/g, "-").replace(/-$/, "");
}
