/**
 * Reads the rows of a dataset into samples, and draws phantoms.
 *
 * @module
 */

export * from "./open_dataset.ts";
export * from "./phantom/phantom.ts";
export * from "./phantom/phantom_set.ts";
export * from "./sample.ts";
