import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeDicom, isDicom } from "./dicom.ts";
import {
  type DicomElements,
  dicomFile,
  RADIOGRAPH,
  SPREAD,
  VALUES,
  words,
} from "../../tests/support/dicom_file.ts";
import { FRAMES } from "../../tests/support/dicom_frames.ts";

const radiograph = (elements: DicomElements = {}, syntax?: string) =>
  dicomFile({ ...RADIOGRAPH, "7fe00010": words(VALUES), ...elements }, syntax);

const decode = (file: Uint8Array) => decodeDicom(file, "the image", 100_000);

const grays = async (elements: DicomElements, syntax?: string) => [
  ...(await decode(radiograph(elements, syntax))).data,
];

Deno.test("isDicom() looks for DICM after 128 bytes, or for a first element of group 2 or 8", () => {
  for (const syntax of ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"]) {
    const file = radiograph({}, syntax);
    assert(isDicom(file.subarray(0, 132)) && isDicom(file.subarray(128)));
    // First without the preamble; then also without the 12 bytes and the UID of group 2.
    const meta = 132 + 12 + 8 + syntax.length + syntax.length % 2;
    assert(isDicom(file.subarray(132)) && isDicom(file.subarray(meta)), syntax);
  }
  const others = [
    "",
    "\x89PNG",
    "PK\x03\x04",
    "{}",
    "\0\0\x01\0\x01\0\x10\x10\0",
    "II*\0\x08\0\0\0",
  ];
  for (const start of others) {
    const bytes = new Uint8Array(200);
    bytes.set(Array.from(start, (character) => character.charCodeAt(0)));
    assert(!isDicom(bytes) && !isDicom(bytes.subarray(0, start.length)), JSON.stringify(start));
  }
});

Deno.test("decodeDicom() reads little and big endian, explicit and implicit", async () => {
  const { width, height } = await decode(radiograph());
  assertEquals([width, height], [3, 2]);
  assertEquals(await grays({}), SPREAD);
  assertEquals(await grays({}, "1.2.840.10008.1.2"), SPREAD);
  const big = { "7fe00010": words(VALUES, true) };
  assertEquals(await grays(big, "1.2.840.10008.1.2.2"), SPREAD);
  const short = { "00280100": 8, "00280101": 8, "00280102": 7 };
  const bytes = Uint8Array.of(0, 51, 102, 153, 204, 255);
  assertEquals(await grays({ ...short, "7fe00010": bytes }), [...bytes]);
});

Deno.test("decodeDicom() applies rescale, the first window and the photometric interpretation", async () => {
  assertEquals(await grays({ "00280004": "MONOCHROME1" }), SPREAD.map((level) => 255 - level));
  const window = { "00281050": "2000.5\\9", "00281051": "2001\\1" };
  assertEquals(await grays(window), [0, 0, 128, 255, 255, 255]);
  const rescaled = { ...window, "00281052": "1000", "00281053": "1 " };
  assertEquals(await grays(rescaled), [0, 128, 255, 255, 255, 255]);
  const signed = { "00280103": 1, "7fe00010": words([-2048, -1000, 0, 1000, 2000, 2047]) };
  assertEquals(await grays(signed), [0, 65, 127, 189, 252, 255]);
  // A window of width 0 is ignored.
  assertEquals(await grays({ "00281050": "40", "00281051": "0" }), SPREAD);
  const padded = words([0xf000, 1000, 2000, 3000, 4000, 4095]);
  assertEquals(await grays({ "7fe00010": padded, "00280120": 0 }), [0, 0, 82, 164, 247, 255]);
});

/** Splits a frame into two fragments. */
const fragments = (frame: Uint8Array) => [frame.subarray(0, 40), frame.subarray(40)];

Deno.test("decodeDicom() decompresses RLE, JPEG-LS, JPEG 2000 and HTJ2K", async () => {
  const ramp = Array.from({ length: 63 }, (_, i) => Math.trunc(255 * i / 62));
  const steps = Array.from({ length: 33 * 35 }, (_, i) => {
    const value = 100 * Math.floor(i / 33) + (i % 33 > 16 ? 50 : 0);
    return Math.trunc(255 * value / 3450);
  });
  for (const [index, { syntax, size, frame }] of FRAMES.entries()) {
    const found = await grays({ ...size, "7fe00010": fragments(frame) }, syntax);
    assertEquals(found, index < 2 ? ramp : steps, syntax);
  }
});

