/**
 * Removes `location` in Deno workers. Import this module before `onnxruntime-web`, which resolves
 * the paths of its own files against the origin of `location`. In a Deno worker this origin is
 * "null", and no path can be resolved against it. Without `location` the library behaves as in the
 * main thread, which has none.
 *
 * @module
 */

if (globalThis.location?.origin === "null") Reflect.deleteProperty(globalThis, "location");
