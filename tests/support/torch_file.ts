/**
 * Writes small pickles and PyTorch archives by hand, so that tests can make files that
 * `torch.save` would never write.
 *
 * @module
 */
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";

/** A piece of a pickle. */
export type Piece = readonly number[];

/** A whole pickle of protocol 2. */
export function pickle(...pieces: Piece[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([0x80, 2, ...pieces.flat(), 0x2e]);
}

/** BINUNICODE. */
export function text(value: string): Piece {
  const encoded = new TextEncoder().encode(value);
  return [0x58, ...littleEndian(BigInt(encoded.length), 4), ...encoded];
}

/** LONG1 of eight bytes. */
export function int(value: number | bigint): Piece {
  return [0x8a, 8, ...littleEndian(BigInt(value), 8)];
}

/** GLOBAL. */
export function global(module: string, name: string): Piece {
  return [0x63, ...new TextEncoder().encode(`${module}\n${name}\n`)];
}

/** MARK, the items, TUPLE. */
export function tuple(...items: Piece[]): Piece {
  return [0x28, ...items.flat(), 0x74];
}

/** EMPTY_DICT, MARK, keys and values, SETITEMS. */
export function dict(entries: readonly (readonly [string, Piece])[]): Piece {
  return [
    0x7d,
    0x28,
    ...entries.flatMap(([key, value]) => [...text(key), ...value]),
    0x75,
  ];
}

/** A global called with arguments. */
export function call(callee: Piece, ...args: Piece[]): Piece {
  return [...callee, ...tuple(...args), 0x52];
}

/** Description of a tensor for {@linkcode tensor}. */
export interface TensorPiece {
  readonly type?: string;
  readonly key?: string;
  readonly count: number | bigint;
  readonly start?: number | bigint;
  readonly shape: readonly (number | bigint)[];
  readonly strides: readonly (number | bigint)[];
}

/** A tensor as `torch.save` writes it. */
export function tensor(
  { type = "FloatStorage", key = "0", count, start = 0, shape, strides }: TensorPiece,
): Piece {
  const storage = tuple(
    text("storage"),
    global("torch", type),
    text(key),
    text("cpu"),
    int(count),
  );
  return call(
    global("torch._utils", "_rebuild_tensor_v2"),
    [...storage, 0x51],
    int(start),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    [0x89],
    call(global("collections", "OrderedDict")),
  );
}

/** Makes a zip of named entries; an entry is stored unless it has a level of compression. */
export async function zip(
  entries: readonly (readonly [name: string, content: Uint8Array, level?: number])[],
): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), {
    useWebWorkers: false,
  });
  for (const [name, content, level = 0] of entries) {
    await writer.add(name, new Uint8ArrayReader(content), { level });
  }
  return Uint8Array.from(await writer.close());
}

/** Makes a PyTorch archive of a pickle and of storages, which get the names 0, 1, ... */
export function torchZip(
  dataPickle: Uint8Array,
  ...storages: (Float32Array | Uint8Array | Uint16Array | BigInt64Array | Float64Array)[]
): Promise<Uint8Array<ArrayBuffer>> {
  return zip([
    ["archive/data.pkl", dataPickle],
    ["archive/byteorder", new TextEncoder().encode("little")],
    ...storages.map(({ buffer }, index) =>
      [`archive/data/${index}`, new Uint8Array(buffer)] as const
    ),
  ]);
}

/** Runs a function on a temporary file with the given content. */
export async function withFile<Result>(
  content: Uint8Array | string,
  use: (path: string) => Promise<Result>,
  suffix = ".pth",
): Promise<Result> {
  const path = await Deno.makeTempFile({ suffix });
  try {
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

/** The lowest `length` bytes of an integer. */
export function littleEndian(value: bigint, length: number): number[] {
  return Array.from(
    { length },
    (_, index) => Number(value >> BigInt(8 * index) & 0xffn),
  );
}
