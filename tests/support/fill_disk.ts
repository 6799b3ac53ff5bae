/**
 * Loaded before a command, it lets what is run and one result be written to an
 * open file, and half of the next result; after that the disk is full.
 *
 * @module
 */

const { write } = Deno.FsFile.prototype;
let writes = 0;

Deno.FsFile.prototype.write = function (bytes) {
  writes++;
  if (writes <= 2) return write.call(this, bytes);
  if (writes === 3) return write.call(this, bytes.subarray(0, bytes.length >> 1));
  return Promise.reject(new Error("No space left on device"));
};
