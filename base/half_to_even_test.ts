import { assertEquals } from "@std/assert";
import { halfToEven } from "./half_to_even.ts";

Deno.test("halves go to the even integer on either side of 0, other numbers to the nearest", () => {
  assertEquals([0.5, 1.5, 2.5, 2.4, 2.6, 7].map(halfToEven), [0, 2, 2, 2, 3, 7]);
  assertEquals([-0.6, -1.5, -2.5, -3.5, -2.4].map(halfToEven), [-1, -2, -2, -4, -2]);
});
