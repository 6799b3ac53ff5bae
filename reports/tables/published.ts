/**
 * The paper's published results, as printed.
 *
 * @module
 */

import { parse } from "@std/csv";
import type { ScoreName } from "../../scoring/score_heatmap.ts";
import one from "./published_table1.csv" with { type: "text" };
import two from "./published_table2.csv" with { type: "text" };

/** Source of the published numbers. */
export const PAPER =
  "Vilouras et al., Zero-Shot Medical Phrase Grounding with Off-the-shelf Diffusion Models, " +
  "arXiv:2404.12920 (2024)";

/** A table of the paper. */
export interface PublishedTable {
  readonly name: string;
  /** Rows in the paper's order. */
  readonly rows: readonly PublishedRow[];
}

/** One row of a {@linkcode PublishedTable}. */
export interface PublishedRow {
  /** Name of the method or setting. */
  readonly method: string;
  readonly score: ScoreName;
  /** Printed values by class, with the average as `Avg`; mIoU and AUC-ROC are in per cent. */
  readonly values: ReadonlyMap<string, string>;
}

const COLUMNS: Readonly<Record<string, ScoreName>> = {
  abs_cnr: "absCnr",
  cnr: "cnr",
  miou: "miou",
  auc_roc: "aucRoc",
};

/** Scores of methods on MS-CXR, by class. */
export const TABLE_ONE: PublishedTable = read("Table I", one);

/** Scores of settings (layers, steps, Otsu's threshold) on MS-CXR, by class. */
export const TABLE_TWO: PublishedTable = read("Table II (100 steps in all)", two);

function read(name: string, text: string): PublishedTable {
  const [header, ...records] = parse(text) as string[][];
  const rows = records.map(([method, metric, ...values]): PublishedRow => ({
    // In our tables "ours" would mean Groundray.
    method: method!.replace("(ours)", "(paper)"),
    score: COLUMNS[metric!]!,
    values: new Map(header!.slice(2).map((column, i) => [column, values[i]!])),
  }));
  return { name, rows };
}
