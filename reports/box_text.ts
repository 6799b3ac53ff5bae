import type { Box } from "../base/geometry.ts";

/**
 * Describes predicted boxes, such as `[10.5, 20.0, 100.2, 80.0], confidence 0.83`.
 *
 * @param boxes Boxes in pixels of the image.
 * @param confidence Confidence of each box, if the method states it.
 */
export function boxTexts(boxes: readonly Box[], confidence?: readonly number[]): string[] {
  return boxes.map((box, i) => {
    const edges = `[${box.map((value) => value.toFixed(1)).join(", ")}]`;
    const own = confidence?.[i];
    return own === undefined ? edges : `${edges}, confidence ${own.toFixed(2)}`;
  });
}
