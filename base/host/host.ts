/**
 * What a program runs on, Deno or a browser: its files, and the libraries that come in another
 * build for each. Models, stages and shaders ask here and name neither.
 *
 * @module
 */

/** What is at a path. */
export interface PathFacts {
  /** Whether it is a regular file. */
  readonly isFile: boolean;
  /** Whether it is a folder. */
  readonly isDirectory: boolean;
  /** Size of a file in bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since 1970, where that is known. */
  readonly modified?: number;
}

/** A file that is open for reading; closed by `using`. */
export interface OpenFile extends Disposable {
  /** Size in bytes when it was opened. */
  readonly size: number;
  /**
   * Reads a range. Calls that overlap in time do not disturb each other.
   *
   * @param offset First byte.
   * @param target The bytes to fill.
   * @returns How many there were; fewer than asked for only at the file's end.
   */
  read(offset: number, target: Uint8Array<ArrayBuffer>): Promise<number>;
}

/** A file that is open for writing, from its start; closed by `using`. */
export interface NewFile extends Disposable {
  /** Writes all bytes at the position. */
  write(bytes: Uint8Array): Promise<void>;
  /** Moves the position, over the end too; what is skipped is 0. */
  seek(offset: number): Promise<void>;
}

/** Files by their paths, with `/` between names. */
export interface Files {
  /**
   * What is at a path, links followed.
   *
   * @throws {NotFound} If there is nothing.
   */
  stat(path: string): Promise<PathFacts>;
  /**
   * Opens a file.
   *
   * @throws {NotFound} If there is none.
   */
  open(path: string): Promise<OpenFile>;
  /** Names of what is in a folder. */
  list(path: string): Promise<string[]>;
  /** Creates a file, or empties one. */
  create(path: string): Promise<NewFile>;
  /** Makes a folder with those that it lies in, where it is not there. */
  makeFolder(path: string): Promise<void>;
  /** Gives a file another name, in place of what has it. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. */
  remove(path: string): Promise<void>;
}

/** A SHA-256 that is being computed. */
export interface Hash {
  /** Adds bytes. */
  update(bytes: Uint8Array | Uint8ClampedArray): void;
  /** The 32 bytes of the digest. */
  digest(): Uint8Array<ArrayBuffer>;
}

/** An error that says so by its class. */
type ErrorClass = new (message?: string, options?: ErrorOptions) => Error;

/** `onnxruntime-web`, in whichever build. */
export type OrtWeb = typeof import("onnxruntime-web");

/** `onnxruntime-node`, and the paths that it takes. */
export interface NativeOrt {
  /**
   * Loads the library.
   *
   * @throws {Error} If it does not load on this machine.
   */
  load(): Promise<typeof import("onnxruntime-node")>;
  /** Where a path leads, links followed: the library opens no link. */
  realPath(path: string): string;
}

/** What a program runs on. */
export interface Host {
  /** Its files. */
  readonly files: Files;
  /** Class of the error for a path that leads nowhere. */
  readonly NotFound: ErrorClass;
  /** Class of the error for a file that may not be read. */
  readonly PermissionDenied: ErrorClass;
  /** Begins a SHA-256. */
  createHash(): Hash;
  /**
   * Reads a file of a library.
   *
   * @param name Package and path, such as `imagescript/wasm/any/jpeg.wasm`.
   */
  readPackageFile(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Threads that WebAssembly may have. */
  readonly wasmThreads: number;
  /**
   * Loads `onnxruntime-web`.
   *
   * @param build For the processor or for the GPU.
   * @param isFresh Whether an instance that the GPU was lost under is to be replaced.
   */
  loadOrt(build: "wasm" | "webgpu", isFresh?: boolean): Promise<OrtWeb>;
  /** ONNX Runtime as the machine's own code; a browser has none. */
  readonly native?: NativeOrt;
}

let current: Host | undefined;

/**
 * Says what the program runs on. `mod.ts` and `browser.ts` do.
 *
 * @param host From now on.
 */
export function useHost(host: Host): void {
  current = host;
}

/**
 * What the program runs on.
 *
 * @throws {Error} If nobody has said.
 */
export function host(): Host {
  if (!current) {
    throw new Error("Cannot read files: import mod.ts or, in a browser, browser.ts first");
  }
  return current;
}
