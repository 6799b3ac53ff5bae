import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { IMAGE_FILES } from "../../tests/support/image_files.ts";
import { decodeDicom } from "./dicom.ts";
import { FRAMES } from "../../tests/support/dicom_frames.ts";
import {
  BIG_ENDIAN,
  dataSet,
  type DicomElements,
  dicomFile,
  element,
  EXPLICIT,
  item,
  metaGroup,
  PREAMBLE,
  RADIOGRAPH,
  UNDEFINED_LENGTH,
  words,
} from "../../tests/support/dicom_file.ts";

const [RLE, JPEG_LS, JPEG_2000] = FRAMES;

/** Values of the frames, as decoded by pydicom 3.0.2 with its plugins. */
const RAMP = Array.from({ length: 63 }, (_, i) => 65 * i);
const STEPS = Array.from(
  { length: 33 * 35 },
  (_, i) => 100 * Math.floor(i / 33) + (i % 33 > 16 ? 50 : 0),
);
const valuesOf = (size: DicomElements) => size["00280011"] === 9 ? RAMP : STEPS;

/** Spreads values to 0..255. */
function spread(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return values.map((value) => Math.trunc(255 * (value - low) / (high - low)));
}

const decode = (bytes: Uint8Array) => decodeDicom(bytes, "the image", 100_000);

/** Builds a file with a given pixel element. */
function file(
  pixels: readonly number[],
  elements: DicomElements,
  syntax: string,
  { before = [], isBig = false }: { before?: readonly number[]; isBig?: boolean } = {},
): Uint8Array {
  const header = dataSet({ ...RADIOGRAPH, ...elements }, { isBig });
  const meta = syntax === "" ? [] : metaGroup(syntax);
  return Uint8Array.from([...PREAMBLE, ...meta, ...header, ...before, ...pixels]);
}

/** Returns pixels in items of undefined length, which a delimiter should end. */
const encapsulated = (items: readonly number[], vr = "OB") =>
  element("7fe00010", Uint8Array.from(items), { vr, length: UNDEFINED_LENGTH });

const END = item(0xe0dd);
const NO_TABLE = item(0xe000);
const inOne = (frame: ArrayLike<number>) =>
  encapsulated([...NO_TABLE, ...item(0xe000, frame), ...END]);

async function assertRead(name: string, bytes: Uint8Array, values: readonly number[], error = 0) {
  const { data } = await decode(bytes).catch((cause) => {
    throw new Error(name, { cause });
  });
  const expected = spread(values);
  const largest = Math.max(...data.map((level, i) => Math.abs(level - expected[i]!)));
  assert(data.length === expected.length && largest <= error, `${name}: ${largest}`);
}

Deno.test("decodeDicom() goes by the frame's bytes, not by the stated transfer syntax", async () => {
  const syntaxes = ["", EXPLICIT, "1.2.840.10008.1.2.4.50", ...FRAMES.map(({ syntax }) => syntax)];
  for (const { syntax, size, frame } of FRAMES) {
    for (const stated of syntaxes) {
      const bytes = file(inOne(frame), size, stated);
      await assertRead(`${syntax} as "${stated}"`, bytes, valuesOf(size));
    }
  }
  const { size } = RLE;
  const native = words(RAMP);
  for (const stated of syntaxes) {
    const pixels = element("7fe00010", native, { vr: "OB" });
    await assertRead(`uncompressed as ${stated}`, file(pixels, size, stated), RAMP);
    await assertRead(`in fragments as ${stated}`, file(inOne(native), size, stated), RAMP);
  }
  // Pixels without items; if they are long enough for the image, they count as uncompressed.
  for (const { syntax, size, frame } of [JPEG_LS, JPEG_2000]) {
    for (const stated of [syntax, EXPLICIT]) {
      const pixels = element("7fe00010", frame, { vr: "OB" });
      await assertRead(`no items, ${stated}`, file(pixels, size, stated), valuesOf(size));
    }
  }
});

