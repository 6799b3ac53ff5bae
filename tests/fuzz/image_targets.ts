/**
 * Fuzz targets for image files: PNG chunk by chunk, JPEG segment by segment.
 *
 * @module
 */

import { crc32, deflateSync } from "node:zlib";
import { IMAGE_FILES } from "../support/image_files.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { MAX_PIXELS } from "../../images/read_image.ts";
import { readRegion } from "../../scoring/truth/read_region.ts";
import { regionArea } from "../../base/region.ts";
import type { Random } from "../../base/random.ts";
import { big, chance, EXTREMES, join, mutateBytes, mutateList, pick, utf8 } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

async function read(bytes: Uint8Array, folder: string): Promise<void> {
  const path = `${folder}/input.png`;
  await Deno.writeFile(path, bytes);
  const { data, width, height } = await decodeImage(path);
  if (data.length !== width * height) {
    throw new Broken(`${width}x${height} of ${data.length} bytes`);
  }
  if (data.length > MAX_PIXELS) throw new Broken(`an image of ${data.length} pixels was decoded`);
}

/** Pictures of other programs, by format. */
const FILES = Map.groupBy(Object.entries(IMAGE_FILES), ([name]) => name.split(" ")[0]!);

/** Changes a picture of another program. */
const spoil = (random: Random, format: string) =>
  mutateBytes(random, pick(random, FILES.get(format)!)[1]);

// PNG

/** Returns `usual`, or in one of ten cases an extreme number, as big-endian bytes. */
const number = (random: Random, usual: number, length: number) =>
  big(chance(random, 0.1) ? pick(random, EXTREMES) : usual, length);

/** Builds a PNG chunk with its checksum. */
export function chunk(type: string, data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const body = join(utf8(type), data);
  return join(big(data.length, 4), body, big(crc32(body), 4));
}

/** Deflates zeros. */
export const deflated = (length: number) => deflateSync(new Uint8Array(length));
/** The first bytes of a PNG. */
export const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** The last chunk of a PNG. */
export const END = chunk("IEND", []);
/** Deflates to 16 KiB: the 16 MiB reveal a reader that inflates them. */
const BOMB = deflated(2 ** 24);

/** Builds a valid 8-bit grey PNG of zeros. */
export function grayPng(width: number, height: number): Uint8Array<ArrayBuffer> {
  const header = chunk("IHDR", [...big(width, 4), ...big(height, 4), 8, 0, 0, 0, 0]);
  return join(SIGNATURE, header, chunk("IDAT", deflated((width + 1) * height)), END);
}

const header = (random: Random, [depth, type]: readonly number[]) =>
  chunk("IHDR", [
    ...number(random, 8, 4),
    ...number(random, 8, 4),
    ...number(random, depth!, 1),
    ...number(random, type!, 1),
    0,
    0,
    chance(random, 0.1) ? 1 : 0,
  ]);

const png: Target = {
  name: "png",
  share: 10,
  isOfSample: true,
  make(random) {
    if (chance(random, 0.3)) return spoil(random, "PNG");
    // Depth and colour type: grey of 1, 8 and 16 bits, RGB, palette, grey with alpha, RGBA.
    const kind = pick(random, [[1, 0], [8, 0], [16, 0], [8, 2], [8, 3], [8, 4], [8, 6]]);
    const other = () =>
      pick<() => Uint8Array<ArrayBuffer>>(random, [
        () => header(random, kind),
        () => chunk("PLTE", new Uint8Array(random.integer(0, 800))),
        () => chunk("tRNS", new Uint8Array(random.integer(0, 300))),
        () => chunk("acTL", [0, 0, 0, 2, 0, 0, 0, 0]),
        () => chunk("fcTL", new Uint8Array(26)),
        () => chunk("zTXt", join(utf8("a\0\0"), BOMB)),
        () => chunk("iCCP", join(utf8("a\0\0"), BOMB)),
        () => chunk("IDAT", chance(random, 0.2) ? BOMB : deflated(random.integer(0, 600))),
        () => join(number(random, 4, 4), utf8("tEXt"), [1, 2, 3, 4], [0, 0, 0, 0]),
        () => join(...Array(1000).fill(chunk("tEXt", utf8("a\0b")))),
        () => END,
      ])();
    const chunks = [
      header(random, kind),
      ...kind[1] === 3 ? [chunk("PLTE", new Uint8Array(6))] : [],
      chunk(
        "IDAT",
        deflated(8 * (1 + Math.ceil(8 * kind[0]! * [1, 0, 3, 1, 2, 0, 4][kind[1]!]! / 8))),
      ),
      END,
    ];
    const bytes = join(
      SIGNATURE,
      ...chance(random, 0.6) ? mutateList(random, chunks, other) : chunks,
    );
    return chance(random, 0.3) ? mutateBytes(random, bytes) : bytes;
  },
  read,
};

