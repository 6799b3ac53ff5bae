import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeImage } from "../../pipeline/decode.ts";
import {
  type DicomElements,
  dicomFile,
  RADIOGRAPH,
  SPREAD,
  VALUES,
  words,
} from "../../tests/support/dicom_file.ts";

/** Squares of all 12-bit values, scaled to 16 bits. */
const CURVE = Array.from({ length: 4096 }, (_, x) => Math.trunc(65535 * (x / 4095) ** 2));

const table = (entries: readonly number[], first = 0, bits = 16, more: DicomElements = {}) => ({
  "00283002": words([entries.length, first, bits]),
  "00283006": words(entries),
  ...more,
});

const voi = (...items: DicomElements[]): DicomElements => ({ "00283010": { items } });
const modality = (...items: DicomElements[]): DicomElements => ({ "00283000": { items } });
const window = (center: string, width: string, more: DicomElements = {}): DicomElements => ({
  ...{ "00281050": center, "00281051": width, ...more },
});

async function read(elements: DicomElements, syntax?: string) {
  const file = dicomFile({ ...RADIOGRAPH, "7fe00010": words(VALUES), ...elements }, syntax);
  const { data, grayLevels } = await decodeImage(file);
  return { levels: [...data], text: grayLevels! };
}

/**
 * Checks the grey levels and their text; each level may differ by 1 from pydicom 3.0.2's rounded
 * level.
 */
async function requireGray(elements: DicomElements, expected: readonly number[], text: string) {
  const found = await read(elements);
  assertEquals(found.text, text);
  const isNear = found.levels.every((level, i) => Math.abs(level - expected[i]!) <= 1);
  assert(isNear, `${text}: expected ${expected}, got ${found.levels}`);
}

Deno.test("decodeDicom() reads the VOI table of the shared case", async () => {
  const folder = new URL("../../../shared/cases/dicom-voi-lut/", import.meta.url);
  const { data, width, grayLevels } = await decodeImage(new URL("a.dcm", folder).pathname);
  assertEquals([...data.subarray(0, width)], [0, 0, 0, 0, 0, 0, 1, 1]);
  assertEquals([...data.subarray(-width)], [133, 143, 154, 165, 176, 188, 201, 214]);
  assertEquals(grayLevels, "VOI table 1 of 1 (curve): 4096 entries of 16 bits from 0");
});

Deno.test("decodeDicom() takes grey through VOI tables, as pydicom", async () => {
  const squared = [0, 15, 61, 137, 243, 255];
  const entries = "4096 entries of 16 bits from 0";
  const named = table(CURVE, 0, 16, { "00283003": "NORMAL" });
  await requireGray(voi(named), squared, `VOI table 1 of 1 (NORMAL): ${entries}`);
  await requireGray(
    voi(table(CURVE.map((entry) => entry >> 4), 0, 12)),
    squared,
    "VOI table 1 of 1: 4096 entries of 12 bits from 0",
  );
  await requireGray(
    { ...voi(table(CURVE)), "00280004": "MONOCHROME1" },
    [255, 240, 194, 118, 12, 0],
    `VOI table 1 of 1: ${entries}; inverted (MONOCHROME1)`,
  );
  await requireGray(
    voi(table(CURVE.slice(1000, 3001), 1000)),
    [15, 15, 61, 137, 137, 137],
    "VOI table 1 of 1: 2001 entries of 16 bits from 1000",
  );
  await requireGray(
    { ...voi(table(CURVE, 0x10000 - 1000)), "00281052": "-1000.25", "00281053": "0.5" },
    [0, 4, 15, 34, 61, 64],
    "VOI table 1 of 1: 4096 entries of 16 bits from -1000; " +
      "after rescale slope 0.5, intercept -1000.25",
  );
  await requireGray(
    {
      ...voi(table(CURVE, 0x10000 - 2048)),
      "00280103": 1,
      "7fe00010": words(VALUES.map((value) => value - 2048)),
    },
    squared,
    "VOI table 1 of 1: 4096 entries of 16 bits from -2048",
  );
  await requireGray(
    { ...voi(table(CURVE), table([0, 1])), ...window("1\\2", "1\\2") },
    squared,
    `VOI table 1 of 2: ${entries}, before 2 windows`,
  );
  const whole = Array.from({ length: 65536 }, (_, x) => 65535 - x);
  await requireGray(
    { ...voi({ ...table(whole), "00283002": words([0, 0, 16]) }), "00280101": 16, "00280102": 15 },
    [255, 251, 247, 243, 239, 239],
    "VOI table 1 of 1: 65536 entries of 16 bits from 0",
  );
});

