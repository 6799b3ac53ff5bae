import { freeBytesOf } from "../base/host/deno/free_bytes.ts";
import type { CatalogModel } from "./catalog.ts";
import {
  type Digest,
  type Download,
  type DownloadContext,
  downloadFile,
  earlierBytes,
  hashFile,
  probe,
  type Probed,
  sleep,
} from "./download_file.ts";
import { type ModelRecord, readRecord, writeRecord } from "./record.ts";
import { AbsentFile } from "./request.ts";
import { folderOf, stat } from "../base/paths.ts";
import { writeWhole } from "../base/write_whole.ts";

/**
 * Conditions and callbacks of {@linkcode fetchModel} and `fetchDataset`. `onBytes` gets the bytes of
 * all files on this machine; `pauses` are {@linkcode PAUSES} by default.
 */
export interface FetchModelOptions
  extends Pick<DownloadContext, "source">, Partial<Omit<DownloadContext, "source">> {
  /** Called when the sizes are known, with the bytes of the model and the bytes on this machine. */
  readonly onBegin?: (total: number, before: number) => void;
  /**
   * Returns the free bytes on the disk of a folder.
   *
   * @default {The operating system's answer}
   */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** Waits in milliseconds before further tries after a broken connection: 1 to 16 seconds. */
export const PAUSES = [1000, 2000, 4000, 8000, 16_000];

/** Name of the file that a download locks. */
const LOCK_FILE = "get.lock";

/** Milliseconds between two looks at a lock that another download holds. */
const LOCK_INTERVAL = 500;

/** A file of the model that is not here yet. */
interface Missing {
  readonly download: Download;
  readonly probed: Probed;
  readonly name: string;
}

/**
 * Fetches the missing files of a model, and checks the other files against the record. One download
 * of a model runs at a time; a second one waits for the first.
 *
 * @param folder Folder of the model; created if it does not exist.
 * @returns `true` if anything was fetched.
 * @throws {Error} If a file is refused or wrong, the disk is too small, or the network fails.
 */
export async function fetchModel(
  model: CatalogModel,
  folder: string,
  options: FetchModelOptions,
): Promise<boolean> {
  const { onBegin = () => {}, onBytes = () => {}, onNotice = () => {}, freeBytes } = options;
  const { signal = new AbortController().signal, pauses = PAUSES, source } = options;
  await Deno.mkdir(folder, { recursive: true });
  using _lock = await lock(model, folder, onNotice, signal);
  let record = readRecord(folder);
  // Bytes of the files that are whole.
  let done = 0;
  const context: DownloadContext = { source, pauses, onNotice, signal, onBytes: () => {} };
  const missing: Missing[] = [];
  for (const { repository, revision, files } of model.sources) {
    for (const { path, others = [], to = path, tensors, digest } of files) {
      const target = `${folder}/${to}`;
      const known = record.files[to];
      if (known && await isIntact(target, known.sha256, known.bytes, onNotice)) {
        done += known.bytes;
        continue;
      }
      const commit = record.commits[repository];
      const digests: Digest[] = [
        ...(digest ? [digest] : []),
        ...(known ? [`sha256:${known.sha256}` as const] : []),
      ];
      const { download, probed } = await probeFirst(
        [path, ...others].map((path) => ({
          ...{ file: { repository, revision: commit ?? revision, path }, target, digests },
          ...(tensors !== undefined && { tensors }),
        })),
        context,
      );
      const { commit: found } = probed.facts;
      if (commit === undefined && found !== undefined) {
        // All files of a repository come from one commit, also the files of a later attempt.
        record = await update(folder, record, { commits: { [repository]: found } });
        download.file.revision = found;
      }
      missing.push({ download, probed, name: to });
    }
  }
  const unwritten: { to: string; text: string }[] = [];
  for (const { to, json } of model.written ?? []) {
    const text = JSON.stringify(json, null, 2) + "\n";
    const found = await stat(`${folder}/${to}`) && await Deno.readTextFile(`${folder}/${to}`);
    if (found !== text || record.files[to] === undefined) unwritten.push({ to, text });
  }
  if (missing.length === 0 && unwritten.length === 0) return false;
  let [total, before] = [done, done];
  for (const { download, probed } of missing) {
    total += probed.bytes ?? 0;
    before += await earlierBytes(download, probed, source);
  }
  await requireSpace(model, folder, total - before, freeBytes);
  onBegin(total, before);
  for (const { download, probed, name } of missing) {
    const recorded = await downloadFile(download, probed, {
      ...context,
      onBytes: (bytes) => onBytes(done + bytes),
    });
    record = await update(folder, record, { files: { [name]: recorded } });
    done += recorded.bytes;
  }
  for (const { to, text } of unwritten) {
    const path = `${folder}/${to}`;
    await Deno.mkdir(folderOf(path), { recursive: true });
    await writeWhole(path, text, { isSynced: true });
    const bytes = new TextEncoder().encode(text).length;
    record = await update(folder, record, {
      files: { [to]: { bytes, sha256: await hashFile(path, "sha256") } },
    });
  }
  return true;
}

/** Requires enough free bytes on the disk of a folder. */
export async function requireSpace(
  { name }: { readonly name: string },
  folder: string,
  bytes: number,
  freeBytes: (folder: string) => Promise<number> = freeBytesOf,
): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= bytes) return;
  throw new Error(
    `Cannot fetch ${name}: "${folder}" needs ${megabytes(bytes)} MB more, but its disk has ` +
      `${megabytes(free)} MB free`,
  );
}

