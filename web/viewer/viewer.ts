/// <reference lib="dom" />
import { type Box, type CropRegion, type GrayImage, toOriginal } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { BOX, DIMMED, OUTLINE } from "../../reports/figures/heat_colors.ts";
import { components } from "../../scoring/component_box.ts";
import { type DragMode, listenToGestures } from "./gestures.ts";
import { outlineOf, paintGray, paintHeatmap, type Pixels } from "./paint.ts";
import type { RefinishQueue } from "./refinish_queue.ts";
import { type Finished, isAttended, isSamePhrase, type Look, type Shown } from "./shown.ts";
import { moveView, type View, WHOLE, zoomView } from "./view.ts";

const css = (color: readonly number[]) => `rgb(${color.join(" ")})`;

/** Marks that all pictures share, in pixels of the X-ray. */
export interface Marks {
  /** Place of the cursor. */
  point?: readonly [x: number, y: number];
  /** The picture under the mouse, where the mouse itself shows the place. */
  under?: Viewer | undefined;
  /** Ends of the ruler; the second end follows the first. */
  ruler?: readonly [x1: number, y1: number, x2: number, y2: number];
}

/** Largest number of parts with a box, and least share of the heatmap's pixels in a part. */
const [MOST_PARTS, LEAST_PART] = [12, 1 / 2000];

/** Font size of texts on a picture in CSS pixels. */
const FONT = 13;

/** Colour of the cursor and the ruler. */
const MARK = "#ffd54a";

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Facts that pictures share, and the reactions to gestures on them. */
export interface Shared {
  readonly view: View;
  readonly marks: Marks;
  readonly finishing: RefinishQueue;
  /** Gives the chosen effect of a drag. */
  mode(): DragMode;
  /** The view or the marks have changed. */
  onView(): void;
  /** The user changes the black and the white level by these amounts of 0..255. */
  onLevels(black: number, white: number): void;
}