Deno.test("decodeDicom() reads tables in every byte order, of 8 bits one or two in a word", async () => {
  const short = { "00280100": 8, "00280101": 8, "00280102": 7 };
  const pixels = [0 + 256 * 10, 20 + 256 * 200, 250 + 256 * 255];
  const expected = [255, 245, 235, 55, 5, 0];
  const inverse = Array.from({ length: 256 }, (_, x) => 255 - x);
  const pairs = Array.from({ length: 128 }, (_, i) => inverse[2 * i]! + 256 * inverse[2 * i + 1]!);
  for (const syntax of ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"]) {
    const isBig = syntax.endsWith("2.2");
    for (const data of [inverse, pairs]) {
      const item = { "00283002": words([256, 0, 8], isBig), "00283006": words(data, isBig) };
      const elements = { ...short, "7fe00010": words(pixels, isBig), ...voi(item) };
      assertEquals((await read(elements, syntax)).levels, expected, syntax);
    }
  }
  // pydicom 3.0.2 lets the indices of such a table overflow.
  const item = table(CURVE.map((entry) => entry >> 8), 0, 8);
  assertEquals((await read(voi(item))).levels, [0, 15, 61, 137, 244, 255]);
});

Deno.test("decodeDicom() takes grey through modality tables, then windows or VOI tables", async () => {
  const squared = [0, 15, 61, 137, 243, 255];
  const named = table(CURVE, 0, 16, { "00283003": "HU" });
  await requireGray(
    modality(named),
    squared,
    "no window: values 0 to 65535 spread; after the modality table (HU)",
  );
  await requireGray(
    { ...modality(table(CURVE)), ...window("30000", "40000") },
    [0, 0, 36, 160, 255, 255],
    "window 1 of 1: centre 30000, width 40000; after the modality table",
  );
  const inverse = Array.from({ length: 65536 }, (_, x) => 65535 - x);
  await requireGray(
    {
      ...modality(table(CURVE)),
      ...voi({ ...table(inverse), "00283002": words([0, 0, 16]) }),
      // The modality table replaces slope and intercept.
      "00281052": "7",
      "00281053": "9",
    },
    [255, 240, 194, 118, 12, 0],
    "VOI table 1 of 1: 65536 entries of 16 bits from 0; after the modality table",
  );
});

Deno.test("decodeDicom() takes the first window and its form, and says which", async () => {
  const explained = { "00281055": "NORMAL\\HARD" };
  await requireGray(
    window("2000\\1", "5000\\2", { ...explained, "00281056": "LINEAR_EXACT" }),
    [25, 76, 128, 178, 230, 234],
    "window 1 of 2: centre 2000, width 5000, LINEAR_EXACT (NORMAL)",
  );
  await requireGray(
    window("2000", "5000", { "00281056": "SIGMOID" }),
    [43, 79, 128, 176, 212, 215],
    "window 1 of 1: centre 2000, width 5000, SIGMOID",
  );
  await requireGray(
    window("2000", "2001", { "00281056": "CUBIC", "00281055": "Doe^Jane" }),
    [0, 0, 128, 255, 255, 255],
    "window 1 of 1: centre 2000, width 2001, unknown form taken as LINEAR",
  );
  await requireGray(
    { ...window("-1500", "3000"), "00281052": "0", "00281053": "-0.5" },
    [255, 213, 170, 128, 85, 81],
    "window 1 of 1: centre -1500, width 3000; after rescale slope -0.5, intercept 0",
  );
  // Like pydicom and dcmtk, ignore an intercept without a slope.
  await requireGray(
    { ...window("2000", "3000"), "00281052": "1000" },
    [0, 43, 128, 213, 255, 255],
    "window 1 of 1: centre 2000, width 3000; rescale intercept without a slope not applied",
  );
  const frame = {
    items: [{
      "00289132": { items: [window("2000", "2001", { "00281055": "LUNG" })] },
      "00289145": { items: [{ "00281052": "1000", "00281053": "1" }] },
    }],
  };
  for (const tag of ["52009229", "52009230"]) {
    await requireGray(
      { [tag]: frame },
      [0, 128, 255, 255, 255, 255],
      "window 1 of 1: centre 2000, width 2001 (LUNG); after rescale slope 1, intercept 1000",
    );
  }
});

