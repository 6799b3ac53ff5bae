import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { Image } from "imagescript";
import { decodeImage } from "../../pipeline/decode.ts";
import {
  type DicomElements,
  dicomFile,
  RADIOGRAPH,
  words,
} from "../../tests/support/dicom_file.ts";

/** Grey values of an image of 3 x 2 pixels, from 0 to 255. */
const GRAYS = [0, 51, 102, 153, 204, 255];

const COLOR = { ...RADIOGRAPH, "00280002": 3, "00280100": 8, "00280101": 8, "00280102": 7 };

const levels = async (elements: DicomElements, syntax?: string) => [
  ...(await decodeImage(dicomFile({ ...COLOR, ...elements }, syntax))).data,
];

const color = (photometric: string, values: readonly number[], isPlanar = 0): DicomElements => ({
  "00280004": photometric,
  "00280006": isPlanar,
  "7fe00010": Uint8Array.from(values),
});

const inPixels = (second: (gray: number) => number) =>
  GRAYS.flatMap((gray) => [gray, second(gray), second(gray)]);
const inPlanes = (second: (gray: number) => number) => [
  ...GRAYS,
  ...GRAYS.map(second),
  ...GRAYS.map(second),
];
const same = (gray: number) => gray;
const middle = () => 128;

Deno.test("decodeDicom() takes grey that is stored as RGB or YBR", async () => {
  assertEquals(await levels(color("RGB", inPixels(same))), GRAYS);
  assertEquals(await levels(color("RGB", inPlanes(same), 1)), GRAYS);
  assertEquals(await levels(color("YBR_FULL", inPixels(middle))), GRAYS);
  assertEquals(await levels(color("YBR_FULL", inPlanes(middle), 1)), GRAYS);
  // Rounding may put the chroma of grey one level beside 128.
  assertEquals(await levels(color("YBR_FULL", inPixels((gray) => 127 + gray % 3))), GRAYS);
  const pairs = [0, 2, 4].flatMap((i) => [GRAYS[i]!, GRAYS[i + 1]!, 128, 128]);
  assertEquals(await levels(color("YBR_FULL_422", pairs)), GRAYS);
  // pydicom, too, accepts whole pixels in a file that claims YBR_FULL_422.
  assertEquals(await levels(color("YBR_FULL_422", inPixels(middle))), GRAYS);
  const deep = { "00280100": 16, "00280101": 12, "00280102": 11 };
  const values = { "7fe00010": words(inPixels(same).map((gray) => 16 * gray)) };
  assertEquals(await levels({ ...color("RGB", []), ...deep, ...values }), GRAYS);
});

Deno.test("decodeDicom() spreads grey that is stored as RGB, and gives it no window", async () => {
  const dark = color("RGB", inPixels((gray) => gray).map((gray) => gray / 3 + 20));
  const file = dicomFile({ ...COLOR, ...dark, "00281050": "50", "00281051": "20" });
  const { data, grayLevels } = await decodeImage(file);
  assertEquals([...data], GRAYS);
  assertEquals(grayLevels, "window not applied to RGB: values 20 to 105 spread");
});

Deno.test("decodeDicom() refuses colours", async () => {
  const cases = [
    color("RGB", inPixels(same).with(4, 50)),
    color("RGB", inPixels(middle)),
    color("YBR_FULL", inPixels(middle).with(4, 140)),
    color("YBR_FULL", inPixels(same)),
  ];
  for (const elements of cases) {
    const message = `its ${elements["00280004"]} pixels have colours, expected greys`;
    await assertRejects(() => levels(elements), TypeError, message);
  }
});

