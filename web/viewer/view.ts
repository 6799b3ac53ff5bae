/** The visible part of an X-ray. */
export interface View {
  /** Middle of the view from left and top, in shares of the X-ray's width and height. */
  x: number;
  y: number;
  /** Magnification, up to 16; 1 shows the whole X-ray, and below 1 it is smaller. */
  zoom: number;
}

/** The whole X-ray. */
export const WHOLE: Readonly<View> = { x: 0.5, y: 0.5, zoom: 1 };

const MAX_ZOOM = 16;

/** Moves the view's middle by (x, y) in shares of the X-ray's size; the view stays inside. */
export function moveView(view: View, x: number, y: number): void {
  // At zoom 1 the middle cannot move; a closer view may come nearer to the edges.
  const reach = Math.max(0, (1 - 1 / view.zoom) / 2);
  const within = (place: number) => Math.min(Math.max(place, 0.5 - reach), 0.5 + reach);
  [view.x, view.y] = [within(view.x + x), within(view.y + y)];
}

/**
 * Zooms about a point of the X-ray, which keeps its position on the screen.
 *
 * @param factor Factor of magnification; below 1 zooms out.
 * @param x Distance of the point to the right of the middle, in shares of the X-ray's width.
 * @param y Distance of the point below the middle, in shares of the X-ray's height.
 */
export function zoomView(view: View, factor: number, x = 0, y = 0): void {
  const before = view.zoom;
  // Below 1 comes only a small X-ray at one pixel to one: from there the whole is the least again.
  view.zoom = Math.min(Math.max(before * factor, Math.min(before, 1)), MAX_ZOOM);
  const kept = 1 - before / view.zoom;
  moveView(view, x * kept, y * kept);
}
