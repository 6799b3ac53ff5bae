/** Beginnings of system messages, and their meaning in this project's words. */
const MEANINGS: readonly (readonly [says: string, means: string])[] = [
  ["No such file or directory", "there is no such file or folder"],
  ["File exists", "a file of this name is there"],
  ["Not a directory", "a part of the path is a file, not a folder"],
  ["Is a directory", "it is a folder"],
  ["Directory not empty", "the folder is not empty"],
  ["Permission denied", "this user has no permission"],
  ["Access is denied", "this user has no permission"],
  ["Operation not permitted", "this user has no permission"],
  ["Too many levels of symbolic links", "the links lead in a circle"],
  ["File name too long", "the name is too long"],
  ["No space left on device", "no space is left on the disk"],
  ["Disk quota exceeded", "the user's share of the disk is used up"],
  ["File too large", "the file is too large for the disk"],
  ["Read-only file system", "the disk is read-only"],
  ["Too many open files", "too many files are open; a higher limit (ulimit -n) helps"],
  ["Address already in use", "another program listens there"],
  ["Cannot assign requested address", "this machine has no such address"],
  ["Broken pipe", "nobody reads it any more"],
  ["Input/output error", "the disk has a fault"],
  ["Stale file handle", "the network disk is gone"],
  ["Transport endpoint is not connected", "the network disk is gone"],
  ["Cannot allocate memory", "no memory is left"],
  ["Invalid cross-device link", "it is on another disk"],
];

/** A system message with its error number, and the call and path that Deno adds. */
const SYSTEM = /([^:()]+) \(os error \d+\)(?:(?:: |, )([a-z]+) '(.*?)'(?: -> '.*?')?(?=$|[);]))?/s;

/** Names of the calls that read; all others write. */
const READS = /^(open|read|stat|lstat|real)/;

/** Deno's message about a path that the run may not access. */
const DENIED =
  /Requires (\w+) access to (".*?"|<.*?>|[^,]+), run again with the --allow-[\w-]+ flag/s;

/**
 * Rewrites the part of a message that comes from the operating system or Deno in words for any
 * user. Leaves out error numbers and Deno's advice to allow everything.
 *
 * @param message Message of an error, alone or after this project's words that name the path.
 */
export function plainReason(message: string): string {
  const system = SYSTEM.exec(message);
  if (system) {
    const [said, words, call = "", path] = system as unknown as [string, string, string?, string?];
    const text = words.trim();
    const reason = MEANINGS.find(([says]) => text.startsWith(says))?.[1] ?? text;
    if (system.index > 0) return message.replace(said, () => words.replace(text, () => reason));
    const subject = path === undefined
      ? "go on"
      : `${READS.test(call) ? "read" : "write"} "${path}"`;
    return `Cannot ${subject}: ${reason}`;
  }
  const denied = DENIED.exec(message);
  if (!denied) return message;
  const [said, access, path] = denied as unknown as [string, string, string];
  // Deno asks for "all" access to special files: devices, pipes and the system's own files.
  const isFile = access !== "all";
  const reason = isFile
    ? `this run may not ${access} ${path}`
    : "it is a pipe, a device or the system's own";
  if (denied.index > 0) return message.replace(said, () => reason);
  return `Cannot ${isFile ? access : "use"} ${path}: ${reason}`;
}
