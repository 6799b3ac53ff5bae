import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { Deflate, deflate, deflateRaw, Z_FULL_FLUSH } from "pako";
import { decodeDicom } from "./dicom.ts";
import {
  BIG_ENDIAN,
  dataSet,
  type DicomElements,
  dicomFile,
  element,
  EXPLICIT,
  IMPLICIT,
  item,
  metaGroup,
  PREAMBLE,
  RADIOGRAPH,
  SPREAD,
  UNDEFINED_LENGTH,
  VALUES,
  words,
  type Writing,
} from "../../tests/support/dicom_file.ts";

const WRITINGS: Readonly<Record<string, Writing>> = {
  [EXPLICIT]: {},
  [IMPLICIT]: { isImplicit: true },
  [BIG_ENDIAN]: { isBig: true },
};

const decode = (bytes: ArrayLike<number>) => decodeDicom(Uint8Array.from(bytes), "the image", 100);

/**
 * Fails unless each file holds {@linkcode VALUES}; a reader that loses its place finds no pixels.
 * pydicom 3.0.2 and dcmtk 3.6.7 agree for the files that they can read.
 */
async function assertRead(files: Readonly<Record<string, ArrayLike<number>>>) {
  for (const [name, bytes] of Object.entries(files)) {
    const { data } = await decode(bytes).catch((error) => {
      throw new Error(name, { cause: error });
    });
    assertEquals([...data], SPREAD, name);
  }
}

/** Returns a radiograph's data set with `inserted` before its pixels. */
const body = (writing: Writing = {}, inserted: readonly number[] = []) => [
  ...dataSet(RADIOGRAPH, writing),
  ...inserted,
  ...element("7fe00010", words(VALUES, writing.isBig), writing),
];

const START = [...PREAMBLE, ...metaGroup(EXPLICIT)];

/** Returns an explicit file with `inserted` before its pixels and `after` behind them. */
const holding = (inserted: readonly number[], ...after: readonly number[][]) => [
  ...START,
  ...body({}, inserted),
  ...after.flat(),
];

const bytes = (length: number) => new Uint8Array(length).fill(7);

/** Returns a sequence of undefined length, which a delimiter should end. */
const sequence = (items: readonly number[], writing: Writing = {}) =>
  element("00400555", Uint8Array.from(items), {
    vr: "SQ",
    ...writing,
    length: UNDEFINED_LENGTH,
  });

const SEQUENCE_END = item(0xe0dd);
const ITEM_END = item(0xe00d);
const OPEN: Writing = { length: UNDEFINED_LENGTH };
const INSIDE = element("00080100", "A");
const IMPLICIT_INSIDE = element("00080100", "A", { isImplicit: true });

Deno.test("decodeDicom() skips elements of every VR, and of unknown VRs", async () => {
  for (const vr of "OB OD OF OL OV OW SV UC UN UR UT UV".split(" ")) {
    for (const length of [0, 8]) {
      const long = element("00291001", bytes(length), { vr });
      await assertRead({
        [`${vr} of ${length} bytes`]: holding(long),
        [`${vr} in an item`]: holding(
          sequence([...item(0xe000, [...long, ...INSIDE], OPEN), ...ITEM_END, ...SEQUENCE_END]),
        ),
      });
    }
  }
  const head = [0x29, 0, 1, 0x10];
  for (const vr of ["ZZ", "XL", "??", "  ", "\0\0", "us"]) {
    const letters = Array.from(vr, (letter) => letter.charCodeAt(0));
    await assertRead({
      [`"${vr}" with a length of 16 bits`]: holding([...head, ...letters, 6, 0, ...bytes(6)]),
    });
  }
  await assertRead({
    "an unknown VR with a length of 32 bits": holding(
      [...head, 0x5a, 0x5a, 0, 0, 6, 0, 0, 0, ...bytes(6)],
    ),
    "an empty element of an unknown VR": holding([...head, 0x5a, 0x5a, 0, 0]),
    "UN with a length of 16 bits": holding([...head, 0x55, 0x4e, 6, 0, ...bytes(6)]),
    "reserved bytes that are not 0": holding(
      [...head, 0x4f, 0x42, 255, 255, 6, 0, 0, 0, ...bytes(6)],
    ),
  });
});

