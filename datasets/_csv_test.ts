import { assert, assertEquals, assertThrows } from "@std/assert";
import { readCsv, requireColumns } from "./_csv.ts";

Deno.test("readCsv() takes a header of any length in its stride", () => {
  const columns = Array.from({ length: 200_000 }, (_, i) => `c${i}`);
  const start = performance.now();
  assertEquals(readCsv("a.csv", columns.join()).columns.length, columns.length);
  assert(performance.now() - start < 5000); // comparing each with all others took minutes
});

Deno.test("readCsv() and requireColumns() name columns in a short line that can be printed", () => {
  assertThrows(() => readCsv("a.csv", "\x1b,\x1b"), SyntaxError, 'column "\\u001b" is there twice');
  const table = readCsv("a.csv", `${"x".repeat(5000)},\x1b`);
  const error = assertThrows(() => requireColumns("a.csv", table, ["image"]), SyntaxError);
  assert(error.message.length < 500 && !error.message.includes("\x1b"), error.message);
});
