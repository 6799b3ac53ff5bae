/**
 * Libraries that ONNX Runtime's file for NVIDIA's GPUs needs, and that are not installed. The
 * system's loader would name the first of them only.
 *
 * @module
 */

/** The file, and the file through which the library opens it. */
const OWN = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"];

/** A library that ONNX Runtime 1.30 opens by itself as it computes, so that no list has it. */
const OPENED_LATER = "libcudnn.so.9";

/** Index of the names of all libraries in the system's folders, on Linux with glibc. */
const SYSTEM_INDEX = "/etc/ld.so.cache";

/** Types of program headers, and tags of a dynamic section, in an ELF file (System V ABI). */
const [PT_LOAD, PT_DYNAMIC, DT_NEEDED, DT_STRTAB, DT_STRSZ] = [1, 2, 1, 5, 10];

/** Returns true if the library's file for CUDA is installed; see `NativeOrt.hasCuda`. */
export function hasCuda(): boolean {
  return exists(ownPath(OWN[0]!));
}

/**
 * Names the missing files; see `NativeOrt.missingForCuda`.
 *
 * @param path Path of a file of the library by its name.
 * @throws {Error} If an installed file is damaged, such as by a download that ended early.
 */
export function missingForCuda(path = ownPath): string[] {
  const own = OWN.filter((name) => !exists(path(name)));
  if (own.length > 0) return own;
  const needed = OWN.flatMap((name) => {
    try {
      return neededBy(path(name));
    } catch {
      throw new Error(`${name} is damaged, so fetch it again; see docs/speed.md`);
    }
  });
  const index = exists(SYSTEM_INDEX)
    ? new TextDecoder("latin1").decode(Deno.readFileSync(SYSTEM_INDEX))
    : "";
  const folders = loaderFolders();
  return [...new Set([...needed, OPENED_LATER])].filter((name) =>
    !index.includes(`/${name}\0`) && !folders.some((path) => exists(`${path}/${name}`))
  );
}

/** Files and folders in which the system's loader finds libraries. */
export function loaderPaths(): string[] {
  return Deno.build.os === "linux" ? [SYSTEM_INDEX, ...loaderFolders()] : [];
}

/** Path of a file beside the library; the library has them for Linux on x86-64 alone. */
export function ownPath(name: string): URL {
  return new URL(`../bin/napi-v6/linux/x64/${name}`, import.meta.resolve("onnxruntime-node"));
}

/** Folders that the user adds; none if this run may not read the variable. */
function loaderFolders(): string[] {
  const variable = "LD_LIBRARY_PATH";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  const folders = state === "granted" && Deno.env.get(variable) || "";
  return folders.split(":").filter((path) => path !== "");
}

function exists(path: string | URL): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Names of the libraries that a 64-bit little-endian ELF file needs. */
export function neededBy(path: URL): string[] {
  using file = Deno.openSync(path);
  const read = (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    file.seekSync(offset, Deno.SeekMode.Start);
    file.readSync(bytes);
    return new DataView(bytes.buffer);
  };
  const word = (view: DataView, offset: number) => Number(view.getBigUint64(offset, true));
  const head = read(0, 64);
  const size = head.getUint16(54, true);
  const headers = Array.from({ length: head.getUint16(56, true) }, (_, i) => {
    const view = read(word(head, 32) + i * size, size);
    const type = view.getUint32(0, true);
    return { type, offset: word(view, 8), address: word(view, 16), length: word(view, 32) };
  });
  const { offset, length } = headers.find(({ type }) => type === PT_DYNAMIC)!;
  const section = read(offset, length);
  const entries = Array.from({ length: length / 16 }, (_, i) => ({
    tag: word(section, 16 * i),
    value: word(section, 16 * i + 8),
  }));
  const valueOf = (wanted: number) => entries.find(({ tag }) => tag === wanted)!.value;
  const address = valueOf(DT_STRTAB);
  const segment = headers.find((header) =>
    header.type === PT_LOAD && address >= header.address && address < header.address + header.length
  )!;
  const texts = read(address - segment.address + segment.offset, valueOf(DT_STRSZ));
  const names = new TextDecoder("latin1").decode(texts);
  return entries.filter(({ tag }) => tag === DT_NEEDED)
    .map(({ value }) => names.slice(value, names.indexOf("\0", value)));
}
