import { UsageError } from "../../base/options.ts";
import { printable, quote } from "../../base/text.ts";
import { fold, streamCsv } from "../../datasets/csv.ts";
import { decodeText, notText } from "../../datasets/text.ts";
import { imageEnding } from "../../images/endings.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { patientOf } from "../../runs/patients.ts";
import { pathEnds } from "../../base/paths.ts";

/** Kinds of keys, from the most to the least specific. */
const KINDS = ["image", "study", "patient"] as const;

type Kind = typeof KINDS[number];

/** Names of key columns, after {@linkcode fold}. */
const KEYS: Readonly<Record<Kind, RegExp>> = {
  image: /^(dicom|sopinstance|image|file)(id|uid|index|name|path|file)?$|^(path|filename)$/,
  study: /^study(id|uid|instanceuid|number)?$/,
  patient: /^(patient|subject)(id|number)?$/,
};

/** A joined table. */
export interface Metadata {
  /** Column that joins, and its kind in words. */
  readonly key: string;
  readonly kind: Kind;
  /** Samples by id, each with its values of the columns; several if rows of its key differ. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;
  /** Number of rows that cannot be read, and the first reason with its line. */
  readonly faults: { readonly count: number; readonly first?: string };
}

/** Keys of samples: ids of samples by the text of a key. */
interface KeyIndex {
  /** The whole key, such as a path of an image as the run has it. */
  readonly whole: Map<string, string[]>;
  /** Ends of the key, such as a file's name without folders. */
  readonly ends: Map<string, string[]>;
}

/** Removes the folders' spelling and an image's ending: tables name images with and without it. */
function plainPath(path: string): string {
  const text = path.trim().replaceAll("\\", "/").replace(/^(?:\.\/)+/, "");
  return imageEnding(text) < 0 ? text : text.slice(0, text.lastIndexOf("."));
}

/** A number of a study or patient without its letter, and without the `.0` that pandas adds. */
function plainId(id: string): string {
  return id.trim().replace(/^[ps](?=\d{8}\b)/, "").replace(/^(\d+)\.0$/, "$1");
}

function indexKeys(samples: readonly SampleResult[]): Record<Kind, KeyIndex> {
  const make = (): KeyIndex => ({ whole: new Map(), ends: new Map() });
  const found = { image: make(), study: make(), patient: make() };
  const add = (map: Map<string, string[]>, key: string, id: string) =>
    map.getOrInsert(key, []).push(id);
  for (const sample of samples) {
    const { id, image = "" } = sample;
    const path = plainPath(image);
    // The id of a sample begins with the id that its dataset gives the image.
    for (const end of new Set([...pathEnds(path).slice(1), plainPath(id.replace(/#\d+$/, ""))])) {
      add(found.image.ends, end, id);
    }
    add(found.image.whole, path, id);
    const study = /(?:^|\/)(s\d{8}|patient\d{5,}\/study\d+)\//.exec(`${path}/`)?.[1];
    if (study !== undefined) add(found.study.whole, plainId(study), id);
    const patient = patientOf(sample);
    if (patient !== undefined) add(found.patient.whole, plainId(patient), id);
  }
  return found;
}

/** Ids of the samples that a cell of a key column names. */
function match(cell: string, kind: Kind, { whole, ends }: KeyIndex): readonly string[] {
  if (kind !== "image") return whole.get(plainId(cell)) ?? [];
  const path = plainPath(cell);
  // Paths join if the shorter is a whole end of the longer. Equal names in other folders do not.
  const own = pathEnds(path).flatMap((end) => whole.get(end) ?? []);
  return [...new Set([...own, ...ends.get(path) ?? []])];
}

/**
 * Reads a CSV of facts, and joins it with samples by a column of ids: of images (`dicom_id`, a path
 * or a name), studies or patients. A path joins if it is a whole end of the image's path, or the other
 * way round.
 *
 * @param samples One result of each sample.
 * @param key Name of the key column; by default the column with a usual name that joins most samples.
 * @param columns Chooses the columns to keep, from the names of all.
 * @throws {UsageError} If the table has no such key column, or no sample joins.
 * @throws {SyntaxError} If the file is no CSV in UTF-8 or UTF-16.
 */
export async function readMetadata(
  path: string,
  samples: readonly SampleResult[],
  key: string | undefined,
  columns: (names: readonly string[]) => readonly string[],
): Promise<Metadata> {
  const bytes = await Deno.readFile(path).catch((error: Error) => {
    throw new UsageError(`Cannot read "${path}": ${error.message}`);
  });
  const { text, isBroken } = decodeText(bytes);
  if (isBroken) throw notText(path);
  const table = streamCsv(path, text);
  const shown = printable(table.columns.join(", "), 400);
  const kindsOf = (name: string) => KINDS.filter((kind) => KEYS[kind].test(fold(name)));
  const named = key === undefined ? table.columns : [key].filter(table.has);
  const candidates = named.flatMap((name) => {
    const kinds = kindsOf(name);
    const tried = kinds.length === 0 && key !== undefined ? KINDS : kinds;
    return tried.map((kind) => ({
      name,
      kind,
      values: new Map<string, Map<string, Set<string>>>(),
    }));
  });
  if (candidates.length === 0) {
    throw new UsageError(
      `Cannot join ${quote(path)}: ` +
        (key === undefined
          ? `no column is named like an id of images, studies or patients (found: ${shown}); ` +
            "--key names it"
          : `it has no column ${quote(key)} (found: ${shown})`),
    );
  }
  const kept = columns(table.columns);
  const keys = indexKeys(samples);
  let count = 0;
  let first: string | undefined;
  for (const { line, get, text, fault } of table.records) {
    if (fault) {
      count++;
      first ??= `line ${line}: ${fault}`;
      continue;
    }
    for (const { name, kind, values } of candidates) {
      for (const id of match(get(name) ?? "", kind, keys[kind])) {
        const own = values.getOrInsertComputed(id, () => new Map<string, Set<string>>());
        for (const column of kept) {
          own.getOrInsertComputed(column, () => new Set()).add(text(column));
        }
      }
    }
  }
  const [best] = candidates.toSorted((one, other) =>
    other.values.size - one.values.size || KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind)
  );
  const { name, kind, values } = best!;
  if (values.size === 0) {
    const tried = [...new Set(candidates.map(({ name }) => quote(name)))].join(", ");
    throw new UsageError(
      `Cannot join ${quote(path)} by ${tried}: no row is of a sample, such as ` +
        `${quote(samples[0]?.id ?? "", 60)} of image ${quote(samples[0]?.image ?? "", 100)}`,
    );
  }
  return { key: name, kind, values, faults: { count, ...(first && { first }) } };
}
