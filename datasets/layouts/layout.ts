import type { CsvTable } from "../csv.ts";
import type { SplitRow } from "../split_row.ts";
import type { Wordings } from "../wordings.ts";

/** Files of one dataset: how to find them, how to recognise them, and how to read their rows. */
export interface Layout {
  /** Name of the dataset in messages and help. */
  readonly title: string;
  /** Form of the table that holds the rows; absent if the dataset has no table. */
  readonly table?: TableForm;
  /** Form of the JSON document that holds the rows; absent if the dataset has no such document. */
  readonly json?: JsonForm;
  /** Files of the dataset in a folder; absent if they may have any name. */
  readonly release?: Release;
  /**
   * Name of a second table in the folder of a file with a certain name.
   *
   * @default {No file has a second table}
   */
  readonly companion?: (name: string) => string | undefined;
  /**
   * Rows name images without folders, and maybe without a file extension; the images lie up to two
   * folders deep.
   *
   * @default {false}
   */
  readonly findsImagesByName?: boolean;
  /**
   * Wordings by class, for a dataset whose phrases come from classes; see {@linkcode wordPhrases}.
   * The phrase of a row stays if its class has no wordings here.
   */
  readonly wordings?: Wordings;
  /**
   * Dataset that the images come from, by which a method may have seen them; `*` if not known.
   *
   * @default {The dataset itself}
   */
  readonly imagesOf?: string;
  /** Labels of whole images; absent if the dataset does not say which classes an image lacks. */
  readonly labels?: Labels;
  /** Attribution that the dataset demands, in sentences. */
  readonly attribution?: string;
  /** Tree of images in which the paths of rows may begin. */
  readonly tree?: {
    /** Folder at the top of the tree. */
    readonly folder: string;
    /** Name of the dataset to which the tree belongs. */
    readonly of: string;
  };
  /** Phantoms are written in the layout of another dataset; true if all rows are of phantoms. */
  readonly arePhantoms?: (rows: readonly SplitRow[]) => boolean;
}

/** Labels of whole images, by which a detector of classes is scored. */
export interface Labels {
  /** Classes of the dataset; by default those that its rows name. */
  readonly classes?: readonly string[];
  /** A table of labels that must lie beside the dataset's file, and the reason why. */
  readonly table?: { readonly name: string; readonly needs: string };
  /**
   * Makes a row for each class that an image has, or several with a place each. An image without a
   * class has a row without a class.
   *
   * @throws {SyntaxError} As the rows of the layout.
   */
  readonly rows: (
    path: string,
    content: { readonly table?: CsvTable; readonly json?: unknown },
    companion: CsvTable | undefined,
  ) => SplitRow[];
}

/** Names of a dataset's files. */
export interface Release {
  /** Patterns of names; a file that fits a later pattern counts only if none fits an earlier. */
  readonly names: readonly RegExp[];
  /** The names in words, such as `stage_2_train_labels.csv (RSNA)`. */
  readonly shown: string;
  /** Folder that holds the files if the release itself holds none. */
  readonly folder?: string;
}

/** A test for a column: true if the table has it. */
export type HasColumn = (column: string) => boolean;

/** Rows of a dataset as a table. */
export interface TableForm {
  /** Columns that every table has. */
  readonly columns: readonly string[];
  /**
   * A table is in this layout if the function returns true.
   *
   * @default {It has all columns}
   */
  readonly matches?: (has: HasColumn) => boolean;
  /**
   * A table in no layout was meant for this layout if the function returns true. Then
   * {@linkcode TableForm.rows} names the missing columns.
   *
   * @default {false}
   */
  readonly resembles?: (has: HasColumn) => boolean;
  /**
   * Makes rows.
   *
   * @throws {SyntaxError} If the table, or its companion, lacks a column.
   */
  readonly rows: (path: string, table: CsvTable, companion: CsvTable | undefined) => SplitRow[];
  /** A valid table, which tests read whole and damaged; its images are of {@linkcode IMAGES}. */
  readonly example: string;
}

/** Rows of a dataset as a JSON document. */
export interface JsonForm {
  /** A document is in this layout, or was meant for it, if the function returns true. */
  readonly matches: (json: unknown) => boolean;
  /**
   * Makes rows. With `hasNegatives` phrases with nothing to find come last.
   *
   * @throws {SyntaxError} If the document lacks a list or field.
   */
  readonly rows: (
    path: string,
    json: unknown,
    companion: CsvTable | undefined,
    hasNegatives: boolean,
  ) => SplitRow[];
  /** A valid document, which tests read whole and damaged; its images are of {@linkcode IMAGES}. */
  readonly example: object;
}

/** Images and masks that examples name; `a` stands for `a.png` where names have no ending. */
export const IMAGES: readonly string[] = [
  "a.png",
  "files/b.png",
  "a",
  "images/a.png",
  "masks/m.png",
];