const mask: Target = {
  ...png,
  name: "mask",
  share: 3,
  // Few changed pictures are whole, and these are mostly black.
  make: (random) => chance(random, 0.2) ? pick(random, FILES.get("PNG")!)[1] : png.make(random),
  async read(bytes, folder) {
    const path = `${folder}/input.png`;
    await Deno.writeFile(path, bytes);
    const size = { width: 9, height: 7 };
    const { region } = await readRegion([{ kind: "png", path, left: 2, top: -1 }], size);
    const pixels = regionArea(region);
    if (pixels < 1 || pixels > 7 * 7) throw new Broken(`a mask marked ${pixels} pixels`);
  },
};

// JPEG

/** Builds a JPEG segment. */
export const segment = (marker: number, data: ArrayLike<number>) =>
  join([0xff, marker], big(data.length + 2, 2), data);

/** Builds a Huffman table with one code, a single 0 bit. */
const huffman = (table: number, symbol: number) =>
  segment(0xc4, [table, 1, ...Array(15).fill(0), symbol]);

const frame = (random: Random, marker: number, components: number) =>
  segment(marker, [
    ...number(random, 8, 1),
    ...number(random, 16, 2),
    ...number(random, 16, 2),
    components,
    ...Array.from({ length: components }, (_, i) => [i + 1, ...number(random, 0x11, 1), 0]).flat(),
  ]);

const scan = (components: number, [first, last]: readonly number[]) =>
  join(
    segment(0xda, [
      components,
      ...Array.from({ length: components }, (_, i) => [i + 1, 0]).flat(),
      first!,
      last!,
      0,
    ]),
    new Uint8Array(8),
  );

const jpeg: Target = {
  name: "jpeg",
  share: 10,
  isOfSample: true,
  make(random) {
    if (chance(random, 0.3)) return spoil(random, "JPEG");
    const components = pick(random, [1, 1, 3, 4]);
    const progressive = chance(random, 0.3);
    const marker = progressive ? 0xc2 : 0xc0;
    const other = () =>
      pick<() => Uint8Array<ArrayBuffer>>(random, [
        () => frame(random, pick(random, [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc9]), components),
        () => scan(components, pick(random, [[0, 63], [0, 0], [1, 63], [63, 1], [255, 255]])),
        () => join(...Array(500).fill(scan(1, [1, 63]))),
        () => huffman(pick(random, [0, 1, 0x10, 0x11, 0xff]), random.integer(0, 255)),
        () => segment(0xdd, number(random, 1, 2)),
        () => segment(0xdc, number(random, 16, 2)),
        () => segment(0xee, [...utf8("Adobe"), 0, 100, 0, 0, 0, 0, random.integer(0, 255)]),
        () => join([0xff, 0xe0], number(random, 8, 2), new Uint8Array(6)),
        () => new Uint8Array(random.integer(1, 2000)).fill(0xff),
      ])();
    const segments = [
      segment(0xdb, [0, ...Array(64).fill(1)]),
      frame(random, marker, components),
      huffman(0, 0),
      huffman(0x10, progressive ? 0xe0 : 0),
      scan(components, progressive ? [0, 0] : [0, 63]),
      ...progressive ? [scan(1, [1, 63])] : [],
    ];
    const bytes = join(
      [0xff, 0xd8],
      ...chance(random, 0.6) ? mutateList(random, segments, other) : segments,
      [0xff, 0xd9],
    );
    return chance(random, 0.3) ? mutateBytes(random, bytes) : bytes;
  },
  read,
};

// Sizes

/** Images with more pixels than the limit, in otherwise valid files. */
const oversize: Target = {
  name: "image size",
  share: 2,
  isOfSample: true,
  make(random) {
    const side = Math.floor(Math.sqrt(MAX_PIXELS)) + random.integer(1, 5000);
    const file = chance(random, 0.5) ? grayPng(8, 8) : join(
      [0xff, 0xd8],
      segment(0xc0, [8, ...big(side, 2), ...big(side, 2), 1, 1, 0x11, 0]),
      scan(1, [0, 63]),
      [0xff, 0xd9],
    );
    if (file[0] === 0x89) file.set([...big(side, 4), ...big(side, 4)], 16);
    return file;
  },
  read,
  refusal: /pixels are more than/,
};

/** The fuzz targets for images. */
export const IMAGE_TARGETS: readonly Target[] = [png, mask, jpeg, oversize];