Deno.test("decodeDicom() passes over sequences, however they end", async () => {
  const unknown: Writing = { vr: "UN" };
  let nested: number[] = [];
  for (let depth = 0; depth < 30; depth++) {
    nested = sequence([...item(0xe000, nested, OPEN), ...ITEM_END, ...SEQUENCE_END]);
  }
  const icon = [...element("00280010", 2), ...element("7fe00010", bytes(4))];
  await assertRead({
    empty: holding(element("00400555", bytes(0), { vr: "SQ" })),
    "empty, delimited": holding(sequence(SEQUENCE_END)),
    "empty items": holding(
      sequence([...item(0xe000), ...item(0xe000, [], OPEN), ...ITEM_END, ...SEQUENCE_END]),
    ),
    "items of unknown elements in implicit VR": holding(
      sequence([...item(0xe000, IMPLICIT_INSIDE, OPEN), ...ITEM_END, ...SEQUENCE_END], unknown),
    ),
    "items of unknown elements in explicit VR": holding(
      sequence([...item(0xe000, INSIDE, OPEN), ...ITEM_END, ...SEQUENCE_END], unknown),
    ),
    "delimiters that state lengths": holding(
      sequence([
        ...item(0xe000, INSIDE, OPEN),
        ...item(0xe00d, [], { length: 4 }),
        ...item(0xe0dd, [], { length: 7 }),
      ]),
    ),
    "no delimiter of an item": holding(
      sequence([...item(0xe000, INSIDE, OPEN), ...item(0xe000, INSIDE, OPEN), ...SEQUENCE_END]),
    ),
    "no delimiter of a sequence": holding(
      sequence([...item(0xe000, INSIDE, OPEN), ...ITEM_END]),
    ),
    "delimiters of nothing": holding([...ITEM_END, ...SEQUENCE_END]),
    "pixels of an icon": holding(
      sequence([...item(0xe000, icon, OPEN), ...ITEM_END, ...SEQUENCE_END]),
    ),
    "30 inside each other": holding(nested),
    "explicit items of an implicit file": [
      ...PREAMBLE,
      ...metaGroup(IMPLICIT),
      ...body(
        { isImplicit: true },
        sequence([...item(0xe000, INSIDE, OPEN), ...ITEM_END, ...SEQUENCE_END], {
          isImplicit: true,
        }),
      ),
    ],
  });
  for (let depth = 30; depth < 70; depth++) {
    nested = sequence([...item(0xe000, nested, OPEN), ...ITEM_END, ...SEQUENCE_END]);
  }
  const error = await assertRejects(() => decode(holding(nested)), RangeError);
  assertEquals(error.message, "Cannot read the image: over 64 sequences lie inside each other");
});

Deno.test("decodeDicom() reads elements that are repeated, out of order, or behind the pixels", async () => {
  const order: DicomElements = { ...RADIOGRAPH };
  const { "00280010": rows, ...others } = order;
  const pixels = element("7fe00010", words(VALUES));
  await assertRead({
    "lengths of groups": holding(element("7fe00000", bytes(4), { vr: "UL" })),
    "an element twice": holding(element("00280010", 2)),
    "rows after the pixels": [
      ...START,
      ...dataSet(others),
      ...pixels,
      ...element("00280010", rows!),
    ],
    "rows of another VR": [
      ...START,
      ...dataSet(others),
      ...element("00280010", "2", { vr: "IS" }),
      ...pixels,
    ],
    padding: holding([], element("fffcfffc", bytes(126), { vr: "OB" })),
    "padding without its end": holding([], element("fffcfffc", bytes(9), { length: 99, vr: "OB" })),
    zeros: holding([], Array(1001).fill(0)),
    "other bytes": holding([], Array.from({ length: 500 }, (_, i) => (37 * i + 11) % 256)),
    "pixels that state more bytes than are there": [
      ...START,
      ...dataSet(RADIOGRAPH),
      ...element("7fe00010", words(VALUES), { vr: "OW", length: 99 }),
    ],
  });
  const cut = holding(element("00291001", bytes(50), { vr: "OB", length: 5000 }));
  await assertRejects(() => decode(cut), SyntaxError, "truncated or corrupt");
});

