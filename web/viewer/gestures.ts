/// <reference lib="dom" />
/**
 * What fingers, mouse and keys do to a picture.
 *
 * @module
 */

/** Told what was done; places and ways are in CSS pixels from the picture's middle. */
export interface Gestures {
  /** It was dragged. */
  move(x: number, y: number): void;
  /** It is to be seen so many times closer, about a place. */
  zoom(factor: number, x: number, y: number): void;
  /** It was dragged with Shift held. */
  drag(x: number, y: number): void;
  /** All of it is to be seen. */
  reset(): void;
}

/** A pointer that is down. */
interface Pointer {
  x: number;
  y: number;
}

/** Milliseconds between two taps that are one double tap. */
const DOUBLE = 350;

/** CSS pixels that a finger may move while it taps, and between two taps. */
const TREMBLE = 12;

/** Share of what is seen that an arrow key moves. */
const STEP = 0.05;

/** Listens to a picture. */
export function listenToGestures(canvas: HTMLCanvasElement, gestures: Gestures): void {
  listenToPointers(canvas, gestures);
  listenToTaps(canvas, gestures);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = fromMiddle(canvas, event);
    // A wheel of lines or pages turns by few of them.
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

/** One pointer moves; two move, and zoom about the middle between them. */
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
  // One finger scrolls the page where there is nothing to move; two never do.
  canvas.addEventListener("touchstart", (event) => {
    if (event.touches.length > 1) event.preventDefault();
  }, { passive: false });
}

/** Two taps or clicks at one place show all; browsers do not agree on when taps are double. */
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

/** The middle between pointers, and how far they are from each other; 0 for one. */
function spanOf([one, other = one]: Pointer[]): Pointer & { length: number } {
  const [x, y] = [(one!.x + other!.x) / 2, (one!.y + other!.y) / 2];
  return { x, y, length: Math.hypot(one!.x - other!.x, one!.y - other!.y) };
}

function fromMiddle(canvas: HTMLCanvasElement, { clientX, clientY }: MouseEvent): Pointer {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
}
