/**
 * Runtimes for ONNX models, behind one interface.
 *
 * @module
 */

export * from "./open_runtime.ts";
export * from "./runtime.ts";
