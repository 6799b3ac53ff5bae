import { cocoList } from "./coco.ts";
import { encodeDicomSeg } from "./dicom_seg.ts";
import { encodeGrayPng } from "./gray_png.ts";
import { boxList, rleList } from "./lists.ts";
import { encodeNifti } from "./nifti.ts";
import { encodeNpy } from "./npy.ts";
import { heatmapOnImage, maskOnImage } from "./original_pixels.ts";
import type { RunList, RunSample } from "./run_sample.ts";

/** Facts of every format. */
interface FormatFacts {
  /** Content of the files, for `--help`; a part of a sentence. */
  readonly description: string;
  /** The format reads the original images; by default it does not. */
  readonly needsImages?: boolean;
  /** The format has the ground truth, and so reads the files of masks; by default it does not. */
  readonly hasTruth?: boolean;
  /** The user may choose the value of pixels outside the heatmap; by default not. */
  readonly hasOutside?: boolean;
}

/** A format with one file per sample. */
export interface SampleFormat extends FormatFacts {
  /** Source of the values; only a run that cuts its heatmaps at Otsu's threshold has masks. */
  readonly kind: "heatmap" | "mask";
  /** Extension of the files, without the dot. */
  readonly ending: string;
  /** Encodes a sample; `undefined` if the format needs a DICOM image and the sample has none. */
  readonly encode: (
    sample: RunSample,
  ) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** A format that gathers the masks of all samples in one or two files. */
export interface ListFormat extends FormatFacts {
  readonly kind: "list";
  /** Begins an empty list, for samples of the given classes. */
  readonly create: (classes: readonly string[]) => RunList;
}

/** The formats by name, in the order of `--help`. */
export const FORMATS = {
  npy: {
    kind: "heatmap",
    description: "float32; NaN outside the square that the model sees",
    hasOutside: true,
    ending: "npy",
    encode: ({ heatmap, outside }: RunSample): Uint8Array => {
      const { width, height } = heatmap.image;
      return encodeNpy(heatmapOnImage(heatmap, outside), [height, width]);
    },
  },
  png16: {
    kind: "heatmap",
    description: "value x 65535, always 0 outside",
    ending: "png",
    encode: ({ heatmap }: RunSample): Promise<Uint8Array> => {
      const values = heatmapOnImage(heatmap, 0);
      const levels = new Uint16Array(values.length);
      values.forEach((value, i) => {
        levels[i] = Math.round(65535 * Math.min(Math.max(value, 0), 1));
      });
      return encodeGrayPng(levels, heatmap.image);
    },
  },
  nifti: {
    kind: "heatmap",
    description: ".nii.gz; outside as npy; axes are column from the left and row from the top",
    needsImages: true,
    hasOutside: true,
    ending: "nii.gz",
    encode: async ({ heatmap, outside, source }: RunSample): Promise<Uint8Array> => {
      const { spacing } = await source() ?? {};
      const values = heatmapOnImage(heatmap, outside);
      return await encodeNifti(values, heatmap.image, spacing && { spacing });
    },
  },
  mask: {
    kind: "mask",
    description: "PNG, 255 in the mask",
    ending: "png",
    encode: ({ heatmap }: RunSample): Promise<Uint8Array> =>
      encodeGrayPng(maskOnImage(heatmap).map((value) => 255 * value), heatmap.image),
  },
  "dicom-seg": {
    kind: "mask",
    description:
      "a DICOM segmentation of each sample with a DICOM image; it refers to the image by UIDs, " +
      "and has patient and study only with --keep-patient",
    needsImages: true,
    ending: "dcm",
    encode: async (sample: RunSample): Promise<Uint8Array | undefined> => {
      const { number, result: { id, phrase = id }, heatmap, run, source } = sample;
      const reference = await source();
      if (!reference) return undefined;
      const mask = maskOnImage(heatmap);
      return await encodeDicomSeg({ source: reference, mask, phrase, run, number });
    },
  },
  rle: {
    kind: "list",
    description: "COCO's run lengths, a line a sample",
    hasTruth: true,
    create: rleList,
  },
  coco: {
    kind: "list",
    description: "annotations.json with the ground truth and results.json for pycocotools",
    hasTruth: true,
    create: cocoList,
  },
  boxes: {
    kind: "list",
    description:
      "a CSV of the boxes around the masks, which eval takes as --dataset or --predictions",
    create: boxList,
  },
} satisfies Readonly<Record<string, SampleFormat | ListFormat>>;

/** A format that {@linkcode convertRun} writes. */
export type ExportFormat = keyof typeof FORMATS;

/** Names of all formats, in the order of `--help`. */
export const EXPORT_FORMATS = Object.keys(FORMATS) as readonly ExportFormat[];

/** Returns the row of a format. */
export function formatOf(name: ExportFormat): SampleFormat | ListFormat {
  return FORMATS[name];
}
