import type { CsvTable } from "../csv.ts";
import type { SplitRow } from "../split_row.ts";
import { CHESTX_DET } from "./chestx_det.ts";
import { COVID_SEGMENTATIONS } from "./covid_segmentations.ts";
import type { HasColumn, Layout, TableForm } from "./layout.ts";
import { MS_CXR } from "./ms_cxr.ts";
import { NIH_CHESTXRAY14 } from "./nih_chestxray14.ts";
import { PADCHEST_GR } from "./padchest_gr.ts";
import { PLAIN_CSV } from "./plain_csv.ts";
import { RSNA_PNEUMONIA } from "./rsna_pneumonia.ts";
import { VINDR_CXR } from "./vindr_cxr.ts";

/**
 * The layouts. The first that matches a file is taken. So `csv` stands behind MS-CXR, whose tables
 * may have a column `image` added. It stands before all others, because users write their own
 * phrases beside the columns of a dataset. `padchest-gr` takes any list, so it stands behind
 * `chestx-det`.
 */
export const LAYOUTS = {
  "ms-cxr": MS_CXR,
  "csv": PLAIN_CSV,
  "vindr-cxr": VINDR_CXR,
  "chestx-det": CHESTX_DET,
  "nih-chestxray14": NIH_CHESTXRAY14,
  "covid-segmentations": COVID_SEGMENTATIONS,
  "padchest-gr": PADCHEST_GR,
  "rsna-pneumonia": RSNA_PNEUMONIA,
} satisfies Readonly<Record<string, Layout>>;

/** Name of a dataset's layout; `csv` is a plain CSV of images and phrases. */
export type LayoutName = keyof typeof LAYOUTS;

const ENTRIES = Object.entries(LAYOUTS) as [LayoutName, Layout][];
const ALL = ENTRIES.map(([, layout]) => layout);

/** A file whose layout is known. */
export interface Recognized {
  readonly name: LayoutName;
  /**
   * Makes rows; the arguments are the file's path, the table beside it if there is one, and whether
   * phrases with nothing to find count.
   */
  readonly rows: (
    path: string,
    companion: CsvTable | undefined,
    hasNegatives: boolean,
  ) => SplitRow[];
}

/** Recognises the layout of a table by its columns; `undefined` if it fits none. */
export function recognizeTable(table: CsvTable): Recognized | undefined {
  const isNamed = (column: string) => table.columns.includes(column);
  const find = (fits: (form: TableForm) => boolean | undefined) =>
    ENTRIES.find(([, { table }]) => table && fits(table));
  const within = (has: HasColumn) =>
    find(({ columns, matches }) => matches ? matches(has) : columns.every(has)) ??
      find(({ resembles }) => resembles?.(has));
  // Try exact column names first: they identify a layout better than similar spellings.
  const [name, layout] = within(isNamed) ?? within(table.has) ?? [];
  return name && {
    name,
    rows: (path, companion) => layout!.table!.rows(path, table, companion),
  };
}

/** Recognises the layout of a JSON document; `undefined` if it fits none. */
export function recognizeJson(document: unknown): Recognized | undefined {
  const [name, layout] = ENTRIES.find(([, { json }]) => json?.matches(document)) ?? [];
  return name && {
    name,
    rows: (path, companion, hasNegatives) =>
      layout!.json!.rows(path, document, companion, hasNegatives),
  };
}

/** Classes of all layouts, each once. */
export const KNOWN_CLASSES: readonly string[] = [
  ...new Set(ALL.flatMap(({ labels }: Layout) => labels?.classes ?? [])),
];

/** Writes a list in words, such as `a, b or c`. */
function either(parts: readonly string[]): string {
  return new Intl.ListFormat("en-GB", { type: "disjunction" }).format(parts);
}

/** The documents of all layouts in words, for the error about a document that fits none. */
export function knownDocuments(): string {
  return either(ALL.flatMap(({ title, json }) => json ? [title] : []));
}

const PUBLISHED = ALL.filter(({ release }) => release);
const OWN = ALL.filter(({ release }) => !release);

/** The columns of all layouts in words, for the error about a table that fits none. */
export function knownColumns(): string {
  const own = OWN.flatMap(({ table }) => table ? [table.columns.join(", ")] : []);
  const published = PUBLISHED.flatMap(({ title, table }) =>
    table ? [`${title} (${table.columns.join(", ")})`] : []
  );
  return `${either(own)} or the columns of ${either(published)}`;
}

/** The layouts in words, for the help of a command. */
export function describeLayouts(): string {
  const titles = PUBLISHED.map(({ title, table, json }) =>
    table && json ? `${title} as CSV or JSON` : title
  );
  const own = OWN.map(({ title }) => title);
  return `${either(titles)}, or the folder of one of them; or ${either(own)}.`;
}

/** Names of dataset files in releases. */
export const RELEASES = ALL.flatMap(({ release }) => release ?? []);

/** The files of all releases in words, for the error about a folder without any. */
export function knownFiles(): string {
  return either(RELEASES.map(({ shown }) => shown));
}
