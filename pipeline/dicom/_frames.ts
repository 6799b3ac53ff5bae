import type { DicomElements } from "./_fixture.ts";

/** A compressed frame, as an encoder other than ours made it. */
export interface Frame {
  /** UID of its transfer syntax. */
  readonly syntax: string;
  /** Elements that say its size. */
  readonly size: DicomElements;
  /** Its bytes. */
  readonly frame: Uint8Array<ArrayBuffer>;
}

const bytesOf = (text: string) => Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0));

/** Frames of pydicom: its own RLE, CharLS for JPEG-LS, both 0 to 62 * 65; OpenJPEG, with an edge. */
export const FRAMES: readonly [rle: Frame, jpegLs: Frame, jpeg2000: Frame] = [
  {
    syntax: "1.2.840.10008.1.2.5",
    size: { "00280010": 7, "00280011": 9 },
    frame: bytesOf(
      "AgAAAEAAAABqAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP0A" +
        "/QEAAv4C/QP/BP8E/QX+BgAG/Qf9CP0J/QoAC/4L/Qz/Df8N/Q7+DwgAQYLDBEWGxwgISYrLDE2OzxBRCJLTFFWW" +
        "1xhZmgjbHF2e3yBhouMIJGWm5yhpqussCG2u7zBxsvM0dQi29zh5uvs8fb4=",
    ),
  },
  {
    syntax: "1.2.840.10008.1.2.4.80",
    size: { "00280010": 7, "00280011": 9 },
    frame: bytesOf(
      "/9j/9wALDAAHAAkBAREA/9oACAEBAAAAAIgkEg//dIP/fQAAKRCQH8+PTw7EIAACk6OTg3NjU0IApBmZGJgXlxa/" +
        "ijlhWVFJQTkx8KMSkhGREJA/PRRXz147dunJ4P/Z",
    ),
  },
  {
    syntax: "1.2.840.10008.1.2.4.90",
    size: { "00280010": 35, "00280011": 33 },
    frame: bytesOf(
      "/0//UQApAAAAAAAhAAAAIwAAAAAAAAAAAAAAIQAAACMAAAAAAAAAAAABCwEB/1IADAAAAAEABQQEAAH/XAATQGBo" +
        "aHBoaHBoaHBoaHBoaHD/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjL/kAAKAAAAAABuAAH/" +
        "k9/gIAdr7hOplgWPwAfCFAHzggAIXwkfwB84WAPnCA8CerQrDBWRT8AfOIgD5wgc+bfyBVrofwDRTqnAHziYH4BI" +
        "JzsLxKPM3vLdbgC4peCAI/9/wB84kDu/Qcqvb3MAYP/ZAA==",
    ),
  },
];
