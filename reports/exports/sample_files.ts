/**
 * The formats that have a file for each sample.
 *
 * @module
 */

import { encodeNpy } from "./npy.ts";
import { encodeDicomSeg } from "./dicom_seg.ts";
import { encodeGrayPng } from "./gray_png.ts";
import { encodeNifti } from "./nifti.ts";
import { heatmapOnImage, maskOnImage } from "./original_pixels.ts";
import type { RunSample } from "./run_sample.ts";

/** A format that has a file for each sample. */
export interface SampleFormat {
  /** Ending of its files' names. */
  readonly ending: string;
  /** Makes a sample's file; `undefined` where it has none, since its image is no DICOM file. */
  readonly encode: (
    sample: RunSample,
  ) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** Names of these formats. */
export type SampleFormatName = "npy" | "png16" | "nifti" | "mask" | "dicom-seg";

/** The formats by name. */
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
