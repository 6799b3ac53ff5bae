/// <reference lib="dom" />
/**
 * A picture of an X-ray with a heatmap, to zoom and move.
 *
 * @module
 */

import { BOX, DIMMED, OUTLINE } from "../../reports/heat_colours.ts";
import { outlineOf, paintGray, paintHeatmap } from "./paint.ts";
import type { Finishing } from "./finishing.ts";
import { type Finished, isAttended, isSamePhrase, type Look, type Shown } from "./shown.ts";

/** Where all pictures look: a point of the X-ray in shares of its size, and how close. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

const MAX_ZOOM = 16;

const css = (colour: readonly number[]) => `rgb(${colour.join(" ")})`;

/** Draws one phrase, and tells of what is done to the view. */
export class Viewer {
  /** The canvas. */
  readonly canvas: HTMLCanvasElement = document.createElement("canvas");
  readonly #view: View;
  readonly #finishing: Finishing;
  readonly #onView: () => void;
  readonly #onLevels: (black: number, white: number) => void;
  #shown: Shown | undefined;
  #look: Look | undefined;
  #finished: Finished | undefined;
  #gray: { canvas: OffscreenCanvas; key: unknown[] } | undefined;
  #isQueued = false;

  /**
   * @param view Shared with other pictures.
   * @param finishing Makes its heatmaps.
   * @param onView Told when it changes.
   * @param onLevels Told by how much black and white levels are to move.
   */
  constructor(
    view: View,
    finishing: Finishing,
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

  /** What is finished of the heatmap, for exports. */
  get finished(): Finished | undefined {
    return this.#finished;
  }

  /** Shows a phrase, with its heatmap as soon as that is finished. */
  show(shown: Shown, look: Look): void {
    const [before, lookBefore] = [this.#shown, this.#look];
    [this.#shown, this.#look] = [shown, look];
    // Until the next one is there, that of an earlier step or of another sigma is near to it.
    const isSame = before !== undefined && isSamePhrase(before, shown) && isAttended(shown);
    if (!isSame) this.#finished = undefined;
    const isAsked = isSame && before.layers === shown.layers &&
      lookBefore?.sigma === look.sigma && lookBefore.threshold === look.threshold;
    if (isAttended(shown) && !isAsked) {
      this.#finishing.wish(this, shown, look, (finished) => this.#take(finished, shown));
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

  /** Draws before the next frame. */
  draw(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    requestAnimationFrame(() => {
      this.#isQueued = false;
      this.#paint();
    });
  }

  #scale(): number {
    const { width, height } = this.#shown!.original;
    return Math.min(this.canvas.width / width, this.canvas.height / height) * this.#view.zoom;
  }

  #paint(): void {
    const { canvas } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(
      Math.round,
    );
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width!, height!];
    }
    const context = canvas.getContext("2d")!;
    context.resetTransform();
    context.clearRect(0, 0, canvas.width, canvas.height);
    const [shown, look] = [this.#shown, this.#look];
    if (!shown || !look) return;
    const { original, crop, boxes } = shown;
    const scale = this.#scale();
    context.translate(canvas.width / 2, canvas.height / 2);
    context.scale(scale, scale);
    context.translate(-this.#view.x * original.width, -this.#view.y * original.height);
    context.drawImage(this.#grayCanvas(shown, look), 0, 0, original.width, original.height);
    this.#paintHeatmap(context, shown, look, scale);
    const frame = (colour: string, [x, y, w, h]: readonly number[], dash: number[]) => {
      context.setLineDash(dash.map((length) => length / scale));
      context.strokeStyle = colour;
      context.lineWidth = 2.5 * ratio / scale;
      context.strokeRect(x!, y!, w!, h!);
      context.setLineDash([]);
    };
    const own = this.#finished?.originalBox;
    if (look.box && own) frame(css(OUTLINE), own, [8 * ratio, 5 * ratio]);
    if (look.truth) { for (const box of boxes) frame(css(BOX), box, []); }
    // What the model does not see.
    context.fillStyle = `rgb(0 0 0 / ${1 - DIMMED})`;
    const outside = new Path2D();
    outside.rect(0, 0, original.width, original.height);
    outside.rect(crop.x, crop.y, crop.side, crop.side);
    context.fill(outside, "evenodd");
  }

  #paintHeatmap(
    context: CanvasRenderingContext2D,
    { crop }: Shown,
    look: Look,
    scale: number,
  ): void {
    if (!this.#finished) return;
    const { heatmap, size } = this.#finished;
    const overlay = new OffscreenCanvas(size, size);
    const pixels = new ImageData(paintHeatmap(heatmap, look.colours, look.opacity), size, size);
    overlay.getContext("2d")!.putImageData(pixels, 0, 0);
    context.drawImage(overlay, crop.x, crop.y, crop.side, crop.side);
    if (!look.outline) return;
    const unit = crop.side / size;
    context.beginPath();
    for (const [x1, y1, x2, y2] of outlineOf(heatmap, size)) {
      context.moveTo(crop.x + x1 * unit, crop.y + y1 * unit);
      context.lineTo(crop.x + x2 * unit, crop.y + y2 * unit);
    }
    context.strokeStyle = css(OUTLINE);
    context.lineWidth = 1.25 * devicePixelRatio / scale;
    context.stroke();
  }

  #grayCanvas({ gray }: Shown, { black, white }: Look): OffscreenCanvas {
    const key = [gray, black, white];
    if (this.#gray && key.every((part, i) => part === this.#gray!.key[i])) return this.#gray.canvas;
    const canvas = new OffscreenCanvas(gray.width, gray.height);
    const pixels = new ImageData(paintGray(gray, black, white), gray.width, gray.height);
    canvas.getContext("2d")!.putImageData(pixels, 0, 0);
    this.#gray = { canvas, key };
    return canvas;
  }

  #move(x: number, y: number): void {
    this.#view.x = Math.min(Math.max(this.#view.x + x, 0), 1);
    this.#view.y = Math.min(Math.max(this.#view.y + y, 0), 1);
    this.#onView();
  }

  #zoom(factor: number): void {
    this.#view.zoom = Math.min(Math.max(this.#view.zoom * factor, 1), MAX_ZOOM);
    this.#onView();
  }

  #listen(): void {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoom(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId) || !this.#shown) return;
      // As in other viewers: across for contrast, down for brightness.
      if (event.shiftKey) {
        const [window, level] = [event.movementX / 2, event.movementY / 2];
        return this.#onLevels(level - window, level + window);
      }
      const { width, height } = this.#shown.original;
      const scale = this.#scale() / devicePixelRatio;
      this.#move(-event.movementX / scale / width, -event.movementY / scale / height);
    });
    const keys: Record<string, () => void> = {
      "+": () => this.#zoom(1.25),
      "=": () => this.#zoom(1.25),
      "-": () => this.#zoom(0.8),
      "0": () => {
        Object.assign(this.#view, { x: 0.5, y: 0.5, zoom: 1 });
        this.#onView();
      },
      ArrowLeft: () => this.#move(-0.05 / this.#view.zoom, 0),
      ArrowRight: () => this.#move(0.05 / this.#view.zoom, 0),
      ArrowUp: () => this.#move(0, -0.05 / this.#view.zoom),
      ArrowDown: () => this.#move(0, 0.05 / this.#view.zoom),
    };
    canvas.addEventListener("keydown", (event) => {
      const act = event.ctrlKey || event.metaKey ? undefined : keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }
}
