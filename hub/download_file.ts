/**
 * Downloads one file so that a later attempt goes on after any interruption.
 *
 * The bytes go into `FILE.part`. `FILE.part.json` names their source, and counts the bytes that
 * are certainly on the disk. Only a whole and checked file gets its name.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { folderOf, stat } from "../base/paths.ts";
import { putInPlace, writeWhole } from "../base/write_whole.ts";
import type { FileFacts, HubFile } from "./hub.ts";
import { Interruption, type RangeAnswer, requestRange, type Source } from "./request.ts";
import { type Plan, planTensors } from "./tower.ts";

/** A hash to compare, such as `sha256:…` in hexadecimal. */
export type Digest = `sha256:${string}` | `md5:${string}`;

/** A file to download. */
export interface Download {
  /** The file at its source. */
  readonly file: HubFile;
  /** Path on this machine. */
  readonly target: string;
  /** Prefix of the tensors to take from a safetensors file; the whole file if absent. */
  readonly tensors?: string;
  /** Hashes that the file on this machine must have. */
  readonly digests: readonly Digest[];
}

/** Conditions and callbacks of downloads. */
export interface DownloadContext {
  /** Address and hosts of the files. */
  readonly source: Source;
  /** Waits in milliseconds before further tries; after a new byte the first wait comes first again. */
  readonly pauses: readonly number[];
  /** Called with the number of bytes of this file on this machine. */
  readonly onBytes: (bytes: number) => void;
  /** Called with sentences about interruptions. */
  readonly onNotice: (notice: string) => void;
  /** Ends the download; the bytes so far stay for the next attempt. */
  readonly signal: AbortSignal;
}

/** A file at its source, before the download. */
export interface Probed {
  /** Facts about the whole file. */
  readonly facts: FileFacts;
  /** Bytes of the whole file, if its source says how long it is. */
  readonly size: number | undefined;
  /** Bytes to fetch and to write; absent if the size is unknown. */
  readonly plan: Plan | undefined;
  /** Bytes on this machine, if known. */
  readonly bytes: number | undefined;
}

/** Content of `FILE.part.json`. */
interface PartState {
  /** Source of the bytes. */
  readonly from: string;
  /** Hash or tag of the whole file. */
  readonly identity: string;
  /** Bytes of the part that are certainly on the disk. */
  readonly synced: number;
}

/** Bytes after which a part is written to the disk for certain; a power cut loses no more. */
const SYNC_BYTES = 32 * 2 ** 20;

/** Bytes per read of a file that is hashed. */
const HASH_BYTES = 2 ** 20;

/** Most bytes of a safetensors header to accept; published headers have a tenth of a megabyte. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;

/**
 * Asks for the facts about a file, and plans its download.
 *
 * @throws {Error} If the file is refused, or is no safetensors file although tensors are wanted.
 */
export async function probe(download: Download, context: DownloadContext): Promise<Probed> {
  const { file, tensors } = download;
  return await withTries(context, () => 0, async () => {
    const answer = await request(context, file, 0, 1);
    answer.cancel();
    const { facts, size } = answer;
    if (tensors === undefined) {
      const plan = size === undefined
        ? undefined
        : { head: new Uint8Array(), ranges: [[0, size]] as const };
      return { facts, size, plan, bytes: size };
    }
    if (size === undefined) throw noParts(file);
    const read = (offset: number, length: number) => readPart(context, file, offset, length);
    const plan = await planTensors({ size, read }, tensors).catch((error) => {
      if (!(error instanceof SyntaxError)) throw error;
      throw new Error(`Cannot fetch "${file.path}" of ${file.repository}: ${error.message}`);
    });
    return { facts, size, plan, bytes: lengthOf(plan) };
  });
}

function lengthOf({ head, ranges }: Plan): number {
  return ranges.reduce((sum, [begin, end]) => sum + end - begin, head.length);
}

/** Bytes of a download that an earlier attempt left, and that certainly are of this file. */
export async function earlierBytes(download: Download, probed: Probed, source: Source) {
  return (await readState(download, probed, source))?.synced ?? 0;
}

