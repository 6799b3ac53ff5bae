// The reader of zip.js alone adds a tenth of the whole library's size to a page.
import { type Entry, Reader, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { ByteFile } from "../byte_file.ts";
import { quote } from "../../../base/text.ts";
import { ITEM_BYTES, type TensorEntry } from "../tensor_entry.ts";
import type { TensorSet } from "../tensor_set.ts";
import {
  readTorchPickle,
  type Setting,
  type TorchStorage,
  type TorchTensor,
} from "./torch_pickle.ts";

const MAX_DIRECTORY_BYTES = 64 * 2 ** 20;
const MAX_PICKLE_BYTES = 64 * 2 ** 20;
const MAX_BYTEORDER_BYTES = 16;

// Local file header, section 4.3.7 of PKWARE's APPNOTE.
const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const LOCAL_NAME_LENGTH_OFFSET = 26;
const LOCAL_EXTRA_LENGTH_OFFSET = 28;

/**
 * Reads the descriptions of tensors from a zip made by `torch.save`, never their data.
 *
 * @param file The open file. Locating a set opens the same path again, once per set.
 * @returns At least one set of tensors, outer sets before inner sets, and the settings beside them.
 * @throws {SyntaxError} If the archive is damaged or holds no named tensors. The message is a
 * reason without the name of the file.
 */
export async function readTorchZip(file: ByteFile): Promise<{
  readonly sets: TensorSet[];
  readonly settings: ReadonlyMap<string, Setting>;
}> {
  const entries = await readDirectory(file);
  const prefix = findPrefix(entries);
  const byteOrder = entries.get(`${prefix}byteorder`);
  if (byteOrder !== undefined) await checkByteOrder(file, byteOrder);
  const pickle = entries.get(`${prefix}data.pkl`)!;
  if (pickle.uncompressedSize > MAX_PICKLE_BYTES) {
    throw new SyntaxError(
      `its data.pkl has ${pickle.uncompressedSize} bytes, at most ${MAX_PICKLE_BYTES} are read`,
    );
  }
  const { sets: pickled, settings } = readTorchPickle(
    await file.read(await locate(file, pickle), pickle.uncompressedSize),
  );
  const sets = pickled.map(({ keys, tensors, unknown }) => {
    const find = async () => {
      using again = await ByteFile.open(file.path);
      return await locateTensors(again, entries, prefix, tensors);
    };
    // Finding the tensors reads a header per storage, and a load asks more than once.
    let located: ReturnType<typeof find> | undefined;
    return {
      keys,
      shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])),
      unknown,
      locate: () => located ??= find(),
    };
  });
  return { sets, settings };
}

/** Finds the bytes of tensors in the file, and keeps the order of the tensors. */
async function locateTensors(
  file: ByteFile,
  entries: ReadonlyMap<string, Entry>,
  prefix: string,
  pickled: ReadonlyMap<string, TorchTensor>,
): Promise<Map<string, TensorEntry>> {
  /** Data offsets of the storages so far, because tensors may share a storage. */
  const offsets = new Map<string, number>();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, { storage, start, shape, strides, span }] of pickled) {
    const entryName = `${prefix}data/${storage.key}`;
    const entry = entries.get(entryName);
    if (entry === undefined) {
      throw new SyntaxError(
        `its tensor ${quote(name)} needs the entry ${quote(entryName)}, which is missing`,
      );
    }
    checkStorageSize(entry, storage);
    const storageOffset = offsets.get(entryName) ?? await locate(file, entry);
    offsets.set(entryName, storageOffset);
    const itemBytes = ITEM_BYTES[storage.dtype];
    tensors.set(name, {
      name,
      dtype: storage.dtype,
      shape,
      offset: storageOffset + start * itemBytes,
      byteLength: span * itemBytes,
      ...(strides === undefined ? {} : { strides }),
    });
  }
  return tensors;
}

