import { host } from "../../base/host/host.ts";

/** What every library exports. */
export interface WasmExports {
  /** Its memory. */
  readonly memory: WebAssembly.Memory;
}

/** Most memory that is kept for the next image, in bytes: more than any X-ray takes. */
const MAX_KEPT = 2 ** 28;

/**
 * A library that is WebAssembly, loaded when it is first used. It is used for one image after
 * another; after one that it could not read, or that took very much memory, it starts anew: what a
 * failure leaves in its memory is not to be met by the next image.
 */
export class WasmLibrary<Exports extends WasmExports> {
  readonly #name: string;
  readonly #imports: (memory: () => WebAssembly.Memory) => WebAssembly.Imports;
  #module: Promise<WebAssembly.Module> | undefined;
  #idle: Exports | undefined;

  /**
   * @param name Package and path, such as `imagescript/wasm/any/jpeg.wasm`.
   * @param imports What it calls; it may ask for the library's memory once it is called.
   */
  constructor(
    name: string,
    imports: (memory: () => WebAssembly.Memory) => WebAssembly.Imports = () => ({}),
  ) {
    [this.#name, this.#imports] = [name, imports];
  }

  /**
   * Has it decode an image.
   *
   * @param decode What is done with it, at once; the result must hold nothing of its memory.
   * @returns The result; `undefined` if it is that, or decoding failed.
   * @throws {Error} If the library cannot be loaded.
   */
  async use<Result>(
    decode: (library: Exports) => Result | undefined,
  ): Promise<Result | undefined> {
    const library = this.#idle ?? await this.#start();
    this.#idle = undefined;
    try {
      const result = decode(library);
      const isSound = result !== undefined && library.memory.buffer.byteLength <= MAX_KEPT;
      if (isSound) this.#idle = library;
      return result;
    } catch {
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
      // It may be there when it is asked for again.
      this.#module = undefined;
      throw error;
    }
  }
}
