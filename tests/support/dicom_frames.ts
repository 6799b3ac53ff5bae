import type { DicomElements } from "./dicom_file.ts";

/** A compressed frame from an encoder outside this project. */
export interface Frame {
  /** UID of the transfer syntax. */
  readonly syntax: string;
  /** Elements that state the size of the frame. */
  readonly size: DicomElements;
  /** Bytes of the frame. */
  readonly frame: Uint8Array<ArrayBuffer>;
}

/**
 * Frames of pydicom and of OpenJPH. pydicom made the RLE frame itself, the JPEG-LS frame with
 * CharLS, and the JPEG 2000 frame with OpenJPEG. The first two hold multiples of 65 up to 62 * 65;
 * the third holds an edge. OpenJPH 0.18.2 made the HTJ2K frame, which OpenJPEG 2.5.0 reads as the
 * same values as the JPEG 2000 frame.
 */
export const FRAMES: readonly [rle: Frame, jpegLs: Frame, jpeg2000: Frame, htj2k: Frame] = [
  {
    syntax: "1.2.840.10008.1.2.5",
    size: { "00280010": 7, "00280011": 9 },
    frame: Uint8Array.fromBase64(
      "AgAAAEAAAABqAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP0A" +
        "/QEAAv4C/QP/BP8E/QX+BgAG/Qf9CP0J/QoAC/4L/Qz/Df8N/Q7+DwgAQYLDBEWGxwgISYrLDE2OzxBRCJLTFFWW" +
        "1xhZmgjbHF2e3yBhouMIJGWm5yhpqussCG2u7zBxsvM0dQi29zh5uvs8fb4=",
    ),
  },
  {
    syntax: "1.2.840.10008.1.2.4.80",
    size: { "00280010": 7, "00280011": 9 },
    frame: Uint8Array.fromBase64(
      "/9j/9wALDAAHAAkBAREA/9oACAEBAAAAAIgkEg//dIP/fQAAKRCQH8+PTw7EIAACk6OTg3NjU0IApBmZGJgXlxa/" +
        "ijlhWVFJQTkx8KMSkhGREJA/PRRXz147dunJ4P/Z",
    ),
  },
  {
    syntax: "1.2.840.10008.1.2.4.90",
    size: { "00280010": 35, "00280011": 33 },
    frame: Uint8Array.fromBase64(
      "/0//UQApAAAAAAAhAAAAIwAAAAAAAAAAAAAAIQAAACMAAAAAAAAAAAABCwEB/1IADAAAAAEABQQEAAH/XAATQGBo" +
        "aHBoaHBoaHBoaHBoaHD/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjL/kAAKAAAAAABuAAH/" +
        "k9/gIAdr7hOplgWPwAfCFAHzggAIXwkfwB84WAPnCA8CerQrDBWRT8AfOIgD5wgc+bfyBVrofwDRTqnAHziYH4BI" +
        "JzsLxKPM3vLdbgC4peCAI/9/wB84kDu/Qcqvb3MAYP/ZAA==",
    ),
  },
  {
    syntax: "1.2.840.10008.1.2.4.201",
    size: { "00280010": 35, "00280011": 33 },
    frame: Uint8Array.fromBase64(
      "/0//UQApQAAAAAAhAAAAIwAAAAAAAAAAAAAAIQAAACMAAAAAAAAAAAABDwEB/1AACAACAAAACf9SAAwAAgABAAEEBE" +
        "AB/1wAByCIiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4xOC4yLv9VABAAYAAAAAACtQAAAAAALv+QAAoAAAAAArUAAv+T" +
        "wAAv6oj/f2/+/3/f/P9/b/7/fzf/f/8b/3//G/9//xv/f/8b/3z/GP9j/3/+5n/Bv/lf8G/+F/yb/wX+zf8C/2b/Av" +
        "9m/wL/N/7T/jf/U/03/2n+m/80/03/NP9N/zT/Tf80/03/ND/NH9q/8b/1e/x1/R5/Xb/HX9fv8df1e/x1/R5/Xb/H" +
        "X9f/Zr/g/2Z/wf9mv+B/8y/43/wL/jf/Av8b/wL/G/8CP5sfwT/lf+9b+eX7Vn75vpVfvm/ll+9b+eX7Vn75vpVfvn" +
        "/aH+o/7R/qn/aH+qf9of5pf6h/2h/qn/aH+qf9oT5pH6i/2D/pO/ZV+o59lb5jX6Xv2FfpO/ZV+o59lb5jX6X/Tb/H" +
        "/01/j/9Nv8f/Zt/jf/P3+N/8Pf43f4//Tb/H5+bj8Yf5X3xjvhjfmC/GN+aL8Y35YnxjvhjfmC/GN+aL8S/4s/sX/L" +
        "P7C/7s/oI/u7/gz+4v+LP7C/7s/oI/u6fgw+7395d7/z3Nvf9e5t5/r7n332vu/feae/89zb3/Xub+ab+u/zR/Xf80" +
        "v65/2q/rn/br+qf9uv5pv65/2q/rmfbo+pn9s95mL6232UvrbfbSepu9tN5mL6232UvrbfbS+kP9iP6h/oj+UD+iP9" +
        "SP6A/1I/pD/Yj+UD+iP9SP6An1IPo1/YHeTa+gd9Mr6N30Cno3vYLeTa+gd9Mr6N30Cvrf/Fb+b/5W/je/lf9N38r/" +
        "Zm/lf/Nb+d/8Vv43v5XnzWPlR/M/edO8UN40L5Q3zQvlTfNCedO8UN40L5Q3zQvlAA//Xr9ev16/WX9/r1+vX69frL" +
        "9/16/Xr9ev1l9/69fr1+vX6y9/9ev16/Xr9Zd/+vX69fr1+st//Xr9ev16/WV//r1+vX69frLqB9CADGQgAxkIAMZC" +
        "ADG7Bf+QAAoAAAAAAC4BAv+TwAAtwDCEMIQhDGEIQxjCEP7v/i/X6/X6/X6/X4ALfwD/2Q==",
    ),
  },
];
