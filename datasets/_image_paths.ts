import { isAbsolute, normalize, parse, resolve as toAbsolute, sep as SEPARATOR } from "node:path";
import { fileURLToPath } from "node:url";
import { InputRangeError } from "../base/errors.ts";
import { resolve } from "../base/paths.ts";
import { show } from "./show.ts";

/** Folders from which a dataset's image paths begin. */
export interface ImageRoot {
  /**
   * Folder of the images; a path that leads out of it is refused. A link inside the folder is
   * followed wherever it leads: its owner made the link, because a dataset cannot make links.
   */
  readonly folder: string;
  /** Prefix of paths that stands for `folder` itself, such as `files/`; may be empty. */
  readonly prefix: string;
  /** Folder of the dataset's file, from which a path may begin if the root has no such file. */
  readonly beside: string;
}

/** Maximum number of characters in an image's path; MIMIC-CXR-JPG has 80 below its root. */
const MAX_PATH = 1024;

/** Finds image files by the paths of a dataset, in any spelling that leads into the root. */
export class ImagePaths {
  readonly #root: ImageRoot;
  /** Absolute path of the root, with links kept. */
  readonly #folder: string;
  /** Absolute path of the root, with links resolved. */
  readonly #real: string;
  /** The current folder. */
  readonly #here: string;
  /** Absolute path of the dataset file's folder. */
  readonly #beside: string;
  /** Cache of real paths by absolute path; `undefined` if the path leads nowhere. */
  readonly #leads = new Map<string, string | undefined>();
  readonly #detours = new Set<string>();
  #links: ReadonlyMap<string, string> | undefined;

  /**
   * Prepares to find images below a root.
   *
   * @throws {Deno.errors.NotFound} If the root does not exist.
   */
  constructor(root: ImageRoot) {
    this.#root = root;
    this.#folder = toAbsolute(root.folder);
    // A confined run may read the masks beside a table, and not their folder.
    this.#real = toAbsolute(realOrOwn(root.folder));
    this.#here = toAbsolute(".");
    this.#beside = toAbsolute(root.beside);
  }

  /**
   * Gives the path by which to read an image, which always lies below the root's folder. A
   * relative path begins at the root. If no file is there, other starts are tried: the current
   * folder, the folder of the dataset's file, and the folders of the root's own path.
   *
   * @param kind The kind of file, for messages.
   * @throws {RangeError} If the path is empty, too long, cannot be followed, or leads out of the
   * root; the message says where the path leads.
   */
  find(path: string, kind: "image" | "mask" = "image"): string {
    if (path.trim() === "") throw new InputRangeError(`the ${kind}'s path is empty`);
    const named = `the ${kind} path "${show(path)}"`;
    if (path.length > MAX_PATH) throw new InputRangeError(`${named} has ${path.length} characters`);
    if (path.includes("\0")) {
      throw new InputRangeError(`${named} has a zero character, which no file's name may have`);
    }
    const ways = spellings(path);
    let own: string | undefined;
    for (const way of ways) {
      own = this.#own(way);
      if (own !== undefined && isThere(own)) return own;
      const other = this.#others(way).find(isThere);
      if (other !== undefined) return other;
    }
    requireOwnSystem(named, path, ways);
    if (own === undefined) throw this.#refusal(named, ways.at(-1)!);
    try {
      Deno.statSync(own);
    } catch (error) {
      // The reader of the image reports these two errors.
      if (error instanceof Deno.errors.NotFound) return own;
      if (error instanceof Deno.errors.PermissionDenied) return own;
      // A name is too long, a file stands in place of a folder, or links form a circle.
      throw new InputRangeError(`${named} cannot be followed`, { cause: error });
    }
    return own;
  }