/** Lets zip.js read the file by ranges. */
class ByteFileReader extends Reader<ByteFile> {
  readonly #file: ByteFile;

  constructor(file: ByteFile) {
    super(file);
    this.#file = file;
    this.size = file.size;
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const available = Math.max(0, Math.min(length, this.size - index));
    if (available > MAX_DIRECTORY_BYTES) {
      throw new SyntaxError(
        `its zip directory has ${available} bytes, at most ${MAX_DIRECTORY_BYTES} are read`,
      );
    }
    return this.#file.read(available === 0 ? 0 : index, available);
  }
}

async function readDirectory(file: ByteFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  try {
    for await (
      const entry of new ZipReader(new ByteFileReader(file))
        .getEntriesGenerator()
    ) {
      if (entries.has(entry.filename)) {
        throw new SyntaxError(`its zip has two entries named ${quote(entry.filename)}`);
      }
      entries.set(entry.filename, entry);
    }
  } catch (cause) {
    if (cause instanceof SyntaxError || !(cause instanceof Error)) throw cause;
    throw new SyntaxError(`it is truncated or not a zip (${cause.message})`, {
      cause,
    });
  }
  return entries;
}

/** Finds the top folder of the zip; torch.save names it after the file that it first wrote. */
function findPrefix(entries: ReadonlyMap<string, Entry>): string {
  const pickles = [...entries.keys()].filter((name) => /^([^/]*\/)?data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new SyntaxError(
      `it is a zip with ${pickles.length} entries named data.pkl, expected 1 as torch.save writes`,
    );
  }
  return pickles[0]!.slice(0, -"data.pkl".length);
}

async function checkByteOrder(file: ByteFile, entry: Entry): Promise<void> {
  const length = Math.min(entry.uncompressedSize, MAX_BYTEORDER_BYTES);
  const order = String.fromCharCode(...await file.read(await locate(file, entry), length)).trim();
  if (order !== "little") {
    throw new SyntaxError(
      `its numbers are stored in ${quote(order)} byte order, only "little" is read;` +
        " save it again on a little-endian machine",
    );
  }
}

function checkStorageSize(entry: Entry, storage: TorchStorage): void {
  // The entry may be larger, because a storage of bytes may end in a part of an element.
  const expected = storage.count * ITEM_BYTES[storage.dtype];
  if (entry.uncompressedSize < expected) {
    throw new SyntaxError(
      `its entry ${quote(entry.filename)} has ${entry.uncompressedSize} bytes, expected ` +
        expected,
    );
  }
}

/** Finds the offset of an entry's first byte of data in the file. */
async function locate(file: ByteFile, entry: Entry): Promise<number> {
  const fail = (reason: string) => new SyntaxError(`its entry ${quote(entry.filename)} ${reason}`);
  if (entry.encrypted) throw fail("is encrypted");
  if (entry.compressionMethod !== 0 || entry.compressedSize !== entry.uncompressedSize) {
    throw fail("is compressed, expected it stored as torch.save writes it");
  }
  const nameLength = entry.rawFilename.length;
  const header = await file.read(entry.offset, LOCAL_HEADER_BYTES + nameLength);
  const view = new DataView(header.buffer);
  const name = header.subarray(LOCAL_HEADER_BYTES);
  if (
    view.getUint32(0, true) !== LOCAL_HEADER_SIGNATURE ||
    view.getUint16(LOCAL_NAME_LENGTH_OFFSET, true) !== nameLength ||
    !name.every((byte, index) => byte === entry.rawFilename[index])
  ) {
    throw fail("is not where the zip directory says");
  }
  const offset = entry.offset + header.length +
    view.getUint16(LOCAL_EXTRA_LENGTH_OFFSET, true);
  const end = offset + entry.uncompressedSize;
  if (end > file.size) {
    throw fail(`ends at byte ${end}, the file has ${file.size}`);
  }
  return offset;
}
