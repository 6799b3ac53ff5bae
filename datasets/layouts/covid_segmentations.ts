/**
 * Lungs, heart, airways, opacities and devices outlined on 100 open chest X-rays:
 * `GeneralBlockchain/covid-19-chest-xray-segmentations-dataset` on GitHub.
 *
 * @module
 */

import { type CsvTable, fold, requireColumns } from "../csv.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import type { Wordings } from "../wordings.ts";
import { classFault } from "./_class_phrase.ts";
import type { Layout } from "./layout.ts";

/** Columns of `structure.csv` that are read. */
const COLUMNS = ["Class", "Filename", "Mask", "Resolution", "Top", "Left", "Width", "Height"];

/** Text before the name of each class in the table. */
const PREFIX = /^COVID-19 /i;

/** Classes by group, each with its wordings; the rule of {@linkcode wordPhrases} chooses one. */
const GROUPS: Readonly<Record<string, Wordings>> = {
  Anatomy: {
    "Left Lung": ["the left lung", "left lung field", "left lung parenchyma"],
    "Right Lung": ["the right lung", "right lung field", "right lung parenchyma"],
    "Cardiomediastinum": [
      "cardiomediastinal silhouette",
      "heart and mediastinum",
      "cardiac and mediastinal contours",
    ],
    "Airways": ["trachea and main bronchi", "central airways", "tracheobronchial tree"],
  },
  Findings: {
    "Ground Glass Opacities": [
      "ground-glass opacities",
      "hazy ground-glass opacity",
      "hazy opacities in the lungs",
    ],
    "Consolidation": ["consolidation", "airspace consolidation", "dense airspace opacity"],
    "Pleural Effusion": [
      "pleural effusion",
      "fluid in the pleural space",
      "small pleural effusion",
    ],
    "Pneumothorax": ["pneumothorax", "air in the pleural space", "visible pleural line"],
  },
  Devices: {
    "Endotracheal Tube": [
      "endotracheal tube",
      "endotracheal tube in place",
      "endotracheal tube in the trachea",
    ],
    "Central Venous Line": [
      "central venous line",
      "central venous catheter",
      "central venous catheter in place",
    ],
    "Monitoring Probes": ["monitoring leads", "ECG leads over the chest", "ECG electrodes"],
    "Nasogastric Tube": ["nasogastric tube", "enteric tube", "nasogastric tube in place"],
    "Chest Tube": ["chest tube", "pleural drain", "chest tube in place"],
    "Tubings": ["tubing over the chest", "external tubing", "overlying tubing"],
  },
};

/** Wordings of each class. */
const WORDINGS: Wordings = Object.assign({}, ...Object.values(GROUPS));

/** Group and name of each class, by its name after {@linkcode fold}. */
const CLASSES = new Map(
  Object.entries(GROUPS).flatMap(([group, classes]) =>
    Object.keys(classes).map((name) => [fold(name), { group, name }])
  ),
);

// The table misspells the class.
CLASSES.set("nosogastrictube", CLASSES.get("nasogastrictube")!);

/** An image's path, licence and source. */
export interface ImageCredit {
  /** Path in the dataset. */
  readonly image: string;
  /** Licence as the dataset states it; empty if it states none. */
  readonly license: string;
  /** Restriction by the licence in words; empty if there is none. */
  readonly restriction: string;
  /** Address of the source; empty if the dataset states none. */
  readonly source: string;
}

/** Licence and source of each image in `metadata.csv`, by its path. */
export function covidCredits({ records }: CsvTable): Map<string, ImageCredit> {
  return new Map(records.map(({ text }) => {
    const [image, license] = [`images/${text("filename")}`, text("license")];
    const restriction = license === ""
      ? "its licence is not stated"
      : /\bNC\b|non-?commercial/i.test(license)
      ? "its licence forbids commercial use"
      : "";
    return [image, { image, license, restriction, source: text("url") || text("doi") }];
  }));
}

/** Note on an image's licence and source. */
function describeCredit({ license, restriction, source }: ImageCredit): string {
  const parts = [license, restriction, source && `from ${source}`].filter((part) => part !== "");
  return `image: ${show(parts.join(", "), 300)}`;
}

/**
 * Makes rows from `structure.csv`: a row for each mask. The masks of one class on one image are one
 * sample, whose region is their union: a single mask of a class may already cover both lungs, so that
 * a mask is no unit of the class. A row without a mask gives a sample without ground truth: the class
 * is there, and nobody outlined it.
 *
 * @param metadata `metadata.csv`, which has the licence and source of each image, if present.
 * @throws {SyntaxError} If a column is missing.
 */
export function covidRows(
  path: string,
  table: CsvTable,
  metadata: CsvTable | undefined,
): SplitRow[] {
  requireColumns(path, table, COLUMNS);
  const credits = metadata && covidCredits(metadata);
  return table.records.map(({ line, text, fault }): SplitRow => {
    const [name, mask] = [text("Filename"), text("Mask")];
    const stated = text("Class").replace(PREFIX, "");
    const found = CLASSES.get(fold(stated));
    const wrong = fault ??
      (name === ""
        ? "the row names no image"
        : found
        ? undefined
        : classFault(Object.keys(WORDINGS), stated));
    const credit = credits?.get(`images/${name}`);
    const [width = "", height = ""] = text("Resolution").split(/x/i);
    return {
      where: `${table.name}:${line}`,
      stem: name,
      image: name && `images/${name}`,
      // Rows of unknown classes on one image do not belong together.
      phrase: found ? found.name : "",
      ...(found && { category: found.name, group: found.group }),
      // A resolution such as `943x751`.
      size: [width, height],
      ...(mask && {
        mask: {
          path: mask,
          left: text("Left"),
          top: text("Top"),
          size: [text("Width"), text("Height")] as const,
        },
      }),
      ...(credit && { notes: [describeCredit(credit)] }),
      ...(wrong && { fault: wrong }),
    };
  });
}

/** Paths of the images and masks that the rows of `structure.csv` name, each once. */
export function covidFiles(path: string, table: CsvTable): string[] {
  requireColumns(path, table, COLUMNS);
  const files = table.records.flatMap(({ text }) => [
    `images/${text("Filename")}`,
    ...(text("Mask") ? [text("Mask")] : []),
  ]);
  return [...new Set(files)];
}

/** The table of masks, beside the table of the images. */
export const COVID_SEGMENTATIONS: Layout = {
  title: "COVID-19 segmentations",
  imagesOf: "*",
  table: {
    columns: COLUMNS,
    rows: covidRows,
    example: `#,${COLUMNS.join()}
1,COVID-19 Left Lung,a.png,masks/m.png,8x8,1,4,4,6
2,COVID-19 Monitoring Probes,a.png,,8x8,0,0,8,8
`,
  },
  release: {
    names: [/^structure\.csv$/],
    shown: "structure.csv (COVID-19 segmentations)",
  },
  companion: (name) => name === "structure.csv" ? "metadata.csv" : undefined,
  labels: {
    classes: Object.keys(WORDINGS),
    rows: (path, { table }, metadata) => covidRows(path, table!, metadata),
  },
  wordings: WORDINGS,
  attribution:
    "Masks: COVID-19 Chest X-ray Segmentations Dataset by General Blockchain, drawn by " +
    "Dr. Ayoub El Hajjami and Dr. Mohamed Soliman, CC BY 4.0. Images: COVID-19 Image Data " +
    "Collection (ieee8023/covid-chestxray-dataset), each under the licence in metadata.csv.",
};
