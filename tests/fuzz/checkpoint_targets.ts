/**
 * Fuzz targets for checkpoints: pickles and zips of `torch.save`, and safetensors.
 *
 * @module
 */

import {
  type Checkpoint,
  openCheckpoint,
  readRow,
  readTensor,
} from "../../models/checkpoint/mod.ts";
import * as py from "../support/torch_file.ts";
import type { Random } from "../../base/random.ts";
import {
  chance,
  EXTREMES,
  join,
  little,
  mutateBytes,
  mutateJson,
  mutateList,
  pick,
  utf8,
} from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

/** Opens a checkpoint and reads its first eight tensors. */
async function readAll(bytes: Uint8Array, folder: string): Promise<Checkpoint> {
  const path = `${folder}/input.pth`;
  await Deno.writeFile(path, bytes);
  const checkpoint = await openCheckpoint(path);
  for (const [name, { shape, dtype }] of [...checkpoint.tensors].slice(0, 8)) {
    if (!dtype.includes("float")) continue;
    const values = await readTensor(checkpoint, name);
    const count = shape.reduce((product, size) => product * size, 1);
    if (values.length !== count) throw new Broken(`${count} elements became ${values.length}`);
    if ((shape[0] ?? 0) > 0) await readRow(checkpoint, name, shape[0]! - 1);
  }
  return checkpoint;
}

// Pickles

const FORBIDDEN: readonly (readonly [module: string, name: string])[] = [
  ["os", "system"],
  ["posix", "system"],
  ["builtins", "eval"],
  ["__builtin__", "getattr"],
  ["subprocess", "Popen"],
  ["torch", "load"],
  ["torch.storage", "_load_from_bytes"],
  ["collections", "OrderedDict.__class__"],
  ["\u001b[2J", "x".repeat(3000)],
];

const VIEWS: readonly Pick<py.TensorPiece, "shape" | "strides">[] = [
  { shape: [6], strides: [1] },
  { shape: [2, 3], strides: [3, 1] },
  { shape: [3, 2], strides: [1, 3] },
  { shape: [], strides: [] },
  { shape: [0], strides: [1] },
  { shape: [40, 6], strides: [0, 1] },
  { shape: [2 ** 22, 8], strides: [0, 0] },
];

/** Returns a state dict as a list of opcodes. */
function stateDict(random: Random): py.Piece[] {
  const number = (usual: number) => chance(random, 0.03) ? pick(random, EXTREMES) : usual;
  const entries = Array.from({ length: random.integer(1, 3) }, (_, i) => {
    const type = pick(random, ["FloatStorage", "HalfStorage", "LongStorage", "BoolStorage"]);
    const tensor = py.tensor({
      type,
      key: pick(random, ["0", "1"]),
      count: number(6),
      start: number(0),
      ...pick(random, VIEWS),
      ...chance(random, 0.1) && { shape: [number(1), number(2)] },
      ...chance(random, 0.1) && { strides: [number(0), number(1)] },
    });
    return [...split(py.text(`layer.${i}.weight`)), ...split(tensor)];
  });
  return [[0x7d], [0x28], ...entries.flat(), [0x75]];
}

/** Splits a piece into opcodes; knows only the opcodes with arguments that the fixture writes. */
function split(piece: py.Piece): py.Piece[] {
  const pieces: py.Piece[] = [];
  for (let at = 0; at < piece.length;) {
    const opcode = piece[at]!;
    let end = at + 1;
    if (opcode === 0x58) end = at + 5 + piece[at + 1]!;
    else if (opcode === 0x8a) end = at + 2 + piece[at + 1]!;
    else if (opcode === 0x63) end = piece.indexOf(0x0a, piece.indexOf(0x0a, at) + 1) + 1;
    pieces.push(piece.slice(at, end));
    at = end;
  }
  return pieces;
}

/** Returns any opcode, possibly with absurd arguments. */
function anyOpcode(random: Random): py.Piece {
  const extreme = (length: number) => little(pick(random, EXTREMES), length);
  return pick<() => py.Piece>(random, [
    () => [random.integer(0, 255)],
    () => [pick(random, [0x28, 0x30, 0x52, 0x51, 0x62, 0x61, 0x65, 0x73, 0x75, 0x74, 0x94])],
    () => [pick(random, [0x29, 0x4e, 0x5d, 0x7d, 0x85, 0x86, 0x87, 0x88, 0x89, 0x93, 0x2e])],
    () => [pick(random, [0x4a, 0x6a, 0x72]), ...extreme(4)],
    () => [pick(random, [0x58, 0x42]), ...extreme(4)],
    () => [pick(random, [0x8d, 0x95]), ...extreme(8)],
    () => [pick(random, [0x4b, 0x68, 0x71]), random.integer(0, 255)],
    () => [0x8a, ...pick(random, [[0], [255], [8, ...extreme(8)], [1, 0xff]])],
    () => [0x47, ...extreme(8)],
    () => py.text(pick(random, ["", "storage", "__proto__", "state_dict", "\u0000", "\u001b[2J"])),
    () => py.global("collections", "OrderedDict"),
    () => py.global("torch._utils", pick(random, ["_rebuild_tensor", "_rebuild_parameter"])),
    () => py.global(...pick(random, FORBIDDEN)),
    () => [...Array(2000).fill(0x28)],
    () => [...Array(2000).fill(0x5d), ...Array(1999).fill(0x61)],
  ])();
}