/** Draws one phrase, and reports the user's changes of the view. */
export class Viewer {
  /** Canvas of the picture. */
  readonly canvas: HTMLCanvasElement = document.createElement("canvas");
  /** Zoom, window, values under the cursor, and length of the ruler. */
  readonly readout: HTMLElement = document.createElement("output");
  readonly #shared: Shared;
  #shown: Shown | undefined;
  /** Display settings of the picture, and its heatmap once it is finished; exports read both. */
  look: Look | undefined;
  finished: Finished | undefined;
  /** Cached, like the four below: a moved view repaints with the same pixels and outline. */
  readonly #grayCanvas = lastMade((...given: Parameters<typeof paintGray>) =>
    toCanvas(paintGray(...given), given[0].width, given[0].height)
  );
  readonly #heatCanvas = lastMade(
    ({ heatmap, size }: Finished, colors: Look["colors"], opacity: number) =>
      toCanvas(paintHeatmap(heatmap, colors, opacity), size, size),
  );
  readonly #outline = lastMade(outlinePath);
  readonly #truth = lastMade(ringPath);
  readonly #parts = lastMade(partsOf);
  /** The scheduled repaint; `undefined` if there is none. */
  #frame: number | undefined;

  /** @param shared View and marks of all pictures. */
  constructor(shared: Shared) {
    this.#shared = shared;
    this.canvas.tabIndex = 0;
    this.canvas.role = "img";
    this.readout.ariaLive = "off";
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Shows a phrase; the heatmap follows as soon as it is finished. */
  show(shown: Shown, look: Look): void {
    const [before, lookBefore] = [this.#shown, this.look];
    [this.#shown, this.look] = [shown, look];
    // Keep the old heatmap of the same phrase until the new one is ready: the two differ little.
    const isSame = before !== undefined && isSamePhrase(before, shown) && isAttended(shown);
    if (!isSame) this.finished = undefined;
    const isAsked = isSame && before.layers === shown.layers &&
      lookBefore?.sigma === look.sigma && lookBefore.threshold === look.threshold;
    if (isAttended(shown) && !isAsked) {
      this.canvas.ariaBusy = "true";
      const take = (finished: Finished) => {
        // A heatmap with earlier display settings may arrive first: stay busy after it.
        if (look === this.look) this.canvas.ariaBusy = "false";
        if (!isSamePhrase(shown, this.#shown!)) return;
        this.finished = finished;
        this.#describe();
      };
      this.#shared.finishing.wish(this, { phrase: shown, look, take });
    }
    this.#describe();
  }

  #describe(): void {
    const [x, y, width, height] = this.finished?.originalBox ?? [];
    const mask = width === undefined
      ? ""
      : `, mask within ${width} by ${height} pixels at ${x}, ${y}`;
    this.canvas.ariaLabel = `X-ray with the heatmap of "${this.#shown!.title}"${mask}`;
    this.draw();
  }

  /** Schedules a repaint before the next frame. */
  draw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.paint();
    });
  }

  /** Canvas pixels per pixel of the X-ray, for the whole X-ray. */
  get fit(): number {
    const { width, height } = this.#shown!.original;
    return Math.min(this.canvas.width / width, this.canvas.height / height);
  }

  #scale(): number {
    return this.fit * this.#shared.view.zoom;
  }

  /** Repaints the canvas at once. */
  paint(): void {
    const { canvas } = this;
    const ratio = devicePixelRatio;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
    }
    // A finger scrolls the page while the whole X-ray is visible, since it cannot move.
    const { view, mode } = this.#shared;
    canvas.style.touchAction = view.zoom > 1 || mode() !== "move" ? "none" : "pan-y";
    const context = canvas.getContext("2d")!;
    context.resetTransform();
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.#shown || !this.look) return;
    const scale = this.#scale();
    context.translate(canvas.width / 2, canvas.height / 2);
    context.scale(scale, scale);
    const { width: across, height: down } = this.#shown.original;
    context.translate(-view.x * across, -view.y * down);
    this.#paintXray(context, this.#shown, this.look, ratio / scale);
    this.#paintPoint(context, ratio / scale);
    this.#readOut(this.#shown, this.look, scale);
  }

  /**
   * Paints the whole X-ray on a canvas of its own, for exports.
   *
   * @param longer Longer side of the canvas in pixels.
   */
  render(longer: number): OffscreenCanvas {
    const { width, height } = this.#shown!.original;
    const scale = longer / Math.max(width, height);
    const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
    const context = canvas.getContext("2d")!;
    context.scale(scale, scale);
    // Lines are as thick as in a picture of 700 pixels.
    this.#paintXray(context, this.#shown!, this.look!, Math.max(1, longer / 700) / scale);
    return canvas;
  }

  /** @param unit Width of a CSS pixel in pixels of the X-ray. */
  #paintXray(context: Context, shown: Shown, look: Look, unit: number): void {
    const { original: { width, height }, crop: { x, y, side, height: down = side } } = shown;
    const gray = this.#grayCanvas(shown.gray, look.black, look.white, look.invert);
    context.drawImage(gray, 0, 0, width, height);
    if (look.overlay) {
      this.#paintHeatmap(context, shown, look, unit);
      // Dim the part of the X-ray outside the model's crop.
      context.fillStyle = `rgb(0 0 0 / ${1 - DIMMED})`;
      const outside = boxPath([0, 0, width, height]);
      outside.addPath(boxPath([x, y, side, down]));
      context.fill(outside, "evenodd");
      this.#paintBoxes(context, shown, look, unit);
    }
    const { ruler } = this.#shared.marks;
    if (!ruler) return;
    const [x1, y1, x2, y2] = ruler;
    frame(context, MARK, new Path2D(`M${x1} ${y1}L${x2} ${y2}`), unit);
    write(context, lengthOf(ruler, shown.gray.spacing), x2, y2, unit);
  }

  #paintBoxes(context: Context, shown: Shown, look: Look, unit: number): void {
    const { crop, boxes, outline = [], predicted = [] } = shown;
    if (look.box) {
      for (const { box, heat } of this.finished ? this.#parts(this.finished, crop) : []) {
        frame(context, css(OUTLINE), boxPath(box), unit, true);
        write(context, heat.toFixed(2), box[0], box[1], unit);
      }
      for (const box of predicted) frame(context, css(OUTLINE), boxPath(box), unit);
    }
    if (!look.truth) return;
    for (const box of boxes) frame(context, css(BOX), boxPath(box), unit);
    if (outline.length > 0) frame(context, css(BOX), this.#truth(outline), unit);
  }

  #paintHeatmap(context: Context, { crop }: Shown, look: Look, unit: number): void {
    if (!this.finished) return;
    const { x, y, side, height = side } = crop;
    const { size } = this.finished;
    const heat = this.#heatCanvas(this.finished, look.colors, look.opacity);
    context.drawImage(heat, x, y, side, height);
    if (!look.outline) return;
    const outline = new Path2D();
    const stretch = new DOMMatrix([side / size, 0, 0, height / size, x, y]);
    // A transformed path keeps the width of its line where the heatmap is stretched.
    outline.addPath(this.#outline(this.finished), stretch);
    context.strokeStyle = css(OUTLINE);
    context.lineWidth = 1.25 * unit;
    context.stroke(outline);
  }

  /** Paints the cursor as a small cross. */
  #paintPoint(context: Context, unit: number): void {
    const { point: [x, y] = [], under } = this.#shared.marks;
    if (under === this || x === undefined || y === undefined) return;
    const [arm, whole] = [7 * unit, 14 * unit];
    frame(context, MARK, new Path2D(`M${x - arm} ${y}h${whole}M${x} ${y - arm}v${whole}`), unit);
  }

  #readOut(shown: Shown, { black, white, invert }: Look, scale: number): void {
    const { point, ruler } = this.#shared.marks;
    const width = white - black;
    let text = `zoom ${Math.round(100 * scale)} %, window ${width} at ` +
      `${Math.round(black + width / 2)}${invert ? ", inverted" : ""}`;
    if (point) {
      const { gray, original, crop: { x, y, side, height = side } } = shown;
      const at = (share: number, count: number) =>
        Math.min(Math.max(Math.floor(share * count), 0), count - 1);
      const column = at(point[0] / original.width, gray.width);
      const row = at(point[1] / original.height, gray.height);
      const grey = gray.data[row * gray.width + column];
      text += `\nat ${point.map(Math.floor).join(", ")}: grey ${grey}`;
      const [u, v] = [(point[0] - x) / side, (point[1] - y) / height];
      const { normalised, size } = this.finished ?? {};
      if (normalised && size && u >= 0 && v >= 0 && u < 1 && v < 1) {
        text += `, heat ${normalised[at(v, size) * size + at(u, size)]!.toFixed(2)}`;
      }
    }
    if (ruler) text += `\nruler ${lengthOf(ruler, shown.gray.spacing)}`;
    if (this.readout.textContent !== text) this.readout.textContent = text;
  }

  /** Zooms by a factor about a place, in CSS pixels from the picture's middle. */
  zoom(factor: number, x = 0, y = 0): void {
    this.#change((view, width, height) => zoomView(view, factor, x / width, y / height));
  }

  /** Moves the picture by (x, y) in CSS pixels. */
  move(x: number, y: number): void {
    this.#change((view, width, height) => moveView(view, -x / width, -y / height));
  }

  #change(act: (view: View, width: number, height: number) => void): void {
    if (!this.#shown) return;
    // Scale to CSS pixels, the unit of gestures.
    const { width, height } = this.#shown.original;
    const scale = this.#scale() / devicePixelRatio;
    act(this.#shared.view, width * scale, height * scale);
    this.#shared.onView();
  }

  /** Converts a place in CSS pixels from the picture's middle to pixels of the X-ray. */
  #toXray(x: number, y: number): readonly [x: number, y: number] {
    const { view } = this.#shared;
    const { width, height } = this.#shown!.original;
    const scale = this.#scale() / devicePixelRatio;
    const within = (place: number, most: number) => Math.min(Math.max(place, 0), most);
    return [
      within(x / scale + view.x * width, width),
      within(y / scale + view.y * height, height),
    ];
  }

  #listen(): void {
    const { view, marks, mode, onView, onLevels } = this.#shared;
    listenToGestures(this.canvas, {
      mode,
      move: (x, y) => this.move(x, y),
      zoom: (factor, x, y) => this.zoom(factor, x, y),
      // As in other viewers, dragging across changes contrast, dragging down brightness.
      drag: (x, y) => onLevels((y - x) / 2, (y + x) / 2),
      point: (x, y, isMouse) => {
        if (!this.#shown) return;
        marks.point = this.#toXray(x, y);
        marks.under = isMouse ? this : undefined;
        onView();
      },
      leave: () => {
        delete marks.point;
        onView();
      },
      measure: (end, x, y) => {
        if (!this.#shown) return;
        const place = this.#toXray(x, y);
        const [x1, y1] = end === "end" && marks.ruler || place;
        marks.ruler = [x1, y1, ...place];
        onView();
      },
      reset: () => {
        Object.assign(view, WHOLE);
        delete marks.point;
        onView();
      },
    });
  }
}

