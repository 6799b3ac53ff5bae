import { assertEquals } from "@std/assert";
import { Random } from "./random.ts";
import { sortFloats, sortOrder } from "./sort_floats.ts";

Deno.test("sortFloats() sorts as Float32Array.sort() does, and equal values keep their order", () => {
  const random = new Random(1);
  for (let round = 0; round < 50; round++) {
    const values = Float32Array.from({ length: random.integer(0, 300) }, () => {
      const kind = random.integer(0, 5);
      if (kind === 0) return random.integer(-2, 2);
      if (kind === 1) return [-0, 0, Infinity, -Infinity, 1e-45][random.integer(0, 4)]!;
      return 10 ** random.integer(-40, 38) * (random.uniform() - 0.5);
    });
    const bits = (map: Float32Array) => new Uint32Array(map.slice().buffer);
    assertEquals(bits(sortFloats(values)), bits(values.toSorted()));
    const order = sortOrder(values);
    for (let i = 1; i < order.length; i++) {
      if (Object.is(values[order[i - 1]!], values[order[i]!])) {
        assertEquals(order[i - 1]! < order[i]!, true);
      }
    }
  }
});