Deno.test("decodeDicom() spreads values where there is no window or table, and says so", async () => {
  const spread = "values 0 to 4095 spread";
  const cases: [DicomElements, string][] = [
    [{}, "no window"],
    [{ ...voi(), ...modality(), ...window("", "") }, "no window"],
    [window("40", "0"), "window of width 0 not applied"],
    [window("40", ""), "window without a width not applied"],
    [window("", "40"), "window without a centre not applied"],
    [voi({ "00283002": words([4096, 0, 16]) }), "VOI table without entries; no window"],
  ];
  for (const [elements, text] of cases) await requireGray(elements, SPREAD, `${text}: ${spread}`);
  await requireGray(
    { "00280120": 0, "00280121": 1000 },
    [0, 0, 0, 122, 243, 255],
    "no window: values 2000 to 4095 spread; padding 0 to 1000 left out",
  );
  const signed = { "00280103": 1, "7fe00010": words([-2000, -1999, 0, 500, 1000, 2000]) };
  await requireGray(
    { ...signed, "00280120": 0x10000 - 1000, "00280121": 0x10000 - 2000 },
    [0, 0, 0, 63, 127, 255],
    "no window: values 0 to 2000 spread; padding -2000 to -1000 left out",
  );
  await requireGray(
    { "00280120": 4095 },
    [0, 63, 127, 191, 255, 255],
    [
      "no window: values 0 to 4000 spread",
      "padding 4095 left out",
    ].join("; "),
  );
});

Deno.test("decodeDicom() inverts by the presentation shape, and once", async () => {
  const inverse = SPREAD.map((level) => 255 - level);
  const spread = "no window: values 0 to 4095 spread";
  await requireGray({ "20500020": "IDENTITY" }, SPREAD, spread);
  await requireGray(
    { "20500020": "INVERSE" },
    inverse,
    `${spread}; inverted (presentation shape INVERSE)`,
  );
  await requireGray(
    { "20500020": "INVERSE", "00280004": "MONOCHROME1" },
    inverse,
    `${spread}; inverted (MONOCHROME1)`,
  );
});

Deno.test("decodeDicom() names an element that it cannot apply, and never the patient", async () => {
  const cases: [DicomElements, string][] = [
    [
      voi(table(CURVE.slice(0, 100), 0, 16, { "00283002": words([200, 0, 16]) })),
      "its VOI table has 100 entries, expected 200",
    ],
    [voi(table(CURVE, 0, 32)), "its VOI table has 32 bits an entry, expected 8 to 16"],
    [voi(table(CURVE, 0, 12)), "its VOI table holds 65535, more than its 12 bits can"],
    [modality({ "00283003": "Doe^Jane" }), "its modality table has no entries"],
    [{ "00283010": words([1]) }, "its VOI table is no sequence"],
    [{ "20500010": { items: [table(CURVE)] } }, "its grey goes through a presentation table"],
    [{ "20500020": "LIN OD" }, "its presentation shape is unknown (LIN OD), expected IDENTITY"],
    [{ "20500020": "Doe^Jane" }, "its presentation shape is unknown, expected IDENTITY"],
    [
      { "20500020": "IDENTITY", "00280004": "MONOCHROME1" },
      "low values are bright by its MONOCHROME1 and dark by its presentation shape IDENTITY",
    ],
    [{ "00281052": "1", "00281053": "0" }, "its rescale slope is 0, expected any other number"],
    [window("40", "1,5"), "its window width is no number"],
    [window("Doe^Jane", "15"), "its window centre is no number"],
  ];
  for (const [elements, message] of cases) {
    const error = await assertRejects(() => read(elements), TypeError);
    assert(error.message.startsWith(`Cannot read the image: ${message}`), error.message);
    assert(!error.message.includes("Doe"));
  }
});
