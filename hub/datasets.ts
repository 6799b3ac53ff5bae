import type { CsvTable } from "../datasets/csv.ts";
import {
  COVID_SEGMENTATIONS,
  covidCredits,
  covidFiles,
  type ImageCredit,
} from "../datasets/layouts/covid_segmentations.ts";
import type { CatalogFile } from "./catalog.ts";

/** A dataset that is fetched by its name. */
export interface CatalogDataset {
  /** Name in commands, and of the dataset's folder. */
  readonly name: string;
  /** Content in a sentence. */
  readonly purpose: string;
  /** Bytes of all files. */
  readonly bytes: number;
  /** Owner and name on GitHub. */
  readonly repository: string;
  /** Commit of the files. */
  readonly commit: string;
  /** Licences in a few words. */
  readonly license: string;
  /** Sentences on the licences, which the user accepts once. */
  readonly terms: readonly string[];
  /** Attribution that the dataset demands, in sentences. */
  readonly attribution: string;
  /** Tables with hashes, which name all other files; `filesOf` reads the first. */
  readonly tables: readonly [CatalogFile, ...CatalogFile[]];
  /** Paths of all other files, from the first table. */
  readonly filesOf: (path: string, table: CsvTable) => readonly string[];
  /** Licence and source of each image by its path, from the last table. */
  readonly creditsOf: (table: CsvTable) => ReadonlyMap<string, ImageCredit>;
  /** SHA-256 of the lines that `sha256sum` prints of all files, sorted by path. */
  readonly sha256: string;
}

/** Datasets by their order in lists. */
export const DATASETS: readonly CatalogDataset[] = [
  {
    name: "covid-segmentations",
    purpose: "100 frontal X-rays on which two radiologists outlined lungs, heart, airways, " +
      "opacities and devices.",
    bytes: 52_853_155,
    repository: "GeneralBlockchain/covid-19-chest-xray-segmentations-dataset",
    commit: "377a49490e910a66a7f7aee1b92cdc3d5ac4bddf",
    license: "masks CC BY 4.0; images each its own, mostly not stated or without commerce",
    terms: [
      "Masks: CC BY 4.0. Name Dr. Ayoub El Hajjami and Dr. Mohamed Soliman, who drew them, " +
      "wherever masks or results from them are shown.",
      "Images: each has a licence of its own. Of 100 images, 2 are CC BY, 1 is CC BY-SA, 41 are " +
      "CC BY-NC-SA, which forbids commercial use, and for 56 no licence is stated.",
      "ATTRIBUTION.md in the dataset's folder names the licence and source of each image.",
    ],
    attribution: COVID_SEGMENTATIONS.attribution!,
    tables: [
      {
        path: "structure.csv",
        digest: "sha256:3d9a5b8e31b55b80cc778324125fd9486b0b1701b0e98993e673b4a72f5c6900",
      },
      {
        path: "metadata.csv",
        digest: "sha256:c3b80c39399331e17d10b2a8740e48ff2a7556c353a1e041c1a3bd9cba5a4110",
      },
    ],
    filesOf: covidFiles,
    creditsOf: covidCredits,
    sha256: "8a2a1fa0485d540c82e0711a8952bb2400521216f268cc91bcb901246f9f3b07",
  },
];

/** The dataset of a name; `undefined` if the catalog has none. */
export function findDataset(name: string): CatalogDataset | undefined {
  return DATASETS.find((dataset) => dataset.name === name);
}
