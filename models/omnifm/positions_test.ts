import { assertEquals } from "@std/assert";
import { cellIds, relativeRows, tokenBucket } from "./positions.ts";

Deno.test("tokenBucket() gives the rows of the released code", () => {
  const rows: [distance: number, row: number][] = [
    ...[[-1023, 0], [-500, 43], [-200, 99], [-129, 126], [129, 384]] as const,
    ...[[130, 384], [200, 411], [500, 467], [1023, 510], [0, 255], [-128, 127]] as const,
  ].map(([distance, row]) => [distance, row]);
  for (const [distance, row] of rows) assertEquals(tokenBucket(distance, 256), row, `${distance}`);
});

Deno.test("relativeRows() gives image cells and tokens rows of their own tables", () => {
  const sizes = { grid: 2, imageBucket: 3, tokenBucket: 4 };
  // The image table has 5 * 5 + 3 rows, the token table 7.
  const rows = Array.from(relativeRows(sizes, 2), Number);
  const zero = 28 + 7;
  assertEquals(rows, [
    ...[12, 11, 7, 6, zero, zero],
    ...[13, 12, 8, 7, zero, zero],
    ...[17, 16, 12, 11, zero, zero],
    ...[18, 17, 13, 12, zero, zero],
    ...[zero, zero, zero, zero, 28 + 3, 28 + 2],
    ...[zero, zero, zero, zero, 28 + 4, 28 + 3],
  ]);
  assertEquals(cellIds(2, 3), [1, 2, 4, 5]);
});
