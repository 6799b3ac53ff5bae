import type { Files, OpenFile, PathFacts } from "../host.ts";

/** Error for a path where the page was given nothing. */
export class NotFound extends Error {
  override name = "NotFound";
}

/** Error for a file operation that a page may not do. */
export class PermissionDenied extends Error {
  override name = "PermissionDenied";
}

interface Given {
  readonly file: Blob;
  readonly onRead: (bytes: number) => void;
}

/** Files that the page was given; each is read in parts on demand. */
export class GivenFiles implements Files {
  readonly #files = new Map<string, Given>();

  /**
   * Adds a file at a path, and replaces an earlier file there.
   *
   * @param onRead Called after each read of the file with the number of bytes read.
   */
  add(path: string, file: Blob, onRead: (bytes: number) => void = () => {}): void {
    this.#files.set(normalize(path), { file, onRead });
  }

  /** Forgets a folder and all files in it. */
  forget(folder: string): void {
    for (const path of this.#within(folder)) this.#files.delete(path);
  }

  stat(path: string): Promise<PathFacts> {
    const given = this.#files.get(normalize(path));
    if (given) {
      return Promise.resolve({ isFile: true, isDirectory: false, size: given.file.size });
    }
    if (this.#within(path).length === 0) return Promise.reject(nothingAt(path));
    return Promise.resolve({ isFile: false, isDirectory: true, size: 0 });
  }

  open(path: string): Promise<OpenFile> {
    const given = this.#files.get(normalize(path));
    return given ? Promise.resolve(new GivenFile(path, given)) : Promise.reject(nothingAt(path));
  }

  list(path: string): Promise<string[]> {
    const start = `${normalize(path)}/`.length;
    const names = this.#within(path).map((each) => each.slice(start).split("/")[0]!);
    return Promise.resolve([...new Set(names)]);
  }

  create(path: string): Promise<never> {
    return refuseToWrite(path);
  }

  makeFolder(path: string): Promise<never> {
    return refuseToWrite(path);
  }

  rename(_from: string, to: string): Promise<never> {
    return refuseToWrite(to);
  }

  remove(path: string): Promise<never> {
    return refuseToWrite(path);
  }

  #within(folder: string): string[] {
    const start = `${normalize(folder)}/`;
    return [...this.#files.keys()].filter((path) => path.startsWith(start));
  }
}

/** Removes `.` and empty names from a path, since they do not change its meaning. */
function normalize(path: string): string {
  return path.split("/").filter((name) => name !== "" && name !== ".").join("/");
}

function nothingAt(path: string): NotFound {
  return new NotFound(`there is nothing at "${path}"`);
}

function refuseToWrite(path: string): Promise<never> {
  return Promise.reject(new PermissionDenied(`Cannot write "${path}": a page writes no files`));
}

class GivenFile implements OpenFile {
  readonly size: number;
  readonly #path: string;
  readonly #given: Given;

  constructor(path: string, given: Given) {
    [this.#path, this.#given, this.size] = [path, given, given.file.size];
  }

  async read(offset: number, target: Uint8Array<ArrayBuffer>): Promise<number> {
    const part = this.#given.file.slice(offset, offset + target.length);
    const bytes = await part.arrayBuffer().catch((cause) => {
      // A browser refuses to read a file that changed after the user picked it.
      throw new Error(`Cannot read "${this.#path}": it has changed since; pick it again`, {
        cause,
      });
    });
    target.set(new Uint8Array(bytes));
    this.#given.onRead(bytes.byteLength);
    return bytes.byteLength;
  }

  [Symbol.dispose](): void {}
}
