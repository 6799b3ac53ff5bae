/// <reference lib="dom" />
/**
 * Turns touches, mouse and keys on a picture into gestures.
 *
 * @module
 */

/** Receives gestures; `x` and `y` are in CSS pixels, positions from the picture's middle. */
export interface Gestures {
  /** The picture was dragged by (x, y). */
  move(x: number, y: number): void;
  /** The user zooms by a factor, about the position (x, y). */
  zoom(factor: number, x: number, y: number): void;
  /** The picture was dragged by (x, y) with Shift held. */
  drag(x: number, y: number): void;
  /** The user wants the whole picture. */
  reset(): void;
}

/** Position of a pressed pointer, in CSS pixels from the picture's middle. */
interface Pointer {
  x: number;
  y: number;
}

/** Maximum milliseconds between the taps of a double tap. */
const DOUBLE = 350;

/** Maximum CSS pixels that a finger moves during a tap, and between two taps. */
const TREMBLE = 12;

/** Share of the canvas's width or height that an arrow key moves the picture by. */
const STEP = 0.05;

/** Listens to a picture's pointers, wheel and keys. */
export function listenToGestures(canvas: HTMLCanvasElement, gestures: Gestures): void {
  listenToPointers(canvas, gestures);
  listenToTaps(canvas, gestures);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = fromMiddle(canvas, event);
    // Some wheels count lines or pages, not pixels: convert roughly to pixels.
    const unit = [1, 16, 400][event.deltaMode]!;
    gestures.zoom(Math.exp(-event.deltaY * unit / 400), x, y);
  }, { passive: false });
  const move = (x: number, y: number) => () =>
    gestures.move(x * STEP * canvas.clientWidth, y * STEP * canvas.clientHeight);
  const keys: Record<string, () => void> = {
    "+": () => gestures.zoom(1.25, 0, 0),
    "=": () => gestures.zoom(1.25, 0, 0),
    "-": () => gestures.zoom(0.8, 0, 0),
    "0": gestures.reset,
    ArrowLeft: move(1, 0),
    ArrowRight: move(-1, 0),
    ArrowUp: move(0, 1),
    ArrowDown: move(0, -1),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey ? undefined : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** One pointer moves the picture. Two pointers also zoom, about the point between them. */
function listenToPointers(canvas: HTMLCanvasElement, gestures: Gestures): void {
  const down = new Map<number, Pointer>();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, fromMiddle(canvas, event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const pointer = down.get(event.pointerId);
    if (!pointer) return;
    const before = spanOf([...down.values()]);
    const place = fromMiddle(canvas, event);
    const [x, y] = [place.x - pointer.x, place.y - pointer.y];
    Object.assign(pointer, place);
    if (event.shiftKey) return gestures.drag(x, y);
    const after = spanOf([...down.values()]);
    gestures.move(after.x - before.x, after.y - before.y);
    if (before.length > 0) gestures.zoom(after.length / before.length, after.x, after.y);
  });
  for (const name of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(name, ({ pointerId }) => down.delete(pointerId));
  }
  // One finger may scroll the page while the whole picture is visible; two fingers never do.
  canvas.addEventListener("touchstart", (event) => {
    if (event.touches.length > 1) event.preventDefault();
  }, { passive: false });
}

/** A double tap or click resets the view; timed here, since browsers disagree on double taps. */
function listenToTaps(canvas: HTMLCanvasElement, { reset }: Gestures): void {
  const down = new Set<number>();
  let start: Pointer & { readonly isAlone: boolean } | undefined;
  let last: Pointer & { readonly time: number } | undefined;
  const isNear = (one: Pointer, other: Pointer) =>
    Math.hypot(one.x - other.x, one.y - other.y) <= TREMBLE;
  canvas.addEventListener("pointerdown", (event) => {
    down.add(event.pointerId);
    start = { ...fromMiddle(canvas, event), isAlone: down.size === 1 };
  });
  canvas.addEventListener("pointercancel", ({ pointerId }) => down.delete(pointerId));
  canvas.addEventListener("pointerup", (event) => {
    down.delete(event.pointerId);
    const place = fromMiddle(canvas, event);
    const isTap = start?.isAlone && isNear(start, place) && event.button === 0;
    const isDouble = isTap && last && event.timeStamp - last.time <= DOUBLE && isNear(last, place);
    last = isTap && !isDouble ? { ...place, time: event.timeStamp } : undefined;
    if (isDouble) reset();
  });
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
