/** Joins a folder and a relative path. */
export function resolve(folder: string, path: string): string {
  return folder.endsWith("/") ? folder + path : `${folder}/${path}`;
}

/** Folder of a file; `.` if the path names none. */
export function folderOf(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return end < 0 ? "." : path.slice(0, Math.max(end, 1));
}

/** A path, and the rest of it after each of its leading folders, the longest first. */
export function pathEnds(path: string): string[] {
  // Slices share the memory of a long path; joined parts would copy it.
  return [path, ...path.matchAll(/\//g).map(({ index }) => path.slice(index + 1))];
}

/** Last segment of a path. */
export function nameOf(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** A file's name without its ending, the part from the last dot. */
export function stemOf(name: string): string {
  return name.replace(/\.[^.]*$/, "");
}

/** Facts about the file or folder at a path; `undefined` if nothing exists there. */
export async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
