/**
 * Reads checkpoints in place: safetensors, and PyTorch files without executing their pickle.
 *
 * @module
 */
export { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
export { readRow, readRows, readTensor } from "./read_tensor.ts";
export { fitLayout, type Renaming, tellLayout } from "./fit_layout.ts";
export { closestShapes, fitTensors } from "./fit_tensors.ts";
export { type FitTensorsOptions, ignoring } from "./_find_misfits.ts";
export { openShards } from "./shards.ts";
export { type DType, rowsOf, type TensorEntry } from "./tensor_entry.ts";
export type { TensorSet } from "./tensor_set.ts";
export { type TensorToWrite, writeSafetensors } from "./write_safetensors.ts";
