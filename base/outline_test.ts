import { assert, assertEquals } from "@std/assert";
import { outlineOf, type Ring } from "./outline.ts";
import { Random } from "./random.ts";
import { regionOf } from "./region.ts";

const EXACT = { tolerance: 0, most: Infinity };

/** Fills rings by the even-odd rule, at the middles of the pixels. */
function fill(rings: readonly Ring[], width: number, height: number): number[] {
  return Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width + 0.5, Math.floor(i / width) + 0.5];
    let crossings = 0;
    for (const ring of rings) {
      for (let at = 0; at < ring.length; at += 2) {
        const [x1, y1] = [ring[at]!, ring[at + 1]!];
        const [x2, y2] = [ring[(at + 2) % ring.length]!, ring[(at + 3) % ring.length]!];
        if (y1 > y !== y2 > y && x1 + (y - y1) / (y2 - y1) * (x2 - x1) > x) crossings++;
      }
    }
    return crossings % 2;
  });
}

Deno.test("an outline encloses the pixels of its region and no others", () => {
  const random = new Random(6);
  for (let round = 0; round < 40; round++) {
    const size = { width: random.integer(1, 18), height: random.integer(1, 18) };
    const mask = Uint8Array.from(
      { length: size.width * size.height },
      () => random.uniform() < round / 39 ? 1 : 0,
    );
    const rings = outlineOf(regionOf(mask, size), EXACT);
    assertEquals(fill(rings, size.width, size.height), [...mask]);
  }
});

Deno.test("the outline of a box is the box, from its top left corner clockwise", () => {
  const mask = Uint8Array.from({ length: 80 }, (_, i) => i % 10 > 2 && i > 29 && i < 70 ? 1 : 0);
  const outline = outlineOf(regionOf(mask, { width: 10, height: 8 }), { tolerance: 1, most: 9 });
  assertEquals(outline, [[3, 3, 10, 3, 10, 7, 3, 7]]);
});

Deno.test("a simpler outline stays within its tolerance, and has few corners", () => {
  const [width, height] = [400, 500];
  const mask = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width - 180, Math.floor(i / width) - 260];
    const far = Math.hypot(x / 1.3, y) + 12 * Math.sin(5 * Math.atan2(y, x));
    return far < 120 && far > 40 ? 1 : 0;
  });
  const region = regionOf(mask, { width, height });
  const exact = outlineOf(region, EXACT);
  const simple = outlineOf(region, { tolerance: 1.5, most: 1000 });
  assertEquals(simple.length, 2);
  const corners = simple.flat().length / 2;
  assert(corners < 120 && exact.flat().length / 2 > 900);
  for (const [i, ring] of exact.entries()) {
    for (let at = 0; at < ring.length; at += 2) {
      const line = simple[i]!;
      let nearest = Infinity;
      for (let from = 0; from < line.length; from += 2) {
        const [x1, y1] = [line[from]!, line[from + 1]!];
        const [x2, y2] = [line[(from + 2) % line.length]!, line[(from + 3) % line.length]!];
        for (let step = 0; step <= 100; step++) {
          const [x, y] = [x1 + (x2 - x1) * step / 100, y1 + (y2 - y1) * step / 100];
          nearest = Math.min(nearest, Math.hypot(ring[at]! - x, ring[at + 1]! - y));
        }
      }
      assert(nearest <= 1.6);
    }
  }
});

Deno.test("scattered pixels do not exceed the most corners of an outline", () => {
  const random = new Random(1);
  const size = { width: 300, height: 200 };
  const mask = Uint8Array.from({ length: 60000 }, () => random.uniform() < 0.4 ? 1 : 0);
  const rings = outlineOf(regionOf(mask, size), { tolerance: 0.5, most: 500 });
  assert(rings.flat().length / 2 <= 500);
});