/**
 * Downloads a file, goes on after an earlier attempt, and checks it.
 *
 * @returns Size and SHA-256 of the file on this machine.
 * @throws {Error} If the file is refused, does not have its hash, or the connection breaks too often.
 */
export async function downloadFile(
  download: Download,
  first: Probed,
  context: DownloadContext,
): Promise<{ bytes: number; sha256: string }> {
  const { target } = download;
  await Deno.mkdir(folderOf(target), { recursive: true });
  let probed = first;
  using part = await Part.open(download, first, context.source);
  context.onBytes(part.length);
  await withTries(context, () => part.length, async () => {
    if (await fill(part, download, probed, context)) return;
    probed = await probe(download, context);
    await part.restart(probed);
    context.onBytes(0);
    throw new Interruption(`"${download.file.path}" changed at its source and begins anew`);
  });
  await part.sync();
  part.close();
  const sha256 = await requireDigests(download, probed.facts, part.path, part.statePath);
  await putInPlace(part.path, target);
  await Deno.remove(part.statePath);
  return { bytes: part.length, sha256 };
}

/**
 * Downloads a small file in one request, without a question about its size before. After an
 * interruption the file begins anew.
 *
 * @returns Size and SHA-256 of the file.
 * @throws {Error} If the file is refused, does not have its hash, or the connection breaks too often.
 */
export async function downloadSmallFile(
  download: Download,
  context: DownloadContext,
): Promise<{ bytes: number; sha256: string }> {
  const { file, target } = download;
  await Deno.mkdir(folderOf(target), { recursive: true });
  const part = `${target}.part`;
  let length = 0;
  await withTries(context, () => 0, async () => {
    length = 0;
    const answer = await request(context, file, 0, undefined);
    using out = await Deno.open(part, { write: true, create: true, truncate: true });
    for await (const bytes of answer.bytes) {
      for (let at = 0; at < bytes.length;) at += await out.write(bytes.subarray(at));
      context.onBytes(length += bytes.length);
    }
    if (answer.size !== undefined && length < answer.size) {
      throw new Interruption(`"${file.path}" broke off after ${length} bytes`);
    }
    await out.syncData();
  });
  const sha256 = await requireDigests(download, {}, part);
  await putInPlace(part, target);
  return { bytes: length, sha256 };
}

/**
 * Checks the hashes that are known. A file that fails is removed, since it helps nobody.
 *
 * @param facts Facts about the file at its source.
 * @param path Path of the file's bytes on this machine.
 * @param others Paths of files to remove with the bytes.
 * @returns SHA-256 of the bytes.
 */
async function requireDigests(
  { file, tensors, digests }: Download,
  facts: FileFacts,
  path: string,
  ...others: readonly string[]
): Promise<string> {
  const sha256 = await hashFile(path, "sha256");
  const stated: Digest[] = facts.sha256 && tensors === undefined ? [`sha256:${facts.sha256}`] : [];
  for (const digest of new Set([...digests, ...stated])) {
    const [algorithm, expected] = digest.split(":") as ["sha256" | "md5", string];
    const found = algorithm === "sha256" ? sha256 : await hashFile(path, algorithm);
    if (found === expected) continue;
    for (const wrong of [path, ...others]) await Deno.remove(wrong);
    throw new Error(
      `Cannot use "${file.path}" of ${file.repository} as fetched: its ${algorithm} is ${found}, ` +
        `expected ${expected}; the file was removed`,
    );
  }
  return sha256;
}

/** Hash of a file in hexadecimal. */
export async function hashFile(path: string, algorithm: "sha256" | "md5"): Promise<string> {
  const hash = createHash(algorithm);
  const chunk = new Uint8Array(HASH_BYTES);
  using file = await Deno.open(path);
  for (let count; (count = await file.read(chunk)) !== null;) hash.update(chunk.subarray(0, count));
  return hash.digest("hex");
}

/**
 * Fetches the rest of a part.
 *
 * @returns Whether the part is whole; false if the file changed at its source.
 */
