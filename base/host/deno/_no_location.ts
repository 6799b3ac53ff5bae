/**
 * To be imported before `onnxruntime-web`, which looks for its own files beside
 * the origin of `location`. In a worker of Deno's that is the origin of a file,
 * "null", to which nothing can be resolved; without a location it does as in the
 * first thread, which has none.
 *
 * @module
 */

if (globalThis.location?.origin === "null") Reflect.deleteProperty(globalThis, "location");
