/// <reference lib="dom" />
/**
 * A picture of an X-ray with a heatmap that the user can zoom and move.
 *
 * @module
 */

import type { Box, GrayImage } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { BOX, DIMMED, OUTLINE } from "../../reports/figures/heat_colors.ts";
import { listenToGestures } from "./gestures.ts";
import { lastMade } from "./last_made.ts";
import { outlineOf, paintGray, paintHeatmap, type Pixels } from "./paint.ts";
import type { RefinishQueue } from "./refinish_queue.ts";
import { type Finished, isAttended, isSamePhrase, type Look, type Shown } from "./shown.ts";
import { moveView, type View, WHOLE, zoomView } from "./view.ts";

const css = (color: readonly number[]) => `rgb(${color.join(" ")})`;

/** Draws one phrase, and reports the user's changes of the view. */
export class Viewer {
  /** Canvas of the picture. */
  readonly canvas: HTMLCanvasElement = document.createElement("canvas");
  readonly #view: View;
  readonly #finishing: RefinishQueue;
  readonly #onView: () => void;
  readonly #onLevels: (black: number, white: number) => void;
  #shown: Shown | undefined;
  #look: Look | undefined;
  #finished: Finished | undefined;
  /** Cached, like the three below: a moved view repaints with the same pixels and outline. */
  readonly #grayCanvas = lastMade((gray: GrayImage, black: number, white: number) =>
    toCanvas(paintGray(gray, black, white), gray.width, gray.height)
  );
  readonly #heatCanvas = lastMade(
    ({ heatmap, size }: Finished, colors: Look["colors"], opacity: number) =>
      toCanvas(paintHeatmap(heatmap, colors, opacity), size, size),
  );
  readonly #outline = lastMade(({ heatmap, size }: Finished) => toPath(heatmap, size));
  readonly #truth = lastMade(ringPath);
  #isQueued = false;

  /**
   * @param view The view, shared by all pictures.
   * @param finishing Finishes the heatmaps.
   * @param onView Called when the user changes the view.
   * @param onLevels Called with the changes of the black and white levels, 0..255.
   */
  constructor(
    view: View,
    finishing: RefinishQueue,
    onView: () => void,
    onLevels: (black: number, white: number) => void,
  ) {
    [this.#view, this.#finishing] = [view, finishing];
    [this.#onView, this.#onLevels] = [onView, onLevels];
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** The finished heatmap, for exports; `undefined` before it is ready. */
  get finished(): Finished | undefined {
    return this.#finished;
  }

  /** Display settings of the picture, for exports. */
  get look(): Look | undefined {
    return this.#look;
  }

  /** Shows a phrase; the heatmap follows as soon as it is finished. */
  show(shown: Shown, look: Look): void {
    const [before, lookBefore] = [this.#shown, this.#look];
    [this.#shown, this.#look] = [shown, look];
    // Keep the old heatmap of the same phrase until the new one is ready: the two differ little.
    const isSame = before !== undefined && isSamePhrase(before, shown) && isAttended(shown);
    if (!isSame) this.#finished = undefined;
    const isAsked = isSame && before.layers === shown.layers &&
      lookBefore?.sigma === look.sigma && lookBefore.threshold === look.threshold;
    if (isAttended(shown) && !isAsked) {
      this.canvas.setAttribute("aria-busy", "true");
      this.#finishing.wish(this, shown, look, (finished) => {
        // A heatmap with earlier display settings may arrive first: stay busy after it.
        if (look === this.#look) this.canvas.setAttribute("aria-busy", "false");
        this.#take(finished, shown);
      });
    }
    this.#describe();
    this.draw();
  }

  #take(finished: Finished, of: Shown): void {
    if (!this.#shown || !isSamePhrase(of, this.#shown)) return;
    this.#finished = finished;
    this.#describe();
    this.draw();
  }

  #describe(): void {
    const box = this.#finished?.originalBox;
    this.canvas.setAttribute(
      "aria-label",
      `X-ray with the heatmap of "${this.#shown!.title}"` +
        (box ? `, mask within ${box[2]} by ${box[3]} pixels at ${box[0]}, ${box[1]}` : ""),
    );
  }

  /** Schedules a repaint before the next frame. */
  draw(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    requestAnimationFrame(() => {
      this.#isQueued = false;
      this.paint();
    });
  }

  #scale(): number {
    const { width, height } = this.#shown!.original;
    return Math.min(this.canvas.width / width, this.canvas.height / height) * this.#view.zoom;
  }

  /** Repaints the canvas at once. */
  paint(): void {
    const { canvas } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(
      Math.round,
    );
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width!, height!];
    }
    // A finger scrolls the page while the whole X-ray is visible, since it cannot move.
    canvas.style.touchAction = this.#view.zoom > 1 ? "none" : "pan-y";
    const context = canvas.getContext("2d")!;
    context.resetTransform();
    context.clearRect(0, 0, canvas.width, canvas.height);
    const [shown, look] = [this.#shown, this.#look];
    if (!shown || !look) return;
    const { original, crop, boxes, outline = [], predicted = [] } = shown;
    const scale = this.#scale();
    context.translate(canvas.width / 2, canvas.height / 2);
    context.scale(scale, scale);
    context.translate(-this.#view.x * original.width, -this.#view.y * original.height);
    const gray = this.#grayCanvas(shown.gray, look.black, look.white);
    context.drawImage(gray, 0, 0, original.width, original.height);
    this.#paintHeatmap(context, shown, look, scale);
    const frame = (color: string, line: Path2D, dash: number[]) => {
      context.setLineDash(dash.map((length) => length / scale));
      context.strokeStyle = color;
      context.lineWidth = 2.5 * ratio / scale;
      context.stroke(line);
      context.setLineDash([]);
    };
    const own = this.#finished?.originalBox;
    if (look.box) {
      if (own) frame(css(OUTLINE), boxPath(own), [8 * ratio, 5 * ratio]);
      for (const box of predicted) frame(css(OUTLINE), boxPath(box), []);
    }
    if (look.truth) {
      for (const box of boxes) frame(css(BOX), boxPath(box), []);
      if (outline.length > 0) frame(css(BOX), this.#truth(outline), []);
    }
    // Dim the part of the X-ray outside the model's crop.
    context.fillStyle = `rgb(0 0 0 / ${1 - DIMMED})`;
    const outside = new Path2D();
    outside.rect(0, 0, original.width, original.height);
    outside.rect(crop.x, crop.y, crop.side, crop.height ?? crop.side);
    context.fill(outside, "evenodd");
  }

  #paintHeatmap(
    context: CanvasRenderingContext2D,
    { crop: { x, y, side, height = side } }: Shown,
    look: Look,
    scale: number,
  ): void {
    if (!this.#finished) return;
    const heat = this.#heatCanvas(this.#finished, look.colors, look.opacity);
    context.drawImage(heat, x, y, side, height);
    if (!look.outline) return;
    const { size } = this.#finished;
    const outline = new Path2D();
    // A transformed path keeps the width of its line where the heatmap is stretched.
    outline.addPath(
      this.#outline(this.#finished),
      new DOMMatrix([side / size, 0, 0, height / size, x, y]),
    );
    context.strokeStyle = css(OUTLINE);
    context.lineWidth = 1.25 * devicePixelRatio / scale;
    context.stroke(outline);
  }

  #listen(): void {
    const change = (act: (view: View, width: number, height: number) => void) => {
      if (!this.#shown) return;
      // Scale to CSS pixels, the unit of gestures.
      const { width, height } = this.#shown.original;
      const scale = this.#scale() / devicePixelRatio;
      act(this.#view, width * scale, height * scale);
      this.#onView();
    };
    listenToGestures(this.canvas, {
      move: (x, y) => change((view, width, height) => moveView(view, -x / width, -y / height)),
      zoom: (factor, x, y) =>
        change((view, width, height) => zoomView(view, factor, x / width, y / height)),
      // As in other viewers, dragging across changes contrast, dragging down brightness.
      drag: (x, y) => this.#onLevels((y - x) / 2, (y + x) / 2),
      reset: () => change((view) => Object.assign(view, WHOLE)),
    });
  }
}

/** Puts pixels on a canvas of their own, which can be drawn at any scale. */
function toCanvas(pixels: Pixels, width: number, height: number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

function boxPath([x, y, width, height]: Box): Path2D {
  const path = new Path2D();
  path.rect(x, y, width, height);
  return path;
}

/** Makes a path of closed lines, in pixels of the X-ray. */
function ringPath(rings: readonly Ring[]): Path2D {
  const path = new Path2D();
  for (const ring of rings) {
    path.moveTo(ring[0]!, ring[1]!);
    for (let at = 2; at < ring.length; at += 2) path.lineTo(ring[at]!, ring[at + 1]!);
    path.closePath();
  }
  return path;
}

/** Makes a path of a mask's outline, in heatmap pixels. */
function toPath(heatmap: Float32Array, size: number): Path2D {
  const path = new Path2D();
  for (const [x1, y1, x2, y2] of outlineOf(heatmap, size)) {
    path.moveTo(x1, y1);
    path.lineTo(x2, y2);
  }
  return path;
}
