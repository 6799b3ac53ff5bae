/**
 * The program's host, Deno or a browser: its files, and the libraries that have a separate build
 * for each host. Models, stages and shaders use this module and depend on neither host.
 *
 * @module
 */

/** Facts about the file or folder at a path. */
export interface PathFacts {
  /** The path leads to a regular file. */
  readonly isFile: boolean;
  /** The path leads to a folder. */
  readonly isDirectory: boolean;
  /** Size of a file in bytes. */
  readonly size: number;
  /** Time of the last write in milliseconds since 1970, if known. */
  readonly modified?: number;
}

/** A file that is open for reading; closed by `using`. */
export interface OpenFile extends Disposable {
  /** Size in bytes when the file was opened. */
  readonly size: number;
  /**
   * Reads a range of bytes. Several calls may run at the same time.
   *
   * @param offset Position of the first byte.
   * @param target Buffer to fill.
   * @returns Number of bytes read; less than the buffer's length only at the end of the file.
   */
  read(offset: number, target: Uint8Array<ArrayBuffer>): Promise<number>;
}

/** A file that is open for writing, with its position at 0; closed by `using`. */
export interface NewFile extends Disposable {
  /** Writes all bytes at the current position. */
  write(bytes: Uint8Array): Promise<void>;
  /** Moves the position, also past the end; skipped bytes are 0. */
  seek(offset: number): Promise<void>;
}

/** Files of a host, by paths with `/` between names. */
export interface Files {
  /**
   * Facts about a path; follows links.
   *
   * @throws {NotFound} If nothing exists at the path.
   */
  stat(path: string): Promise<PathFacts>;
  /**
   * Opens a file.
   *
   * @throws {NotFound} If no file exists at the path.
   */
  open(path: string): Promise<OpenFile>;
  /** Names of the files and folders in a folder. */
  list(path: string): Promise<string[]>;
  /** Creates a file, or empties an existing file. */
  create(path: string): Promise<NewFile>;
  /** Creates a folder and its parent folders, if they do not exist. */
  makeFolder(path: string): Promise<void>;
  /** Renames a file, and replaces an earlier file of the new name. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. */
  remove(path: string): Promise<void>;
}

/** A SHA-256 computation in progress. */
export interface Hash {
  /** Adds bytes. */
  update(bytes: Uint8Array | Uint8ClampedArray): void;
  /** The 32 bytes of the digest. */
  digest(): Uint8Array<ArrayBuffer>;
}

/** Constructor of an error class. */
type ErrorClass = new (message?: string, options?: ErrorOptions) => Error;

/** `onnxruntime-web`; all of its builds have this type. */
export type OrtWeb = typeof import("onnxruntime-web");

/** `onnxruntime-node`, and the paths that it accepts. */
export interface NativeOrt {
  /**
   * Loads the library.
   *
   * @throws {Error} If the library does not load on this machine.
   */
  load(): Promise<typeof import("onnxruntime-node")>;
  /** Real path of a file behind links, since the library does not open links. */
  realPath(path: string): string;
  /**
   * Names the files that the library lacks for NVIDIA's GPUs: its own file for them, or else the
   * libraries that this file needs and the system's loader does not find.
   */
  missingForCuda(): string[];
  /** Returns true if the library's own file for NVIDIA's GPUs is installed. */
  hasCuda(): boolean;
}

/** The program's surroundings: Deno or a browser. */
export interface Host {
  /** Files that the program can reach. */
  readonly files: Files;
  /** Class of the error for a path where nothing exists. */
  readonly NotFound: ErrorClass;
  /** Class of the error for a file that the program may not read or write. */
  readonly PermissionDenied: ErrorClass;
  /** Starts a SHA-256 computation. */
  createHash(): Hash;
  /**
   * Reads a file of a library.
   *
   * @param name Package name and path, such as `imagescript/wasm/any/jpeg.wasm`.
   */
  readPackageFile(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Most threads that WebAssembly may use. */
  readonly wasmThreads: number;
  /**
   * Loads `onnxruntime-web`.
   *
   * @param build `wasm` for the CPU, `webgpu` for the GPU.
   * @param isFresh Whether to replace an instance whose GPU was lost.
   */
  loadOrt(build: "wasm" | "webgpu", isFresh?: boolean): Promise<OrtWeb>;
  /** Native ONNX Runtime; absent in a browser. */
  readonly native?: NativeOrt;
}

let current: Host | undefined;

/**
 * Sets the program's host. `deno/mod.ts` and `browser/mod.ts` call this function when they load.
 *
 * @param host Host from now on.
 */
export function useHost(host: Host): void {
  current = host;
}

/**
 * Returns the program's host.
 *
 * @throws {Error} If {@linkcode useHost} was not called.
 */
export function host(): Host {
  if (!current) {
    throw new Error("Cannot read files: import mod.ts or, in a browser, browser.ts first");
  }
  return current;
}