async function fill(
  part: Part,
  download: Download,
  probed: Probed,
  context: DownloadContext,
): Promise<boolean> {
  const { file, tensors } = download;
  const { head, ranges } = probed.plan ?? OPEN_PLAN;
  // Without a hash or tag, the bytes of an earlier attempt may be of another version.
  const isKnown = identityOf(probed.facts) !== undefined;
  if (part.length < head.length || !isKnown) {
    await part.truncate(0);
    await part.write(head);
  }
  let start = head.length;
  for (const [begin, end] of ranges) {
    const length = end === undefined ? Infinity : end - begin;
    const done = part.length - start;
    if (done < length) {
      const { source, signal } = context;
      const answer = await requestRange(source, file, begin + done, end, signal);
      // The range begins after the end of the file.
      if (!answer) return false;
      if (!isSame(answer, probed)) {
        answer.cancel();
        return false;
      }
      if (answer.begin !== begin + done) {
        if (tensors !== undefined || answer.begin !== 0) {
          answer.cancel();
          throw noParts(file);
        }
        await part.truncate(0);
      }
      await take(answer, part, start + length, download, context);
      if (end !== undefined && part.length < start + length) {
        throw new Interruption(`"${file.path}" broke off after ${part.length - start} bytes`);
      }
    }
    start += length;
  }
  return true;
}

/** A whole file of unknown size: the end of the answer ends the file. */
const OPEN_PLAN = { head: new Uint8Array(), ranges: [[0, undefined]] } as const;

/** An answer is the same if it comes from the version of the file that was probed. */
function isSame(answer: RangeAnswer, { facts, size }: Probed): boolean {
  return identityOf(answer.facts) === identityOf(facts) && answer.size === size;
}

/** Writes the bytes of an answer, at most up to a length of the part. */
async function take(
  answer: RangeAnswer,
  part: Part,
  most: number,
  { file }: Download,
  { onBytes }: DownloadContext,
): Promise<void> {
  try {
    for await (const bytes of answer.bytes) {
      if (part.length + bytes.length > most) {
        throw new Error(
          `Cannot fetch "${file.path}" of ${file.repository}: more bytes came than the ${most} ` +
            "that were announced",
        );
      }
      await part.write(bytes);
      onBytes(part.length);
    }
  } finally {
    answer.cancel();
    await part.sync();
  }
}

async function request(
  { source, signal }: DownloadContext,
  file: HubFile,
  begin: number,
  end: number | undefined,
): Promise<RangeAnswer> {
  const answer = await requestRange(source, file, begin, end, signal);
  if (answer) return answer;
  throw new Error(`Cannot fetch "${file.path}" of ${file.repository}: it is empty`);
}

function noParts({ path, repository }: HubFile): Error {
  return new Error(
    `Cannot fetch "${path}" of ${repository}: its server does not send parts of files; another ` +
      "--mirror may",
  );
}

/** Reads a few bytes of a file at its source. */
async function readPart(
  context: DownloadContext,
  file: HubFile,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (length > MAX_HEADER_BYTES) throw new SyntaxError(`its header has ${length} bytes`);
  const answer = await request(context, file, offset, offset + length);
  if (answer.begin !== offset) {
    answer.cancel();
    throw noParts(file);
  }
  const target = new Uint8Array(length);
  let filled = 0;
  for await (const bytes of answer.bytes) {
    const rest = bytes.subarray(0, length - filled);
    target.set(rest, filled);
    filled += rest.length;
  }
  if (filled < length) throw new Interruption(`"${file.path}" broke off`);
  return target;
}