/** Strokes a path of the X-ray's pixels; the dark edge keeps it visible on bright bone. */
function frame(context: Context, color: string, line: Path2D, unit: number, isDashed = false) {
  for (const [style, width] of [["rgb(0 0 0 / 55%)", 4], [color, 2]] as const) {
    context.setLineDash(isDashed && width === 2 ? [8 * unit, 5 * unit] : []);
    [context.strokeStyle, context.lineWidth] = [style, width * unit];
    context.stroke(line);
  }
  context.setLineDash([]);
}

/** Writes a text above a place in pixels of the X-ray. */
function write(context: Context, text: string, x: number, y: number, unit: number): void {
  context.font = `bold ${FONT * unit}px system-ui, sans-serif`;
  [context.strokeStyle, context.lineWidth] = ["rgb(0 0 0 / 75%)", 3 * unit];
  context.fillStyle = "#ffffff";
  const bottom = Math.max(y - 4 * unit, FONT * unit);
  context.strokeText(text, x, bottom);
  context.fillText(text, x, bottom);
}

/** Lists a mask's parts but tiny ones, hottest first; boxes are in pixels of the X-ray. */
function partsOf({ heatmap, size }: Finished, crop: CropRegion) {
  return [...components(heatmap, size, 0, 8)]
    .filter(({ count }) => count >= LEAST_PART * size * size)
    .sort((one, other) => other.mean - one.mean)
    .slice(0, MOST_PARTS)
    .map(({ box, mean }) => ({ box: toOriginal(box, size, crop), heat: mean }));
}

