import { assertEquals } from "@std/assert";
import { boxesOf } from "./answer.ts";

const COORDINATES = { firstBin: 100, bins: 11 };
const IMAGE = { width: 40, height: 20 };

Deno.test("boxesOf() takes four coordinates for a box, whatever stands between them", () => {
  const all = (...tokens: number[]) => boxesOf(tokens, COORDINATES, IMAGE, "all");
  const first = (...tokens: number[]) => boxesOf(tokens, COORDINATES, IMAGE, "first");
  const box = [101, 7, 102, 105, 109, 2];
  assertEquals(all(...box), [[4, 4, 16, 14]]);
  assertEquals(all(...box, 110, 110, 100, 100), [[4, 4, 16, 14], [0, 0, 40, 20]]);
  assertEquals(first(...box, 110, 110, 100, 100), [[4, 4, 16, 14]]);
  // Coordinates are left over.
  assertEquals(all(...box, 110), [[4, 4, 16, 14]]);
  assertEquals(first(...box, 110), []);
  assertEquals([all(7, 99, 111), first(7, 2)], [[], []]);
});