/**
 * Asks for a file at each of its paths, until the repository has one.
 *
 * @throws {Error} The refusal of the first path, if the repository has none.
 */
async function probeFirst<D extends Download>(
  downloads: readonly D[],
  context: DownloadContext,
): Promise<{ download: D; probed: Probed }> {
  let refusal: unknown;
  for (const download of downloads) {
    try {
      const probed = await probe(download, context);
      const { path, repository } = download.file;
      if (refusal !== undefined) {
        context.onNotice(
          `${repository} lacks "${downloads[0]!.file.path}": taking "${path}" in its place.`,
        );
      }
      return { download, probed };
    } catch (error) {
      if (!(error instanceof AbsentFile)) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

async function update(
  folder: string,
  { commits, files }: ModelRecord,
  more: Partial<ModelRecord>,
): Promise<ModelRecord> {
  const record = {
    commits: { ...commits, ...more.commits },
    files: { ...files, ...more.files },
  };
  await writeRecord(folder, record);
  return record;
}

/** A file is intact if it exists with the recorded size and hash. */
export async function isIntact(
  path: string,
  sha256: string,
  bytes: number,
  onNotice: (notice: string) => void,
): Promise<boolean> {
  const info = await stat(path);
  if (!info) return false;
  if (info.size === bytes && await hashFile(path, "sha256") === sha256) return true;
  onNotice(`"${path}" is damaged and is fetched again.`);
  return false;
}

/** Locks a folder. The operating system holds the lock, so even a crash releases it. */
export async function lock(
  { name }: { readonly name: string },
  folder: string,
  onNotice: (notice: string) => void,
  signal: AbortSignal,
): Promise<Disposable> {
  const file = await Deno.open(`${folder}/${LOCK_FILE}`, { write: true, create: true });
  try {
    const take = () =>
      file.tryLock(true).catch((error: Error) => {
        onNotice(
          `"${folder}" is on a file system without locks (${error.message}): see to it that no other ` +
            `command fetches ${name}.`,
        );
        return true;
      });
    for (let tries = 0; !await take(); tries++) {
      if (tries === 0) onNotice(`Another command is fetching ${name}: waiting for it.`);
      await sleep(LOCK_INTERVAL, signal);
    }
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6);
}
