import { isBug } from "../../base/errors.ts";
import { host } from "../../base/host/host.ts";

/** Exports of every library. */
export interface WasmExports {
  /** Memory of the library. */
  readonly memory: WebAssembly.Memory;
}

/** Maximum memory in bytes that a library may keep for the next image; no X-ray needs as much. */
const MAX_KEPT = 2 ** 28;

/**
 * A WebAssembly library, loaded on first use. One instance decodes one image after another. After
 * a failure, or an image that took very much memory, the next image gets a new instance: a failure
 * may leave bad data in memory.
 */
export class WasmLibrary<Exports extends WasmExports> {
  readonly #name: string;
  readonly #imports: (memory: () => WebAssembly.Memory) => WebAssembly.Imports;
  #module: Promise<WebAssembly.Module> | undefined;
  #idle: Exports | undefined;

  /**
   * @param name Package and path, such as `imagescript/wasm/any/jpeg.wasm`.
   * @param imports Makes the functions that the library calls; they may get the library's memory,
   * but only when the library calls them.
   */
  constructor(
    name: string,
    imports: (memory: () => WebAssembly.Memory) => WebAssembly.Imports = () => ({}),
  ) {
    [this.#name, this.#imports] = [name, imports];
  }

  /**
   * Decodes an image with the library.
   *
   * @param decode Synchronous decoder; the result must not refer to the library's memory.
   * @returns The result; `undefined` if `decode` gave `undefined` or threw an error.
   * @throws {Error} If the library cannot be loaded, or `decode` has a bug.
   */
  async use<Result>(decode: (library: Exports) => Result | undefined): Promise<Result | undefined> {
    const library = this.#idle ?? await this.#start();
    this.#idle = undefined;
    try {
      const result = decode(library);
      const isSound = result !== undefined && library.memory.buffer.byteLength <= MAX_KEPT;
      if (isSound) this.#idle = library;
      return result;
    } catch (error) {
      // Of a corrupt image, a library may do anything but the errors that only code here makes.
      if (isBug(error)) throw error;
      return undefined;
    }
  }

  async #start(): Promise<Exports> {
    const module = await (this.#module ??= this.#load());
    const imports = this.#imports(() => library.memory);
    const instance = await WebAssembly.instantiate(module, imports);
    const library = instance.exports as unknown as Exports;
    return library;
  }

  async #load(): Promise<WebAssembly.Module> {
    try {
      const bytes = await host().readPackageFile(this.#name);
      return await WebAssembly.compile(bytes).catch((cause) => {
        throw new Error(`Cannot load "${this.#name}": ${cause.message}`, { cause });
      });
    } catch (error) {
      // Forget the failure, because a later attempt may succeed.
      this.#module = undefined;
      throw error;
    }
  }
}
