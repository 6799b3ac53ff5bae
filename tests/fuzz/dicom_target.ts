/**
 * Fuzz target for DICOM files, with frames in several compressions.
 *
 * @module
 */

import { deflateRaw } from "pako";
import { IMAGE_FILES } from "../support/image_files.ts";
import {
  BIG_ENDIAN,
  type DicomElements,
  dicomFile,
  element,
  EXPLICIT,
  IMPLICIT,
  item,
  metaGroup,
  PREAMBLE,
  RADIOGRAPH,
  UNDEFINED_LENGTH,
  VALUES,
  words,
} from "../support/dicom_file.ts";
import { FRAMES } from "../support/dicom_frames.ts";
import type { Random } from "../../base/random.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { chance, EXTREMES, join, mutateBytes, pick } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

const PLAIN = [EXPLICIT, IMPLICIT, BIG_ENDIAN].map((syntax) => ({
  syntax,
  size: {},
  frame: words(VALUES, syntax === BIG_ENDIAN),
}));

const EIGHT_BITS = { "00280100": 8, "00280101": 8, "00280102": 7 };

/** A baseline JPEG, and a lossless JPEG of {@linkcode VALUES} by dcmjs-codecs. */
const JPEGS = [
  {
    syntax: "1.2.840.10008.1.2.4.50",
    size: { "00280010": 11, "00280011": 18, ...EIGHT_BITS },
    frame: IMAGE_FILES["JPEG of grey"]!,
  },
  {
    syntax: "1.2.840.10008.1.2.4.70",
    size: {},
    frame: Uint8Array.fromBase64(
      "/9j/4AAQSkZJRgABAQAAAQABAAD/wwALDAACAAMBAREA/8QAFgABAQEAAAAAAAAAAAAAAAAACgwH/9oACAEBAAEA" +
        "AJ/99D6K7h9Gv//Z",
    ),
  },
];

const SAMPLES = [...PLAIN, ...FRAMES, ...JPEGS];

/** Returns elements that decide the decoding, with invalid or extreme values. */
function hostile(random: Random): DicomElements {
  const number = () => Number(BigInt.asUintN(16, BigInt(pick(random, EXTREMES))));
  const text = () =>
    pick(random, ["", " ", "1e999", "-1", "0", "NaN", "MONOCHROME1", "CT", "9\\9", "x".repeat(99)]);
  const numbers = ["00280002", "00280010", "00280011", "00280100", "00280101", "00280102"];
  const texts = ["00080060", "00280004", "00280008", "00281050", "00281051", "00281053"]
    .concat("00281055", "20500020");
  if (chance(random, 0.2)) {
    const table = {
      "00283002": words([chance(random, 0.5) ? 4 : number(), number(), pick(random, [8, 16, 99])]),
      "00283006": words([number(), 1, 2, number()]),
    };
    return { [pick(random, ["00283000", "00283010", "52009229"])]: { items: [table] } };
  }
  if (chance(random, 0.1)) {
    return { "00280002": 3, "00280004": pick(random, ["RGB", "YBR_FULL_422"]), "00280011": 1 };
  }
  const tag = pick(random, [...numbers, "00280103", "00280120", ...texts]);
  return { [tag]: chance(random, 0.8) === texts.includes(tag) ? text() : number() };
}

/**
 * Builds nested sequences of rare elements. Lengths are defined or undefined, and delimiters may be
 * missing.
 */
function sequence(random: Random, depth = pick(random, [1, 2, 5, 80])): number[] {
  const vr = pick(random, ["SQ", "UN", "OB", "SV", "ZZ"]);
  const own = element("00291001", Uint8Array.of(1, 2, 3, 4), { vr });
  const inside = depth > 1 ? [...own, ...sequence(random, depth - 1)] : own;
  const isOpen = chance(random, 0.5);
  const items = [
    ...item(0xe000, inside, isOpen ? { length: UNDEFINED_LENGTH } : {}),
    ...isOpen && chance(random, 0.9) ? item(0xe00d) : [],
    ...chance(random, 0.9) ? item(0xe0dd, [], { length: pick(random, [0, 0, 7]) }) : [],
  ];
  const length = chance(random, 0.8) ? { length: UNDEFINED_LENGTH } : {};
  const tag = pick(random, ["00283010", "00400555", "00291010"]);
  return element(tag, Uint8Array.from(items), { vr: pick(random, ["SQ", "UN"]), ...length });
}

/**
 * Returns the file in a rare form: without preamble or header, with a sequence before its data set,
 * or deflated.
 */
function unusual(random: Random, file: Uint8Array): Uint8Array {
  const start = PREAMBLE.length;
  const data = start + 12 + 8 + file[start + 12 + 6]!;
  const [head, body] = [file.subarray(0, data), file.subarray(data)];
  const deflated = () => join(PREAMBLE, metaGroup("1.2.840.10008.1.2.1.99"), deflateRaw(body));
  return pick(random, [
    () => file.subarray(start),
    () => body,
    () => join(PREAMBLE, body),
    () => join(head, sequence(random), body),
    deflated,
  ])();
}

/** The fuzz target for DICOM files. */
export const DICOM_TARGET: Target = {
  name: "dicom",
  share: 10,
  isOfSample: true,
  make(random) {
    const sample = pick(random, SAMPLES);
    const { syntax, size, frame } = sample;
    const bytes = chance(random, 0.4) ? mutateBytes(random, frame) : frame;
    const file = dicomFile({
      ...RADIOGRAPH,
      ...size,
      "7fe00010": PLAIN.includes(sample) ? bytes : [bytes],
      ...chance(random, 0.4) ? hostile(random) : {},
    }, chance(random, 0.05) ? pick(random, SAMPLES).syntax : syntax);
    const other = chance(random, 0.3) ? unusual(random, file) : file;
    return chance(random, 0.3) ? mutateBytes(random, other) : other;
  },
  async read(bytes, folder) {
    const path = `${folder}/input.dcm`;
    await Deno.writeFile(path, bytes);
    const { data, width, height } = await decodeImage(path);
    if (data.length !== width * height) {
      throw new Broken(`${width}x${height} of ${data.length} bytes`);
    }
  },
};
