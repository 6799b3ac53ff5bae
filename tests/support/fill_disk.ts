/**
 * Runs eval on a disk that is full once one line was written to an open file.
 *
 * @module
 */

const { write } = Deno.FsFile.prototype;
let lines = 0;

Deno.FsFile.prototype.write = function (bytes) {
  if (++lines > 1) return Promise.reject(new Error("No space left on device"));
  return write.call(this, bytes);
};

await import("../../cli/eval.ts");