/** Repeats some work while it is interrupted, as long as new bytes come or pauses are left. */
async function withTries<T>(
  { pauses, onNotice, signal }: DownloadContext,
  position: () => number,
  work: () => Promise<T>,
): Promise<T> {
  for (let failures = 0, before = position();; failures++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Interruption)) throw error;
      if (position() > before) failures = 0;
      before = position();
      const pause = pauses[failures];
      if (pause === undefined) {
        throw new Error(`${capital(error.message)}; the same command goes on where it was`);
      }
      const wait = error.wait ?? pause;
      onNotice(`${capital(error.message)}; trying again in ${Math.ceil(wait / 1000)} s`);
      await sleep(wait, signal);
    }
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Waits for a time, or until the signal aborts; then it throws the signal's reason. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Text that tells a file from its other versions; `undefined` if the source states none. */
function identityOf({ sha256, etag }: FileFacts): string | undefined {
  return sha256 ?? etag;
}

/** Names the source of a part. Another source may have other bytes under the same tag. */
function nameSource({ file, tensors }: Download, { facts }: Probed, { endpoint }: Source): string {
  const { repository, revision, path } = file;
  // The same hash means the same bytes, wherever they come from.
  const from = facts.sha256 ? [] : [endpoint, revision];
  return [...from, repository, path, ...(tensors ? [tensors] : [])].join(" ");
}

/** Reads the state of an earlier attempt; `undefined` if it was of another file. */
async function readState(
  download: Download,
  probed: Probed,
  source: Source,
): Promise<PartState | undefined> {
  const path = `${download.target}.part`;
  const identity = identityOf(probed.facts);
  const size = (await stat(path))?.size;
  if (size === undefined || identity === undefined) return undefined;
  let state: Partial<PartState> | null;
  try {
    state = JSON.parse(await Deno.readTextFile(`${path}.json`));
  } catch {
    return undefined;
  }
  const isSame = state?.identity === identity &&
    state.from === nameSource(download, probed, source);
  const { synced } = state ?? {};
  const isWithin = Number.isSafeInteger(synced) && synced! >= 0 && synced! <= size &&
    synced! <= (probed.bytes ?? 0);
  return isSame && isWithin ? state as PartState : undefined;
}

/** The part of a file on this machine. */
class Part implements Disposable {
  readonly path: string;
  readonly statePath: string;
  length = 0;
  readonly #file: Deno.FsFile;
  readonly #from: (probed: Probed) => string;
  #state: PartState;
  #isOpen = true;

  private constructor(
    path: string,
    file: Deno.FsFile,
    from: (probed: Probed) => string,
    state: PartState,
  ) {
    [this.path, this.statePath] = [path, `${path}.json`];
    [this.#file, this.#from, this.#state] = [file, from, state];
  }

  /** Opens the part of an earlier attempt, or begins a new part. */
  static async open(download: Download, probed: Probed, source: Source): Promise<Part> {
    const path = `${download.target}.part`;
    const from = (probed: Probed) => nameSource(download, probed, source);
    const state = await readState(download, probed, source);
    const file = await Deno.open(path, { read: true, write: true, create: true });
    const part = new Part(path, file, from, state ?? newState(from(probed), probed));
    // Bytes that were not synced may be lost after a power cut, and be zeros.
    await part.truncate(state?.synced ?? 0);
    return part;
  }

  /** Begins again, with another version of the file. */
  async restart(probed: Probed): Promise<void> {
    this.#state = newState(this.#from(probed), probed);
    await this.truncate(0);
  }

  async truncate(length: number): Promise<void> {
    await this.#save(Math.min(length, this.#state.synced));
    await this.#file.truncate(length);
    await this.#file.seek(length, Deno.SeekMode.Start);
    this.length = length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    } catch (error) {
      throw new Error(`Cannot write "${this.path}": ${(error as Error).message}`);
    }
    this.length += bytes.length;
    if (this.length - this.#state.synced >= SYNC_BYTES) await this.sync();
  }

  /** Writes all bytes to the disk, and says so in the state. */
  async sync(): Promise<void> {
    if (this.length === this.#state.synced) return;
    await this.#file.syncData();
    await this.#save(this.length);
  }

  async #save(synced: number): Promise<void> {
    this.#state = { ...this.#state, synced };
    await writeWhole(this.statePath, JSON.stringify(this.#state) + "\n");
  }

  close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function newState(from: string, { facts }: Probed): PartState {
  return { from, identity: identityOf(facts) ?? "", synced: 0 };
}
