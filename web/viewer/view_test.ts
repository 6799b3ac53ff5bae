import { assertAlmostEquals, assertEquals } from "@std/assert";
import { moveView, type View, WHOLE, zoomView } from "./view.ts";

/**
 * Returns the position of a place in the view: its distance from the view's middle, in shares of
 * the view.
 */
const seenAt = (view: View, place: number) => (place - view.x) * view.zoom;

Deno.test("zoomView() keeps the point under the pointer in its place", () => {
  const view = { ...WHOLE };
  const place = 0.3;
  for (const factor of [2, 1.7, 1.1, 0.8]) {
    const before = seenAt(view, place);
    zoomView(view, factor, place - view.x, 0);
    assertAlmostEquals(seenAt(view, place), before, 1e-12);
    assertEquals(view.y, 0.5);
  }
});

Deno.test("zoomView() ends at the whole X-ray, and at 16 times closer", () => {
  const view = { ...WHOLE };
  zoomView(view, 100, 0.4, -0.5);
  assertEquals(view.zoom, 16);
  assertAlmostEquals(view.y, 0.5 - 0.5 * (1 - 1 / 16));
  zoomView(view, 1e-3);
  assertEquals(view, WHOLE);
});

Deno.test("moveView() stays within the X-ray", () => {
  const view = { ...WHOLE };
  moveView(view, 0.2, 0.2);
  assertEquals(view, WHOLE);
  zoomView(view, 4);
  moveView(view, 9, -9);
  assertEquals(view, { x: 0.875, y: 0.125, zoom: 4 });
});