const STORAGES = [new Uint8Array(48), Uint8Array.from({ length: 48 }, (_, i) => i)];

/** Builds an archive as `torch.save` writes it, around a pickle. */
export function torchZip(pickle: Uint8Array, random?: Random): Uint8Array<ArrayBuffer> {
  return zip([
    ["archive/data.pkl", pickle],
    ["archive/byteorder", utf8("little")],
    ...STORAGES.map((storage, i) => [`archive/data/${i}`, storage] as const),
  ], random);
}

/** Streams of opcodes, some of them in the wrong place. */
const pickle: Target = {
  name: "pickle",
  share: 25,
  make(random) {
    const pieces = mutateList(random, stateDict(random), anyOpcode);
    const bytes = py.pickle(...chance(random, 0.2) ? stateDict(random) : pieces);
    return torchZip(chance(random, 0.2) ? mutateBytes(random, bytes) : bytes);
  },
  read: readAll,
};

/** A state dict with a forbidden global at a random place: the reader must ignore or refuse it. */
const globals: Target = {
  name: "pickle-globals",
  share: 5,
  make(random) {
    // Use no extreme numbers, so that the global is the only fault.
    const tensor = py.tensor({ count: 6, shape: [2, 3], strides: [3, 1] });
    const pieces = [[0x7d], [0x28], ...split(py.text("weight")), ...split(tensor), [0x75]];
    const code = split(py.call(py.global(...pick(random, FORBIDDEN)), py.text("touch /tmp/x")));
    pieces.splice(random.integer(0, pieces.length), 0, ...code);
    return torchZip(py.pickle(...pieces));
  },
  read: readAll,
};

// Zips

type Field = readonly [value: number | bigint, bytes: number];

/** Builds a zip of stored entries. With `random`, some fields become extreme or contradictory. */
export function zip(
  entries: readonly (readonly [name: string, content: Uint8Array])[],
  random?: Random,
): Uint8Array<ArrayBuffer> {
  const fields = (list: readonly Field[]) =>
    list.flatMap(([value, bytes]) =>
      little(random && chance(random, 0.02) ? pick(random, EXTREMES) : value, bytes)
    );
  const body: ArrayLike<number>[] = [];
  const directory: ArrayLike<number>[] = [];
  const length = (parts: readonly ArrayLike<number>[]) =>
    parts.reduce((sum, part) => sum + part.length, 0);
  for (const [name, content] of entries) {
    const offset = length(body);
    const size = content.length;
    // Method 0 is stored; 8 is deflated, which `torch.save` never writes.
    const method = random && chance(random, 0.03) ? 8 : 0;
    const extra = random && chance(random, 0.05) ? zip64(random) : [];
    const flags: Field[] = [[0, 2], [method, 2], [0, 4], [0, 4]];
    const sizes: Field[] = [[size, 4], [size, 4], [name.length, 2], [extra.length, 2]];
    const rest: Field[] = [[0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]];
    const local = fields([[0x04034b50, 4], [20, 2], ...flags, ...sizes]);
    body.push(local, utf8(name), extra, content);
    const central = fields([[0x02014b50, 4], [20, 2], [20, 2], ...flags, ...sizes, ...rest]);
    directory.push(central, utf8(name), extra);
  }
  const [count, start, bytes] = [entries.length, length(body), length(directory)];
  const end: Field[] = [[0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [bytes, 4]];
  return join(...body, ...directory, fields([...end, [start, 4], [0, 2]]));
}

/** Builds an extra field with 64-bit sizes. */
function zip64(random: Random): number[] {
  const numbers = Array.from({ length: random.integer(0, 4) }, () => pick(random, EXTREMES));
  return [
    ...little(1, 2),
    ...little(8 * numbers.length, 2),
    ...numbers.flatMap((n) => little(n, 8)),
  ];
}

/** Archives with damaged or contradictory directories. */
const archive: Target = {
  name: "zip",
  share: 20,
  make(random) {
    const bytes = torchZip(py.pickle(...stateDict(random)), random);
    return chance(random, 0.4) ? mutateBytes(random, bytes) : bytes;
  },
  read: readAll,
};

// Safetensors

const HEADER = {
  __metadata__: { format: "pt" },
  "a.weight": { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
  "a.bias": { dtype: "BF16", shape: [2], data_offsets: [24, 28] },
  ids: { dtype: "I64", shape: [1, 2], data_offsets: [28, 44] },
  empty: { dtype: "U8", shape: [0, 4], data_offsets: [44, 44] },
};

/** Headers with absurd or hostile fields, some of them damaged as well. */
const safetensors: Target = {
  name: "safetensors",
  share: 20,
  make(random) {
    const header = utf8(chance(random, 0.9) ? mutateJson(random, HEADER) : JSON.stringify(HEADER));
    const length = chance(random, 0.05) ? pick(random, EXTREMES) : header.length;
    const bytes = join(little(length, 8), header, new Uint8Array(44));
    return chance(random, 0.2) ? mutateBytes(random, bytes) : bytes;
  },
  read: readAll,
};

/** The fuzz targets for checkpoints. */
export const CHECKPOINT_TARGETS: readonly Target[] = [pickle, globals, archive, safetensors];
