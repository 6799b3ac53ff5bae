import type { Size } from "../../base/geometry.ts";

/** Bytes before the values: 348 of the header, and 4 zeros for "no extension". */
const VALUES_AT = 352;

/** Longest axis, in pixels: sizes are 16-bit integers. */
const MAX_SIDE = 32767;

/** How {@linkcode encodeNifti} places pixels. */
export interface NiftiOptions {
  /**
   * Height and width of a pixel in mm, as in DICOM's Pixel Spacing.
   *
   * @default {Unknown: 1, of an unknown unit}
   */
  readonly spacing?: readonly [row: number, column: number];
}

/**
 * Encodes an image as a compressed NIfTI-1 file (`.nii.gz`) of float32. The first axis counts
 * columns from the left, the second counts rows from the top, the third has one slice. In nibabel
 * `get_fdata()[x, y, 0]` is column x of row y.
 *
 * A radiograph has no position in the patient's coordinates. The file places pixels as ITK does for
 * pictures. The first pixel is at the origin; columns go towards L, rows towards P, in mm. The
 * heatmap therefore lies on the X-ray as ITK reads it, and viewers show its axial slice upright.
 * `qform_code` and `sform_code` are 2, "aligned to another file".
 *
 * @param values Row-major `[height, width]`; may be NaN.
 * @param size Size of the image in pixels, each side up to 32767.
 * @throws {RangeError} If a side is longer than 32767 pixels.
 */
export async function encodeNifti(
  values: Float32Array,
  { width, height }: Size,
  { spacing }: NiftiOptions = {},
): Promise<Uint8Array> {
  if (Math.max(width, height) > MAX_SIDE) {
    throw new RangeError(
      `Cannot write NIfTI: expected sides of up to ${MAX_SIDE} pixels, got ${width}x${height}`,
    );
  }
  const [down, across] = spacing ?? [1, 1];
  const bytes = new Uint8Array(VALUES_AT + 4 * values.length);
  const view = new DataView(bytes.buffer);
  const shorts = (at: number, numbers: readonly number[]) =>
    numbers.forEach((number, i) => view.setInt16(at + 2 * i, number, true));
  const floats = (at: number, numbers: readonly number[]) =>
    numbers.forEach((number, i) => view.setFloat32(at + 4 * i, number, true));
  // Offsets and codes are from nifti1.h.
  view.setInt32(0, 348, true); // sizeof_hdr
  shorts(40, [3, width, height, 1, 1, 1, 1, 1]); // dim
  shorts(70, [16, 32]); // datatype: float32; bitpix
  floats(76, [1, across, down, 1, 1, 1, 1, 1]); // pixdim, qfac first
  floats(108, [VALUES_AT, 1, 0]); // vox_offset, scl_slope, scl_inter
  bytes[123] = spacing ? 2 : 0; // xyzt_units: mm, or unknown
  floats(124, [1, 0]); // cal_max, cal_min
  bytes.set(new TextEncoder().encode("Groundray heatmap"), 148); // descrip
  shorts(252, [2, 2]); // qform_code, sform_code
  floats(256, [0, 0, 1, 0, 0, 0]); // quatern: half a turn around z; qoffset
  floats(280, [-across, 0, 0, 0, 0, -down, 0, 0, 0, 0, 1, 0]); // srow_x, srow_y, srow_z
  bytes.set(new TextEncoder().encode("n+1"), 344); // magic
  values.forEach((value, i) => view.setFloat32(VALUES_AT + 4 * i, value, true));
  const gzip = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(gzip).arrayBuffer());
}
