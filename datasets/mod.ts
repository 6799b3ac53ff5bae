/**
 * Datasets: rows in, samples out.
 *
 * @module
 */

export * from "./open_dataset.ts";
export * from "./phantom.ts";
export * from "./phantom_set.ts";
export type { Category } from "./_phantom_findings.ts";
export * from "./sample.ts";