Deno.test("decodeDicom() decompresses JPEG, lossy and lossless", async () => {
  const { default: { Context, NativeCodecs } } = await import("dcmjs-codecs");
  await NativeCodecs.initializeAsync();
  const cases = [
    ["1.2.840.10008.1.2.4.50", 8, true],
    ["1.2.840.10008.1.2.4.51", 8, true],
    ["1.2.840.10008.1.2.4.70", 12, false],
    ["1.2.840.10008.1.2.4.70", 16, false],
  ] as const;
  for (const [syntax, bits, lossy] of cases) {
    const bitsAllocated = bits === 8 ? 8 : 16;
    const ramp = Array.from({ length: 256 }, (_, i) => i * 2 ** (bits - 8));
    const context = new Context({
      width: 16,
      height: 16,
      bitsAllocated,
      bitsStored: bits,
      samplesPerPixel: 1,
      pixelRepresentation: 0,
      planarConfiguration: 0,
      photometricInterpretation: "MONOCHROME2",
      decodedBuffer: bits === 8 ? Uint8Array.from(ramp) : words(ramp),
    });
    const encoded = NativeCodecs.encodeJpeg(context, { lossy, quality: 100 });
    const found = await grays({
      ...{ "00280010": 16, "00280011": 16, "00280100": bitsAllocated },
      ...{ "00280101": bits, "00280102": bits - 1, "7fe00010": [encoded.getEncodedBuffer()!] },
    }, syntax);
    const error = Math.max(...found.map((level, i) => Math.abs(level - i)));
    assert(error <= (lossy ? 2 : 0), `${syntax}, ${bits} bits: ${error}`);
  }
});

Deno.test("decodeDicom() refuses other objects than radiographs in one sentence, without the patient's name", async () => {
  const cases: [DicomElements, RegExp][] = [
    [{ "00080060": "CT" }, /modality is CT, expected a radiograph/],
    [{ "00080060": "Doe^Jane" }, /modality is unknown,/],
    [{ "00280008": "2" }, /has 2 frames, expected 1/],
    [{ "00280002": 3 }, /it has 3 values a pixel, and its MONOCHROME2 has 1/],
    [{ "00280002": 3, "00280004": "HSV" }, /pixels are HSV, expected MONOCHROME1/],
    [{ "00280004": "PALETTE COLOR" }, /its palette is missing/],
    [{ "00280100": 32 }, /has 32 bits a value/],
    [{ "00283000": new Uint8Array(2) }, /its modality table is no sequence/],
    [{ "00280010": 0 }, /states 0 rows and 3 columns, expected 1 or more/],
    [{ "00280101": 17 }, /its 17 bits stored and high bit 11 do not fit 16 bits allocated/],
    [{ "00280102": 7 }, /its 12 bits stored and high bit 7 do not fit/],
  ];
  for (const [elements, message] of cases) {
    const error = await assertRejects(() => decode(radiograph(elements)), TypeError);
    assert(message.test(error.message), error.message);
    assert(!error.message.includes("Doe"));
  }
  const syntaxes = [["1.2.840.10008.1.2.4.100", "a video"], ["1.2.840.113619.5.2", "private"]];
  for (const [syntax, kind] of syntaxes) {
    const message = `transfer syntax ${syntax} is not supported (it is ${kind})`;
    await assertRejects(() => decode(radiograph({}, syntax)), TypeError, message);
  }
  const objects: [DicomElements, string][] = [
    [{}, "holds no picture"],
    [{ "00080016": "1.2.840.10008.1.3.10" }, "holds no picture: it is a DICOMDIR"],
    [{ "00080016": "1.2.840.10008.5.1.4.1.1.88.11" }, "it is a structured report"],
    [{ "00080016": "1.2.3" }, "it is of the SOP class 1.2.3"],
    [{ "7fe00008": new Uint8Array(24) }, "its pixels are floating-point numbers"],
    [{ "7fe00010": new Uint8Array(0) }, "holds no picture"],
  ];
  for (const [elements, message] of objects) {
    await assertRejects(
      () => decode(dicomFile({ ...RADIOGRAPH, ...elements })),
      TypeError,
      message,
    );
  }
  await assertRejects(
    () => decode(radiograph({ "00280010": 50_000, "00280011": 50_000 })),
    RangeError,
    "50000x50000 pixels are more than 100000",
  );
});

Deno.test("decodeDicom() says truncated of a file cut anywhere, and names a frame of another size", async () => {
  const corrupt = (file: Uint8Array) =>
    assertRejects(() => decode(file), SyntaxError, "truncated or corrupt");
  for (const file of [radiograph(), radiograph({}, "1.2.840.10008.1.2")]) {
    await corrupt(file.slice(0, -1));
    await corrupt(file.slice(0, 150));
  }
  for (const { syntax, size, frame } of FRAMES) {
    const whole = radiograph({ ...size, "7fe00010": fragments(frame) }, syntax);
    await corrupt(whole.slice(0, -30));
  }
  const [rle, ...others] = FRAMES;
  for (const { syntax, size, frame } of others) {
    const larger = { "00280010": 40, "00280011": 33 };
    const file = radiograph({ ...larger, "7fe00010": [frame] }, syntax);
    await assertRejects(() => decode(file), TypeError, "pixels, expected 33x40");
    await corrupt(radiograph({ ...size, "7fe00010": [frame.slice(0, -20)] }, syntax));
  }
  for (const [value, at] of [[255, 0], [99, 7], [0, 4]] as const) {
    const frame = rle.frame.slice().fill(value, at, at + 1);
    await corrupt(radiograph({ ...rle.size, "7fe00010": [frame] }, rle.syntax));
  }
  // A failure does not affect the next image.
  const after = await grays({ ...rle.size, "7fe00010": [rle.frame] }, rle.syntax);
  assertEquals(after.at(-1), 255);
});