Deno.test("decodeDicom() takes grey through a palette of greys alone", async () => {
  const palette = (second: readonly number[]) => ({
    ...{ "00280002": 1, "00280004": "PALETTE COLOR" },
    "7fe00010": Uint8Array.of(1, 2, 3, 4, 5, 6),
    ...Object.fromEntries([1, 2, 3].flatMap((channel) => [
      [`0028110${channel}`, words([6, 1, 16])],
      [`0028120${channel}`, words(channel === 2 ? second : GRAYS.map((gray) => 257 * gray))],
    ])),
  });
  assertEquals(await levels(palette(GRAYS.map((gray) => 257 * gray))), GRAYS);
  const message = "its palette has colours, expected greys";
  await assertRejects(() => levels(palette(GRAYS)), TypeError, message);
});

/**
 * JPEG-LS of 24 x 16 grey pixels in blocks of 8 x 8, from pyjpegls: interleaved by sample, and not.
 */
const JPEG_LS = [
  "/9j/9wARCAAQABgDAREAAhEAAxEA/9oADAMBAAIAAwAAAgD8AAAFlEzNK/9/gAAAsgAAALEABPd3d3d2ZmZmZmZnUCCD" +
  "MEEHiEIXCEOkIQnCI4REPERwiIeIjhEQ8RHCSPJMAAAHMAAAcwAABzMzMqqqtttttKAAABZRIxbbbbbbbbbdgXlySSSS" +
  "SSSVVS5cmcIQnCEOEIQeERwiIeIjhEQ8RHCIh4iOERDxEcIiHiIw/9k=",
  "/9j/9wARCAAQABgDAREAAhEAAxEA/9oACAEBAAAAAPwAAAWSV4AAALJVVVVXUzeK/TPwv4X8L+F+AFm0kkAAABZZJJIS" +
  "SSVQ55+F/C/hfwv4X8L8/9oACAECAAAAAPwAAAWSV4AAALJVVVVXUzeK/TPwv4X8L+F+AFm0kkAAABZZJJISSSVQ55+F" +
  "/C/hfwv4X8L8/9oACAEDAAAAAPwAAAWSV4AAALJVVVVXUzeK/TPwv4X8L+F+AFm0kkAAABZZJJISSSVQ55+F/C/hfwv4" +
  "X8L8/9k=",
].map((text) => Uint8Array.fromBase64(text));

Deno.test("decodeDicom() takes grey that is compressed as colours, and refuses colours", async () => {
  const size = { "00280010": 16, "00280011": 24 };
  const blocks = Array.from({ length: 384 }, (_, i) => GRAYS[(i >> 3) % 3 + (i < 192 ? 0 : 3)]!);
  for (const frame of JPEG_LS) {
    const elements = { ...color("RGB", []), ...size, "7fe00010": [frame] };
    assertEquals(await levels(elements, "1.2.840.10008.1.2.4.80"), blocks);
  }
  const picture = new Image(24, 16);
  blocks.forEach((gray, i) => picture.bitmap.set([gray, gray, gray, 255], 4 * i));
  const jpeg = async (photometric: string) =>
    await levels(
      { ...color(photometric, []), ...size, "7fe00010": [await picture.encodeJPEG(90)] },
      "1.2.840.10008.1.2.4.50",
    );
  // Some files claim RGB for a JPEG in YBR.
  for (const photometric of ["YBR_FULL_422", "RGB"]) {
    assertEquals(await jpeg(photometric), blocks);
  }
  picture.bitmap.set([200, 0, 0], 0);
  await assertRejects(() => jpeg("YBR_FULL"), TypeError, "its YBR_FULL pixels have colours");
  // Three RLE segments, each with six literal bytes.
  const segments = [64, 72, 80].flatMap((at) => [at, 0, 0, 0]);
  const rle = [
    3,
    0,
    0,
    0,
    ...segments,
    ...Array(48).fill(0),
    ...Array(3).fill([5, ...GRAYS, 128]).flat(),
  ];
  const frame = Uint8Array.from(rle);
  assertEquals(
    await levels({ ...color("RGB", []), "7fe00010": [frame] }, "1.2.840.10008.1.2.5"),
    GRAYS,
  );
});
