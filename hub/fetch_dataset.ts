import { createHash } from "node:crypto";
import { writeWhole } from "../base/write_whole.ts";
import { type CsvTable, readCsv } from "../datasets/csv.ts";
import type { CatalogFile } from "./catalog.ts";
import type { CatalogDataset } from "./datasets.ts";
import { downloadSmallFile } from "./download_file.ts";
import { type FetchModelOptions, isIntact, lock, PAUSES, requireSpace } from "./fetch_model.ts";
import { readRecord, type RecordedFile, writeRecord } from "./record.ts";

/** Name of the file with attribution, licences and sources. */
export const ATTRIBUTION = "ATTRIBUTION.md";

/** Files after which the record is written; a power cut loses the record of no more. */
const RECORD_FILES = 50;

/** Text that the record holds once the licences were accepted. */
function termsOf({ terms }: CatalogDataset): string {
  return terms.join(" ");
}

/** The user accepted the licences of a dataset for a folder if its record says so. */
export function hasAccepted(dataset: CatalogDataset, folder: string): boolean {
  return readRecord(folder).accepted === termsOf(dataset);
}

/** Records that the user accepted the licences of a dataset; creates the folder. */
export async function accept(dataset: CatalogDataset, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await writeRecord(folder, { ...readRecord(folder), accepted: termsOf(dataset) });
}

/**
 * Fetches the missing files of a dataset, and checks the other files against the record. At the end
 * all files together must have the hash of the catalog. Writes `ATTRIBUTION.md`. One download of a
 * dataset runs at a time; a second one waits for the first.
 *
 * @param folder Folder of the dataset; created if it does not exist.
 * @returns `true` if anything was fetched.
 * @throws {Error} If a file is refused or wrong, the disk is too small, or the network fails.
 */
export async function fetchDataset(
  dataset: CatalogDataset,
  folder: string,
  options: FetchModelOptions,
): Promise<boolean> {
  const { onBegin = () => {}, onBytes = () => {}, onNotice = () => {}, freeBytes } = options;
  const { signal = new AbortController().signal, pauses = PAUSES, source } = options;
  const { repository, commit, tables, bytes: total } = dataset;
  await Deno.mkdir(folder, { recursive: true });
  using _lock = await lock(dataset, folder, onNotice, signal);
  const before = readRecord(folder);
  const files: Record<string, RecordedFile> = {};
  let done = 0;
  let fetched = 0;
  const save = async (isWhole: boolean) => {
    const { accepted } = before;
    await writeRecord(folder, {
      commits: { [repository]: commit },
      // Files that were not looked at yet stay in the record.
      files: isWhole ? files : { ...before.files, ...files },
      ...(accepted && { accepted }),
      ...(isWhole && { isWhole }),
    });
  };
  const take = async (wanted: readonly CatalogFile[]) => {
    const missing: CatalogFile[] = [];
    for (const file of wanted) {
      signal.throwIfAborted();
      const { path, digest } = file;
      const known = before.files[path];
      const isKnown = known && (digest ?? `sha256:${known.sha256}`) === `sha256:${known.sha256}`;
      if (isKnown && await isIntact(`${folder}/${path}`, known.sha256, known.bytes, onNotice)) {
        files[path] = known;
        done += known.bytes;
      } else missing.push(file);
    }
    if (missing.length > 0 && fetched === 0) {
      await requireSpace(dataset, folder, total - done, freeBytes);
      onBegin(total, done);
    }
    for (const { path, digest } of missing) {
      files[path] = await downloadSmallFile(
        {
          file: { repository, revision: commit, path },
          target: `${folder}/${path}`,
          digests: digest ? [digest] : [],
        },
        { source, pauses, onNotice, signal, onBytes: (bytes) => onBytes(done + bytes) },
      );
      done += files[path].bytes;
      if (++fetched % RECORD_FILES === 0) await save(false);
    }
  };
  const read = async ({ path }: CatalogFile): Promise<CsvTable> =>
    readCsv(path, await Deno.readTextFile(`${folder}/${path}`));
  try {
    // The tables come first, because they name the other files.
    await take(tables);
    const paths = dataset.filesOf(tables[0].path, await read(tables[0]));
    await take(paths.map((path) => ({ path })));
    requireSame(dataset, folder, files);
    const credits = dataset.creditsOf(await read(tables.at(-1)!));
    await writeWhole(`${folder}/${ATTRIBUTION}`, attributionOf(dataset, credits, paths));
  } catch (error) {
    // The files so far stay.
    if (fetched > 0) await save(false);
    throw error;
  }
  if (fetched > 0 || !before.isWhole) await save(true);
  return fetched > 0;
}

/** Requires the hash of all files together. */
function requireSame(
  { name, commit, sha256 }: CatalogDataset,
  folder: string,
  files: Readonly<Record<string, RecordedFile>>,
): void {
  const hash = createHash("sha256");
  for (const path of Object.keys(files).sort()) hash.update(`${files[path]!.sha256}  ${path}\n`);
  if (hash.digest("hex") === sha256) return;
  throw new Error(
    `Cannot use ${name} as fetched: its files are not those of commit ${commit}; remove ` +
      `"${folder}" and fetch it from another source`,
  );
}

/** Writes attribution, licences and sources as Markdown. */
function attributionOf(
  { name, repository, commit, attribution, terms }: CatalogDataset,
  credits: ReturnType<CatalogDataset["creditsOf"]>,
  paths: readonly string[],
): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
  const rows = paths.flatMap((path) => credits.get(path) ?? [])
    .map(({ image, license, restriction, source }) =>
      `| ${[image, license || "not stated", restriction, source].map(cell).join(" | ")} |`
    );
  return `# Attribution of ${name}

${attribution}

Fetched from https://github.com/${repository} at commit ${commit}.

${terms.map((term) => `- ${term}`).join("\n")}

| image | licence | restriction | source |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}