Deno.test("decodeDicom() puts a frame together from any fragments", async () => {
  for (const { syntax, size, frame } of FRAMES) {
    const whole = item(0xe000, frame);
    const parts = [...item(0xe000, frame.subarray(0, 41)), ...item(0xe000, frame.subarray(41))];
    const padded = [
      ...item(0xe000, [...frame.subarray(0, 41), 0], { length: 41 }),
      ...item(0xe000, frame.subarray(41)),
    ];
    const cases: Record<string, readonly number[]> = {
      "a wrong table of offsets": encapsulated([...item(0xe000, [9, 9, 9, 9]), ...whole, ...END]),
      "odd fragments": encapsulated([...NO_TABLE, ...parts, ...END]),
      "padding that no length counts": encapsulated([...NO_TABLE, ...padded, ...END]),
      "empty fragments": encapsulated(
        [...NO_TABLE, ...item(0xe000), ...parts, ...item(0xe000), ...END],
      ),
      "no table": encapsulated([...whole, ...END]),
      "no delimiter": encapsulated([...NO_TABLE, ...whole]),
      "a delimiter with a length": encapsulated(
        [...NO_TABLE, ...whole, ...item(0xe0dd, [], { length: 7 })],
      ),
      "VR UN": encapsulated([...NO_TABLE, ...whole, ...END], "UN"),
    };
    for (const [name, pixels] of Object.entries(cases)) {
      await assertRead(`${name}, ${syntax}`, file(pixels, size, syntax), valuesOf(size));
    }
    const before = [
      ...element("7fe00001", new Uint8Array(8), { vr: "OV" }),
      ...element(
        "7fe00002",
        Uint8Array.of(frame.length & 255, frame.length >> 8, 0, 0, 0, 0, 0, 0),
        {
          vr: "OV",
        },
      ),
    ];
    const extended = file(inOne(frame), size, syntax, { before });
    await assertRead(`extended offset table, ${syntax}`, extended, valuesOf(size));
  }
});

Deno.test("decodeDicom() stops at a frame's end, and takes it out of its boxes", async () => {
  for (const { syntax, size, frame } of FRAMES) {
    for (const after of [[0], [0, 0, 0], [255, 255], [1, 2, 3, 4, 5, 6, 7]]) {
      const bytes = file(inOne([...frame, ...after]), size, syntax);
      await assertRead(`${after} after ${syntax}`, bytes, valuesOf(size));
    }
  }
  const box = (type: string, value: ArrayLike<number>, length?: readonly number[]) => [
    ...length ?? [0, 0, value.length + 8 >> 8, value.length + 8 & 255],
    ...Array.from(type, (letter) => letter.charCodeAt(0)),
    ...Array.from(value),
  ];
  const { syntax, size, frame } = JPEG_2000;
  const start = [
    ...box("jP  ", [0x0d, 0x0a, 0x87, 0x0a]),
    ...box("ftyp", Array.from("jp2 \0\0\0\0jp2 ", (letter) => letter.charCodeAt(0))),
  ];
  const long = [0, 0, 0, 0, 0, 0, frame.length + 16 >> 8, frame.length + 16 & 255];
  const codestreams = {
    "a box": [...box("jp2c", frame), ...box("xml ", [1, 2, 3])],
    "a box to the end": box("jp2c", frame, [0, 0, 0, 0]),
    "a box with a length of 64 bits": box("jp2c", [...long, ...frame], [0, 0, 0, 1]),
  };
  for (const [name, boxes] of Object.entries(codestreams)) {
    await assertRead(name, file(inOne([...start, ...boxes]), size, syntax), STEPS);
  }
  const none = file(inOne([...start, ...box("xml ", [1, 2, 3, 4, 5, 6, 7, 8])]), size, syntax);
  await assertRejects(() => decode(none), SyntaxError, "truncated or corrupt");
});

Deno.test("decodeDicom() goes by the bits of a frame and by the sign of the header", async () => {
  const sixteen = { "00280101": 16, "00280102": 15 };
  const eight = { "00280100": 8, "00280101": 8, "00280102": 7 };
  const signed = { "00280103": 1 };
  for (const { syntax, size, frame } of [JPEG_LS, JPEG_2000]) {
    const values = valuesOf(size);
    // Corrected as in pydicom: both frames have 12 bits, and the highest bit is the sign.
    const negative = values.map((value) => value >= 2048 ? value - 4096 : value);
    for (
      const [elements, expected] of [
        [sixteen, values],
        [eight, values],
        [{ "00280102": 15 }, values],
        [signed, negative],
        [{ ...signed, ...sixteen }, negative],
      ] as const
    ) {
      const bytes = file(inOne(frame), { ...size, ...elements }, syntax);
      await assertRead(`${syntax}, ${JSON.stringify(elements)}`, bytes, expected);
    }
  }
});