/** Gives the length of a ruler as text, in mm if the X-ray's file states the size of its pixels. */
function lengthOf(
  [x1, y1, x2, y2]: NonNullable<Marks["ruler"]>,
  spacing: GrayImage["spacing"],
): string {
  const [row, column] = spacing ?? [1, 1];
  const length = Math.hypot((x2 - x1) * column, (y2 - y1) * row);
  return spacing ? `${length.toFixed(1)} mm` : `${length.toFixed(0)} px`;
}

/** Wraps a function so that it runs again only if an argument differs from the last call. */
function lastMade<A extends readonly unknown[], R>(make: (...given: A) => R) {
  let last: { readonly given: A; readonly made: R } | undefined;
  return (...given: A): R => {
    if (!last || last.given.some((argument, i) => argument !== given[i])) {
      last = { given, made: make(...given) };
    }
    return last.made;
  };
}

/** Puts pixels on a canvas of their own, which can be drawn at any scale. */
function toCanvas(pixels: Pixels, width: number, height: number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

function boxPath([x, y, width, height]: Box): Path2D {
  return new Path2D(`M${x} ${y}h${width}v${height}h${-width}z`);
}

/** Makes a path of closed lines, in pixels of the X-ray. */
function ringPath(rings: readonly Ring[]): Path2D {
  return new Path2D(rings.map((ring) => `M${ring.join(" ")}z`).join(""));
}

/** Makes a path of a mask's outline, in heatmap pixels. */
function outlinePath({ heatmap, size }: Finished): Path2D {
  const edges = outlineOf(heatmap, size);
  return new Path2D(edges.map(([x1, y1, x2, y2]) => `M${x1} ${y1}L${x2} ${y2}`).join(""));
}
