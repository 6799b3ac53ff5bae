import type { Files, NewFile, OpenFile } from "../host.ts";

/** This machine's files. */
export const denoFiles: Files = {
  async stat(path) {
    const { isFile, isDirectory, size, mtime } = await Deno.stat(path).catch((error) => {
      // A parent in the path is a file, so nothing exists at the path.
      if (!(error instanceof Deno.errors.NotADirectory)) throw error;
      throw new Deno.errors.NotFound(error.message, { cause: error });
    });
    return { isFile, isDirectory, size, ...(mtime && { modified: mtime.getTime() }) };
  },
  async open(path) {
    // Stat by path: `fstat` on a link's target needs read permission for the target.
    const { size } = await Deno.stat(path);
    return new DenoFile(await Deno.open(path), size);
  },
  async list(path) {
    return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
  },
  async create(path) {
    return new DenoNewFile(await Deno.open(path, { write: true, create: true, truncate: true }));
  },
  makeFolder: (path) => Deno.mkdir(path, { recursive: true }),
  rename: (from, to) => Deno.rename(from, to),
  remove: (path) => Deno.remove(path),
};

class DenoFile implements OpenFile {
  readonly size: number;
  readonly #file: Deno.FsFile;
  /** Last read. Reads take turns, since the file has a single position. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: Deno.FsFile, size: number) {
    [this.#file, this.size] = [file, size];
  }

  read(offset: number, target: Uint8Array<ArrayBuffer>): Promise<number> {
    const turn = this.#last.then(async () => {
      await this.#file.seek(offset, Deno.SeekMode.Start);
      let filled = 0;
      while (filled < target.length) {
        const count = await this.#file.read(target.subarray(filled));
        if (count === null) break;
        filled += count;
      }
      return filled;
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

class DenoNewFile implements NewFile {
  readonly #file: Deno.FsFile;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
  }

  async seek(offset: number): Promise<void> {
    await this.#file.seek(offset, Deno.SeekMode.Start);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
