/**
 * Loaded before a command, it lets one line be written to an open file; after
 * that the disk is full.
 *
 * @module
 */

const { write } = Deno.FsFile.prototype;
let lines = 0;

Deno.FsFile.prototype.write = function (bytes) {
  if (++lines > 1) return Promise.reject(new Error("No space left on device"));
  return write.call(this, bytes);
};
