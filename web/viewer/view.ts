/**
 * Where pictures look: without a canvas, so that it can be tested.
 *
 * @module
 */

/** A place in an X-ray and how close it is seen. */
export interface View {
  /** The middle from left to right, in shares of the X-ray's width. */
  x: number;
  /** The middle from top to bottom, in shares of its height. */
  y: number;
  /** How many times closer than the whole X-ray, 1..16. */
  zoom: number;
}

/** The whole X-ray. */
export const WHOLE: Readonly<View> = { x: 0.5, y: 0.5, zoom: 1 };

const MAX_ZOOM = 16;

/** Moves what is in the middle, in shares of the X-ray's size, within the X-ray. */
export function moveView(view: View, x: number, y: number): void {
  // The whole X-ray is seen at 1; the closer, the nearer to an edge the middle may be.
  const reach = (1 - 1 / view.zoom) / 2;
  const within = (place: number) => Math.min(Math.max(place, 0.5 - reach), 0.5 + reach);
  [view.x, view.y] = [within(view.x + x), within(view.y + y)];
}

/**
 * Goes closer or away, and leaves a place of the X-ray where it is seen.
 *
 * @param factor How much closer; less than 1 goes away.
 * @param x How far the place is right of the middle, in shares of the X-ray's width.
 * @param y How far below, in shares of its height.
 */
export function zoomView(view: View, factor: number, x = 0, y = 0): void {
  const before = view.zoom;
  view.zoom = Math.min(Math.max(before * factor, 1), MAX_ZOOM);
  const kept = 1 - before / view.zoom;
  moveView(view, x * kept, y * kept);
}
