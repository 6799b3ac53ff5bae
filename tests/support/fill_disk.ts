/**
 * Runs `eval` on a disk that fills up. The disk takes the record, a heatmap with its result,
 * another heatmap and half of its result.
 *
 * @module
 */

const { write } = Deno.FsFile.prototype;
let writes = 0;

Deno.FsFile.prototype.write = function (bytes) {
  writes++;
  if (writes <= 4) return write.call(this, bytes);
  if (writes === 5) return write.call(this, bytes.subarray(0, bytes.length >> 1));
  return Promise.reject(new Error("No space left on device"));
};

await import("../../cli/eval.ts");