Deno.test("decodeDicom() reads a file whose preamble, group 2 or transfer syntax is missing or wrong", async () => {
  for (const [syntax, writing] of Object.entries(WRITINGS)) {
    const data = body(writing);
    const meta = metaGroup(syntax);
    const command = element("00000100", 1, { isImplicit: true });
    await assertRead({
      "no preamble": [...meta, ...data],
      "no 128 bytes": [...PREAMBLE.slice(128), ...meta, ...data],
      "no group 2": [...PREAMBLE, ...data],
      "neither": data,
      "no transfer syntax": [...PREAMBLE, ...element("00020012", "1.2.3"), ...data],
      "an empty transfer syntax": [...PREAMBLE, ...metaGroup(""), ...data],
      "no length of group 2": [...PREAMBLE, ...meta.slice(12), ...data],
      "a wrong length of group 2": [
        ...PREAMBLE,
        ...element("00020000", bytes(4), { vr: "UL" }),
        ...meta.slice(12),
        ...data,
      ],
      "group 2 in implicit VR": [
        ...PREAMBLE,
        ...metaGroup(syntax, { isImplicit: true }),
        ...data,
      ],
      "group 2 in big endian": [...PREAMBLE, ...metaGroup(syntax, { isBig: true }), ...data],
      "a command": [...PREAMBLE, ...meta, ...command, ...data],
      "another encoding": [
        ...PREAMBLE,
        ...meta,
        ...body(WRITINGS[syntax === EXPLICIT ? IMPLICIT : EXPLICIT]),
      ],
      "another byte order": [
        ...PREAMBLE,
        ...meta,
        ...body(WRITINGS[syntax === BIG_ENDIAN ? IMPLICIT : BIG_ENDIAN]),
      ],
    });
  }
});

Deno.test("decodeDicom() inflates a deflated data set, within bounds", async () => {
  const start = [...PREAMBLE, ...metaGroup("1.2.840.10008.1.2.1.99")];
  const data = Uint8Array.from(body());
  const deflated = deflateRaw(data);
  await assertRead({
    deflated: [...start, ...deflated],
    "with a byte of padding": [...start, ...deflated, 0],
    "in zlib's header": [...start, ...deflate(data)],
    "not deflated": [...start, ...data],
  });
  const cut = [...start, ...deflated.subarray(0, -20)];
  await assertRejects(() => decode(cut), SyntaxError, "truncated or corrupt");
  // The same block of zeros again and again: 2 MiB, 65 times.
  const deflater = new Deflate({ raw: true });
  deflater.push(new Uint8Array(2 ** 21), Z_FULL_FLUSH);
  const zeros = Array<Uint8Array[]>(65).fill(deflater.chunks).flat();
  await assertRejects(
    () => decode(concat([Uint8Array.from(start), ...zeros])),
    RangeError,
    "inflates to more than 134217728 bytes",
  );
});

Deno.test("decodeDicom() takes no frames to be one, and names any other number", async () => {
  for (const frames of ["0", "", "1 ", " 1"]) {
    await assertRead({ [frames]: holding(element("00280008", frames)) });
  }
  await assertRejects(
    () => decode(holding(element("00280008", "30"))),
    TypeError,
    "it has 30 frames, expected 1",
  );
});

Deno.test("decodeDicom() refuses a file that ends in the middle of a number", async () => {
  const file = dicomFile({ ...RADIOGRAPH, "7fe00010": words(VALUES) });
  const half = element("00280103", Uint8Array.of(0), { vr: "US", length: 1 }).slice(0, -1);
  await assertRejects(
    () => decode([...file, ...half]),
    SyntaxError,
    "Cannot read the image: the DICOM file is truncated or corrupt",
  );
});
