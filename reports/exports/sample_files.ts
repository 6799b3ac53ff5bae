/**
 * Formats with one file per sample.
 *
 * @module
 */

import { encodeNpy } from "./npy.ts";
import { encodeDicomSeg } from "./dicom_seg.ts";
import { encodeGrayPng } from "./gray_png.ts";
import { encodeNifti } from "./nifti.ts";
import { heatmapOnImage, maskOnImage } from "./original_pixels.ts";
import type { RunSample } from "./run_sample.ts";

/** A format with one file per sample. */
export interface SampleFormat {
  /** Extension of the files, without the dot. */
  readonly ending: string;
  /** Encodes a sample; `undefined` if the format needs a DICOM image and the sample has none. */
  readonly encode: (
    sample: RunSample,
  ) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** Names of the formats with one file per sample. */
export type SampleFormatName = "npy" | "png16" | "nifti" | "mask" | "dicom-seg";

export const SAMPLE_FORMATS: Readonly<Record<SampleFormatName, SampleFormat>> = {
  npy: {
    ending: "npy",
    encode: ({ heatmap, outside }) => {
      const { width, height } = heatmap.image;
      return encodeNpy(heatmapOnImage(heatmap, outside), [height, width]);
    },
  },
  png16: {
    ending: "png",
    encode: ({ heatmap }) => {
      const values = heatmapOnImage(heatmap, 0);
      const levels = new Uint16Array(values.length);
      values.forEach((value, i) => {
        levels[i] = Math.round(65535 * Math.min(Math.max(value, 0), 1));
      });
      return encodeGrayPng(levels, heatmap.image);
    },
  },
  nifti: {
    ending: "nii.gz",
    encode: async ({ heatmap, outside, source }) => {
      const { spacing } = await source() ?? {};
      const values = heatmapOnImage(heatmap, outside);
      return await encodeNifti(values, heatmap.image, spacing && { spacing });
    },
  },
  mask: {
    ending: "png",
    encode: ({ heatmap }) =>
      encodeGrayPng(maskOnImage(heatmap).map((value) => 255 * value), heatmap.image),
  },
  "dicom-seg": {
    ending: "dcm",
    encode: async ({ number, result: { id, phrase = id }, heatmap, run, source }) => {
      const reference = await source();
      if (!reference) return undefined;
      const mask = maskOnImage(heatmap);
      return await encodeDicomSeg({ source: reference, mask, phrase, run, number });
    },
  },
};
