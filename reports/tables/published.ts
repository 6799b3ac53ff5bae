/**
 * The paper's published results, as it prints them.
 *
 * @module
 */

import { parse } from "@std/csv";
import type { ScoreName } from "../../scoring/score_heatmap.ts";
import one from "./published_table1.csv" with { type: "text" };
import two from "./published_table2.csv" with { type: "text" };

/** Where the numbers are from. */
export const PAPER =
  "Vilouras et al., Zero-Shot Medical Phrase Grounding with Off-the-shelf Diffusion Models, " +
  "arXiv:2404.12920 (2024)";

/** A table of the paper. */
export interface PublishedTable {
  /** What the paper calls it. */
  readonly name: string;
  /** Its rows, in its order. */
  readonly rows: readonly PublishedRow[];
}

/** One row of a {@linkcode PublishedTable}. */
export interface PublishedRow {
  /** The method, or the setting. */
  readonly method: string;
  /** The score. */
  readonly score: ScoreName;
  /** The value as printed, by class; the average under `Avg`. mIoU and AUC-ROC are in per cent. */
  readonly values: ReadonlyMap<string, string>;
}

const COLUMNS: Readonly<Record<string, ScoreName>> = {
  abs_cnr: "absCnr",
  cnr: "cnr",
  miou: "miou",
  auc_roc: "aucRoc",
};

/** Methods on MS-CXR, by class. */
export const TABLE_ONE: PublishedTable = read("Table I", one);

/** Settings of layers, steps and Otsu's threshold on MS-CXR, by class. */
export const TABLE_TWO: PublishedTable = read("Table II (100 steps in all)", two);

function read(name: string, text: string): PublishedTable {
  const [header, ...records] = parse(text) as string[][];
  const rows = records.map(([method, metric, ...values]): PublishedRow => ({
    // "Ours" is the paper's word for its own.
    method: method!.replace("(ours)", "(paper)"),
    score: COLUMNS[metric!]!,
    values: new Map(header!.slice(2).map((column, i) => [column, values[i]!])),
  }));
  return { name, rows };
}