Deno.test("decodeDicom() reads words of 8 bits in big endian, and values above others", async () => {
  const size = { "00280100": 8, "00280101": 8, "00280102": 7 };
  const values = [0, 51, 102, 153, 204, 255];
  const swapped = Uint8Array.of(51, 0, 153, 102, 255, 204);
  for (const [vr, bytes] of [["OW", swapped], ["OB", Uint8Array.from(values)]] as const) {
    const pixels = element("7fe00010", bytes, { isBig: true, vr });
    await assertRead(vr, file(pixels, size, BIG_ENDIAN, { isBig: true }), values);
  }
  const high = [0, 1000, 2000, 3000, 4000, 4095];
  const shifted = element("7fe00010", words(high.map((value) => 16 * value + 5)), { vr: "OW" });
  await assertRead("the high 12 bits", file(shifted, { "00280102": 15 }, EXPLICIT), high);
  const longer = element("7fe00010", words([...high, 9, 9, 9]), { vr: "OW" });
  await assertRead("more values than pixels", file(longer, {}, EXPLICIT), high);
});

/** Builds a JPEG of 16x16 pixels with empty scans. */
function jpeg(marker: number, { bits = 8, channels = 1, scans = 1 } = {}): number[] {
  const frame = [0xff, marker, 0, 11, bits, 0, 16, 0, 16, channels, 1, 0x11, 0];
  const scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0];
  return [0xff, 0xd8, ...frame, ...Array<number[]>(scans).fill(scan).flat(), 0xff, 0xd9];
}

Deno.test("decodeDicom() names a frame that it does not decode", async () => {
  const size = { "00280010": 16, "00280011": 16 };
  const refused = async (frame: number[], message: string) => {
    const bytes = file(inOne(frame), size, "1.2.840.10008.1.2.4.50");
    const error = await assertRejects(() => decode(bytes));
    assert(error instanceof TypeError || error instanceof RangeError, `${error}`);
    assertEquals(error.message, `Cannot read the image: its ${message}`);
  };
  await refused(jpeg(0xc9), "arithmetic-coded JPEG frame is not supported");
  await refused(jpeg(0xc5), "hierarchical JPEG frame is not supported");
  await refused(jpeg(0xc0, { channels: 2 }), "JPEG frame has 2 channels, expected 1 or 3");
  await refused(
    jpeg(0xc3, { bits: 17 }),
    "lossless JPEG frame has 17 bits a value, expected up to 16",
  );
  await refused(jpeg(0xc2, { scans: 101 }), "101 scans are more than 100");
  const bytes = dicomFile({ ...RADIOGRAPH, ...size, "7fe00010": [Uint8Array.of(1, 2, 3)] });
  await assertRejects(() => decode(bytes), SyntaxError, "truncated or corrupt");
});

Deno.test("decodeDicom() reads a JPEG frame without its end marker, if no pixel is missing", async () => {
  const jpeg = IMAGE_FILES["JPEG of grey"]!;
  const size = { "00280010": 11, "00280011": 18 };
  const read = (end: number) =>
    decode(file(inOne(jpeg.subarray(0, end)), size, "1.2.840.10008.1.2.4.50"));
  assertEquals((await read(-2)).data, (await read(jpeg.length)).data);
  await assertRejects(() => read(-12), SyntaxError, "truncated or corrupt");
});

Deno.test("decodeDicom() reads the files of the shared cases", async () => {
  // First row, as decoded by pydicom 3.0.2.
  const first = [0, 5, 10, 16, 21, 27, 32, 37];
  for (
    const path of [
      "dicom-64-bit-vr/SV.dcm",
      "dicom-no-transfer-syntax/no-ts-explicit.dcm",
      "dicom-other-encoding/explicit-stated-implicit-is.dcm",
      "ground-folder-without-endings/study/IM0001",
      "ground-folder-without-endings/study/IM0002",
    ]
  ) {
    const cases = new URL("../../../shared/cases/", import.meta.url);
    const { data, width } = await decode(await Deno.readFile(new URL(path, cases)));
    assertEquals([width, ...data.subarray(0, 8)], [8, ...first], path);
  }
});
