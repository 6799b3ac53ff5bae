/// <reference lib="dom" />
/** Effect of a drag by one pointer. */
export type DragMode = "move" | "window" | "ruler";

/** Receives gestures; `x` and `y` are in CSS pixels, positions from the picture's middle. */
export interface Gestures {
  /** Gives the chosen effect of a drag. */
  mode(): DragMode;
  /** The picture was dragged by (x, y). */
  move(x: number, y: number): void;
  /** The user zooms by a factor, about the position (x, y). */
  zoom(factor: number, x: number, y: number): void;
  /** The picture was dragged by (x, y) in mode `window`, with Shift, or by the right button. */
  drag(x: number, y: number): void;
  /** The pointer is at (x, y), pressed or not; a mouse shows its place itself. */
  point(x: number, y: number, isMouse: boolean): void;
  /** The pointer has left the picture, or scrolls the page. */
  leave(): void;
  /** The ruler begins or ends at (x, y). */
  measure(end: "begin" | "end", x: number, y: number): void;
  /** The user wants the whole picture. */
  reset(): void;
}

/** Position of a pressed pointer, in CSS pixels from the picture's middle. */
type Pointer = Record<"x" | "y", number>;

/** Maximum milliseconds between the taps of a double tap. */
const DOUBLE = 350;

/** Maximum CSS pixels that a finger moves during a tap, and between two taps. */
const TREMBLE = 12;

/** Listens to a picture's pointers and wheel. */
export function listenToGestures(canvas: HTMLCanvasElement, gestures: Gestures): void {
  listenToPointers(canvas, gestures);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = fromMiddle(canvas, event);
    // Some wheels count lines or pages, not pixels: convert roughly to pixels.
    const unit = [1, 16, 400][event.deltaMode]!;
    gestures.zoom(Math.exp(-event.deltaY * unit / 400), x, y);
  }, { passive: false });
}

/**
 * A pointer moves the picture. Two pointers also zoom, about the point between them. A double tap
 * or click resets the view; timed here, since browsers disagree on double taps.
 */
function listenToPointers(canvas: HTMLCanvasElement, gestures: Gestures): void {
  const down = new Map<number, Pointer>();
  let isMeasuring = false;
  let start: Pointer & { readonly isAlone: boolean } | undefined;
  let last: Pointer & { readonly time: number } | undefined;
  const isNear = (one: Pointer, other: Pointer) =>
    Math.hypot(one.x - other.x, one.y - other.y) <= TREMBLE;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const place = fromMiddle(canvas, event);
    down.set(event.pointerId, place);
    start = { ...place, isAlone: down.size === 1 };
    gestures.point(place.x, place.y, event.pointerType === "mouse");
    isMeasuring = gestures.mode() === "ruler" && down.size === 1 && !event.shiftKey;
    if (isMeasuring) gestures.measure("begin", place.x, place.y);
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointermove", (event) => {
    const place = fromMiddle(canvas, event);
    gestures.point(place.x, place.y, event.pointerType === "mouse");
    const pointer = down.get(event.pointerId);
    if (!pointer) return;
    const before = spanOf([...down.values()]);
    const [x, y] = [place.x - pointer.x, place.y - pointer.y];
    Object.assign(pointer, place);
    if (isMeasuring && down.size === 1) return gestures.measure("end", place.x, place.y);
    const isWindow = event.shiftKey || event.buttons === 2 || gestures.mode() === "window";
    if (isWindow && down.size === 1) return gestures.drag(x, y);
    const after = spanOf([...down.values()]);
    gestures.move(after.x - before.x, after.y - before.y);
    if (before.length > 0) gestures.zoom(after.length / before.length, after.x, after.y);
  });
  canvas.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse") gestures.leave();
  });
  canvas.addEventListener("pointercancel", ({ pointerId }) => {
    down.delete(pointerId);
    // The finger scrolls the page.
    gestures.leave();
  });
  canvas.addEventListener("pointerup", (event) => {
    down.delete(event.pointerId);
    const place = fromMiddle(canvas, event);
    const isTap = start?.isAlone && isNear(start, place) && event.button === 0;
    const isDouble = isTap && last && event.timeStamp - last.time <= DOUBLE && isNear(last, place);
    last = isTap && !isDouble ? { ...place, time: event.timeStamp } : undefined;
    if (isDouble) gestures.reset();
  });
  // A finger may scroll the page while the whole picture is visible. Two fingers never do.
  canvas.addEventListener("touchstart", (event) => {
    if (event.touches.length > 1) event.preventDefault();
  }, { passive: false });
}

/** Middle and distance of the first two pointers; for one pointer the distance is 0. */
function spanOf([one, other = one]: Pointer[]): Pointer & { length: number } {
  const [x, y] = [(one!.x + other!.x) / 2, (one!.y + other!.y) / 2];
  return { x, y, length: Math.hypot(one!.x - other!.x, one!.y - other!.y) };
}

function fromMiddle(canvas: HTMLCanvasElement, { clientX, clientY }: MouseEvent): Pointer {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
}
