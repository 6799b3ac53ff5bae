/**
 * Where the images are that a dataset names.
 *
 * @module
 */

import { isAbsolute, normalize, parse, resolve as toAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { resolve, SEPARATOR, withSlashes } from "../base/paths.ts";
import { show } from "./show.ts";

/** Where the paths of a dataset's images begin. */
export interface ImageRoot {
  /**
   * Folder that no path leads out of. A link in it is its owner's, since a dataset cannot make
   * links: such a link is followed, wherever it leads.
   */
  readonly folder: string;
  /** What paths begin with that stands for the folder itself, such as `files/`; may be empty. */
  readonly prefix: string;
  /** Folder of the dataset's file: paths may begin there where the root has no such file. */
  readonly beside: string;
}

/** Most characters of an image's path; MIMIC-CXR-JPG has 80 below its root. */
const MAX_PATH = 1024;

/** Finds images by the paths of a dataset, however a path spells a place in the root. */
export class ImagePaths {
  readonly #root: ImageRoot;
  /** The root as it was given, from the top. */
  readonly #folder: string;
  /** Where the root is, after links. */
  readonly #real: string;
  /** The current folder, and that of the dataset's file. */
  readonly #here: string;
  readonly #beside: string;
  /** Where paths lead, as far as they were followed; `undefined` where nothing is. */
  readonly #leads = new Map<string, string | undefined>();
  readonly #detours = new Set<string>();
  #links: ReadonlyMap<string, string> | undefined;

  /**
   * Begins with the images of a root.
   *
   * @throws {Deno.errors.NotFound} If the root is not there.
   */
  constructor(root: ImageRoot) {
    this.#root = root;
    this.#folder = toAbsolute(root.folder);
    this.#real = Deno.realPathSync(root.folder);
    this.#here = toAbsolute(".");
    this.#beside = toAbsolute(root.beside);
  }

  /**
   * Gives the path by which an image is read, which is always one below the root's folder. A
   * relative path begins at the root; where no file is there, at the current folder, at the
   * dataset's file, or at a folder of the root's own path.
   *
   * @param path The path in the dataset.
   * @throws {RangeError} If the path leads out of the root, or nowhere; says where.
   */
  find(path: string): string {
    if (path.trim() === "") throw new RangeError("the image's path is empty");
    const named = `the image path "${show(path)}"`;
    if (path.length > MAX_PATH) throw new RangeError(`${named} has ${path.length} characters`);
    if (path.includes("\0")) {
      throw new RangeError(`${named} has a zero character, which no file's name may have`);
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
      // Its reader says so.
      if (error instanceof Deno.errors.NotFound) return own;
      if (error instanceof Deno.errors.PermissionDenied) return own;
      // Too long, a file for a folder, or links that go round: nothing is there either.
      throw new RangeError(`${named} cannot be followed`, { cause: error });
    }
    return own;
  }

  /**
   * Links outside the root that lead into it, and that paths go over: who confines the reading to
   * the root has to permit these too. Nothing but the root's own images is below them.
   *
   * @param paths The paths in the dataset.
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

  /** The path below the root that is meant by a path from the top, or by one from the root. */
  #own(path: string): string | undefined {
    const { folder } = this.#root;
    if (!isAbsolute(path)) {
      const text = this.#withoutPrefix(path);
      const plain = withSlashes(normalize(text));
      // As it is written, where that leads nowhere else: results have the path so.
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

  /** Paths below the root that a relative path may mean besides. */
  #others(path: string): string[] {
    if (isAbsolute(path)) return [];
    const plain = normalize(path);
    // A mere name in a folder of the root that happens to be the current one is another's.
    const isAnothers = !leaves(plain) && this.#placeOf(this.#here) !== undefined;
    const others = [...(isAnothers ? [] : [this.#here]), this.#beside].flatMap((base) =>
      this.#placeOf(toAbsolute(base, plain)) ?? []
    );
    // Its first folders may be the root's last, such as those of a run that was called elsewhere.
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

  /** What a path from the top leads to below the root; `undefined` outside of it. */
  #placeOf(path: string): string | undefined {
    // From the top: below the first folder that leads into the root, links are those of its owner.
    for (const folder of fromTop(path)) {
      const real = this.#lead(folder);
      if (real === undefined) return undefined;
      const place = below(this.#real, real);
      if (place !== undefined) return this.#arrive(path, folder, place);
    }
  }

  /** What a path from the top is called below the root, where a link in the root leads to it. */
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

  /** Where a path from the top leads, which must not be followed everywhere. */
  #lead(path: string): string | undefined {
    if (!this.#leads.has(path)) this.#leads.set(path, lead(path));
    return this.#leads.get(path);
  }

  /** Links in the root and in its folders, by where they lead. */
  #readLinks(): ReadonlyMap<string, string> {
    const links = new Map<string, string>();
    const read = (place: string, isTop: boolean) => {
      const folder = resolve(this.#root.folder, place);
      for (const { name, isDirectory, isSymlink } of entriesOf(folder)) {
        const path = join(place, name);
        if (isDirectory && isTop) read(path, false);
        const target = isSymlink ? lead(resolve(folder, name)) : undefined;
        // Of several the first by name, whatever order the system lists them in.
        if (target !== undefined && !(links.get(target)! < path)) links.set(target, path);
      }
    };
    read("", true);
    return links;
  }

  /** Says where a path leads that leads out of the root, and what would allow it. */
  #refusal(named: string, path: string): RangeError {
    const place = toAbsolute(this.#real, path);
    const real = lead(place) ?? place;
    const quoted = (path: string) => `"${show(path, MAX_PATH)}"`;
    const leads = real === path ? "lies" : `leads to ${quoted(real)},`;
    const where = `${named} ${leads} outside the image folder ${quoted(this.#real)}`;
    const both = [...fromTop(this.#real)].findLast((folder) => below(folder, real) !== undefined);
    // On another drive.
    if (both === undefined) return new RangeError(where);
    const other = isAbsolute(path) ? "" : ` and the path ${quoted(below(both, real) || ".")}`;
    return new RangeError(`${where}; --images ${quoted(both)}${other} would allow it`);
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

/** Where a path leads; as it is written, where it must not be followed. */
function lead(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    return error instanceof Deno.errors.NotCapable ? path : undefined;
  }
}

/** What is in a folder; nothing where that cannot be read. */
function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch {
    return [];
  }
}

/** Refuses what no system like this one takes for a path. */
function requireOwnSystem(named: string, path: string, ways: readonly string[]): void {
  if (SEPARATOR !== "/" || /^file:/i.test(path) && ways.length > 1) return;
  const kind = /^([a-z]:[\\/]|\\\\)/i.test(path)
    ? "a path of Windows"
    : /^[a-z][\w+.-]+:\/\//i.test(path)
    ? "an address"
    : undefined;
  if (!kind) return;
  throw new RangeError(
    `${named} is ${kind}, which leads to no file here; expected a path below the image folder`,
  );
}

/** What a path may mean: as it is, with the separators of Windows, or as an address of a file. */
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

/** The folders that a path from the top lies in, the outermost first, and the path. */
function* fromTop(path: string): Generator<string> {
  const { root } = parse(path);
  yield root;
  for (let end = root.length; end < path.length;) {
    const next = path.indexOf(SEPARATOR, end);
    yield next < 0 ? path : path.slice(0, next);
    end = next < 0 ? path.length : next + 1;
  }
}

/** A path from the top as one below a folder, empty for the folder; `undefined` outside. */
function below(folder: string, path: string): string | undefined {
  if (path === folder) return "";
  const prefix = folder.endsWith(SEPARATOR) ? folder : folder + SEPARATOR;
  return path.startsWith(prefix) ? withSlashes(path.slice(prefix.length)) : undefined;
}

/** Whether a path leads out of the folder where it begins. */
function leaves(path: string): boolean {
  return path === ".." || path.startsWith("../") || isAbsolute(path);
}

function join(place: string, rest: string): string {
  return [place, rest].filter((part) => part !== "").join("/");
}