  /**
   * Finds links outside the root that lead into it and occur in image paths. A program confined to
   * the root has to permit these links too. They give access only to the root's own images.
   */
  detours(paths: Iterable<string>): string[] {
    for (const path of new Set(paths)) {
      if (path.length > MAX_PATH) continue;
      for (const way of spellings(path)) {
        this.#own(way);
        this.#others(way);
      }
    }
    return [...this.#detours];
  }

  /** Resolves an absolute path, or a path relative to the root, to a path below the root. */
  #own(path: string): string | undefined {
    const { folder } = this.#root;
    if (!isAbsolute(path)) {
      const text = this.#withoutPrefix(path);
      const plain = withSlashes(normalize(text));
      // Keep the spelling of a path that stays in the root, because results show the path.
      if (!leaves(plain)) {
        return resolve(folder, /(^|[/\\])\.\.([/\\]|$)/.test(text) ? plain : text);
      }
    }
    for (const root of new Set([this.#folder, this.#real])) {
      const whole = toAbsolute(root, path);
      const place = this.#placeOf(whole) ?? this.#placeByLink(whole);
      if (place !== undefined) return resolve(folder, place);
    }
  }

  /** Other paths below the root that a relative path may mean. */
  #others(path: string): string[] {
    if (isAbsolute(path)) return [];
    const plain = normalize(path);
    // If the current folder lies in the root, a file of the same name there is another image.
    const isAnothers = !leaves(plain) && this.#placeOf(this.#here) !== undefined;
    const others = [...(isAnothers ? [] : [this.#here]), this.#beside].flatMap((base) =>
      this.#placeOf(toAbsolute(base, plain)) ?? []
    );
    // The path's first folders may repeat the root's last folders: results of a run that was
    // started elsewhere have such paths.
    const names = withSlashes(plain).split("/").filter((name) => name !== "..");
    for (const root of new Set([this.#folder, this.#real])) {
      const last = root.split(SEPARATOR);
      for (let count = Math.min(last.length, names.length - 1); count > 0; count--) {
        if (names.slice(0, count).join("/") !== last.slice(-count).join("/")) continue;
        others.push(names.slice(count).join("/"));
      }
    }
    return others.map((place) => resolve(this.#root.folder, place));
  }

  #withoutPrefix(path: string): string {
    const { prefix } = this.#root;
    return path.startsWith(prefix) ? path.slice(prefix.length) : path;
  }

  /** Resolves an absolute path to a path below the root; `undefined` outside of the root. */
  #placeOf(path: string): string | undefined {
    // Stop at the outermost folder that leads into the root: links below it belong to the owner.
    for (const folder of fromTop(path)) {
      const real = this.#lead(folder);
      if (real === undefined) return undefined;
      const place = below(this.#real, real);
      if (place !== undefined) return this.#arrive(path, folder, place);
    }
  }

  /** Resolves an absolute path outside the root if a link in the root leads to its place. */
  #placeByLink(path: string): string | undefined {
    this.#links ??= this.#readLinks();
    for (const folder of fromTop(path)) {
      const real = this.#lead(folder);
      if (real === undefined) return undefined;
      for (const target of fromTop(real)) {
        const link = this.#links.get(target);
        if (link !== undefined) return this.#arrive(path, folder, join(link, below(target, real)!));
      }
    }
  }

  #arrive(path: string, folder: string, place: string): string {
    const isOwn = this.#leads.get(folder) === folder || below(this.#folder, folder) !== undefined;
    if (!isOwn) this.#detours.add(folder);
    return join(place, below(folder, path)!);
  }

  /** Real path of an absolute path, from the cache if known; see {@linkcode lead}. */
  #lead(path: string): string | undefined {
    if (!this.#leads.has(path)) this.#leads.set(path, lead(path));
    return this.#leads.get(path);
  }

  /** Links in the root and in its direct subfolders, by their targets. */
  #readLinks(): ReadonlyMap<string, string> {
    const links = new Map<string, string>();
    const read = (place: string, isTop: boolean) => {
      const folder = resolve(this.#root.folder, place);
      for (const { name, isDirectory, isSymlink } of entriesOf(folder)) {
        const path = join(place, name);
        if (isDirectory && isTop) read(path, false);
        const target = isSymlink ? lead(resolve(folder, name)) : undefined;
        // Break ties by name, so that the choice does not depend on directory order.
        if (target !== undefined && !(links.get(target)! < path)) links.set(target, path);
      }
    };
    read("", true);
    return links;
  }

  /** Makes the error for a path out of the root: its target, and options that would allow it. */
  #refusal(named: string, path: string): RangeError {
    const place = toAbsolute(this.#real, path);
    const real = lead(place) ?? place;
    const quoted = (path: string) => `"${show(path, MAX_PATH)}"`;
    const leads = real === path ? "lies" : `leads to ${quoted(real)},`;
    const where = `${named} ${leads} outside the image folder ${quoted(this.#real)}`;
    const both = [...fromTop(this.#real)].findLast((folder) => below(folder, real) !== undefined);
    // On Windows, two drives have no folder in common.
    if (both === undefined) return new InputRangeError(where);
    const other = isAbsolute(path) ? "" : ` and the path ${quoted(below(both, real) || ".")}`;
    return new InputRangeError(`${where}; --images ${quoted(both)}${other} would allow it`);
  }
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Real path of a path; the path itself without read permission. */
function realOrOwn(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return path;
    throw error;
  }
}

/** Real path of a path; the path itself without read permission; `undefined` for other errors. */
function lead(path: string): string | undefined {
  try {
    return realOrOwn(path);
  } catch {
    return undefined;
  }
}

/** Entries of a folder; empty if the folder cannot be read. */
function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch {
    return [];
  }
}

/** Refuses Windows paths and web addresses on systems where they cannot lead to a file. */
function requireOwnSystem(named: string, path: string, ways: readonly string[]): void {
  if (SEPARATOR !== "/" || /^file:/i.test(path) && ways.length > 1) return;
  const kind = /^([a-z]:[\\/]|\\\\)/i.test(path)
    ? "a path of Windows"
    : /^[a-z][\w+.-]+:\/\//i.test(path)
    ? "an address"
    : undefined;
  if (!kind) return;
  throw new InputRangeError(
    `${named} is ${kind}, which leads to no file here; expected a path below the image folder`,
  );
}

/** Readings of a path: as written, with Windows separators replaced, or as a `file:` address. */
function spellings(path: string): string[] {
  if (/^file:\//i.test(path)) {
    try {
      return [path, fileURLToPath(path)];
    } catch {
      return [path];
    }
  }
  return SEPARATOR === "/" ? [...new Set([path, path.replaceAll("\\", "/")])] : [path];
}

/** Yields the folders of an absolute path, the outermost first, and then the path itself. */
function* fromTop(path: string): Generator<string> {
  const { root } = parse(path);
  yield root;
  for (let end = root.length; end < path.length;) {
    const next = path.indexOf(SEPARATOR, end);
    yield next < 0 ? path : path.slice(0, next);
    end = next < 0 ? path.length : next + 1;
  }
}

/** Makes an absolute path relative to a folder: empty for the folder, `undefined` outside. */
function below(folder: string, path: string): string | undefined {
  if (path === folder) return "";
  const prefix = folder.endsWith(SEPARATOR) ? folder : folder + SEPARATOR;
  return path.startsWith(prefix) ? withSlashes(path.slice(prefix.length)) : undefined;
}

/** Converts a path of this system to one with `/` between names. */
function withSlashes(path: string): string {
  return SEPARATOR === "/" ? path : path.replaceAll(SEPARATOR, "/");
}

/** Whether a normalised path leads out of the folder where it begins. */
function leaves(path: string): boolean {
  return path === ".." || path.startsWith("../") || isAbsolute(path);
}

function join(place: string, rest: string): string {
  return [place, rest].filter((part) => part !== "").join("/");
}
