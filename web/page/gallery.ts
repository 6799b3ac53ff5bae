import { printable } from "../../base/text.ts";
import type { ServerFacts } from "../review_api.ts";
import { Controls, type ControlState } from "./controls.ts";
import { exportButtons, type MadeWith, type SavedTogether } from "./export_buttons.ts";
import type { DragMode } from "../viewer/gestures.ts";
import type { GpuFinisher } from "../viewer/finish_gpu.ts";
import { RefinishQueue } from "../viewer/refinish_queue.ts";
import { make, part, say, show, write } from "./parts_of_page.ts";
import { isAttended, type Look, type Shown } from "../viewer/shown.ts";
import { type View, WHOLE } from "../viewer/view.ts";
import { type Marks, Viewer } from "../viewer/viewer.ts";

/** Maximum number of characters of an X-ray's name beside its picture. */
const MAX_SHOWN_NAME = 500;

/** Most changes that can be undone, and milliseconds of rest after which a change is complete. */
const [MOST_UNDONE, REST] = [100, 300];

/** Least height of a picture with its caption, and usual height of the caption, in CSS pixels. */
const [LEAST_HEIGHT, CAPTION] = [320, 50];

/** The model behind no heatmap. */
const UNKNOWN: MadeWith = { find: () => Promise.resolve({}) };

/** A picture with its caption. */
interface Panel extends Record<"figure" | "title" | "buttons" | "facts" | "image", HTMLElement> {
  readonly viewer: Viewer;
  shown: Shown;
}

/** Everything that the user sets for looking: controls, view and ruler. */
export interface GalleryState {
  readonly controls: ControlState;
  readonly view: View;
  readonly ruler: Marks["ruler"] | null;
}

/** Shows the phrases of one X-ray, a picture each. */
export class Gallery {
  /** Controls of the display settings. */
  readonly controls: Controls = new Controls(() => this.refresh());
  /** Called after each change by the user, once the user rests. */
  onChange: (state: GalleryState) => void = () => {};
  readonly #view: View = { ...WHOLE };
  readonly #marks: Marks = {};
  readonly #finishing: RefinishQueue;
  #panels: Panel[] = [];
  #shown: readonly Shown[] = [];
  /** Name of the last shown X-ray; the view resets when the X-ray changes. */
  #image: string | undefined;
  #record: MadeWith = UNKNOWN;
  #isHidden = false;
  /** Index of the only phrase that is shown; `undefined` for all. */
  #only: number | undefined;
  #past: string[] = [];
  #now: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #encodeSeg: SavedTogether["encodeSeg"];

  /** Finishes heatmaps on a device: with `Finisher` on a GPU, else on the processor. */
  constructor(
    device: ServerFacts["device"],
    encodeSeg?: SavedTogether["encodeSeg"],
    Finisher?: typeof GpuFinisher,
  ) {
    this.#encodeSeg = encodeSeg;
    const tell = (sentence: string) => write("finished-on", sentence);
    this.#finishing = new RefinishQueue(device, tell, ({ message }) => say(message), Finisher);
    this.#now = JSON.stringify(this.state());
    new ResizeObserver(() => this.#arrange()).observe(part("viewers", HTMLElement));
  }

  /** Gives all that the user sets for looking. */
  state(): GalleryState {
    const { ruler = null } = this.#marks;
    return { controls: this.controls.state(), view: { ...this.#view }, ruler };
  }

  /** Sets view, controls and ruler to an earlier state. */
  restore({ controls, view, ruler }: GalleryState): void {
    this.controls.restore(controls);
    Object.assign(this.#view, view);
    if (ruler) this.#marks.ruler = ruler;
    else delete this.#marks.ruler;
    this.#now = JSON.stringify(this.state());
    this.refresh();
  }

  /** Goes back to the state before the user's last change. */
  undo(): void {
    this.#settle();
    const before = this.#past.pop();
    if (before !== undefined) this.restore(JSON.parse(before));
    this.#mark();
  }

  /** Zooms every picture by a factor about the middle. */
  zoom(factor: number): void {
    this.#panels[0]?.viewer.zoom(factor);
  }

  /** Moves every picture by shares of its width and height. */
  move(x: number, y: number): void {
    const [{ viewer } = {}] = this.#panels;
    viewer?.move(x * viewer.canvas.clientWidth, y * viewer.canvas.clientHeight);
  }

  /** Shows a part of the X-ray. */
  setView(view: Readonly<View>): void {
    Object.assign(this.#view, view);
    this.#redraw();
  }

  /** Shows one pixel of the X-ray as one pixel of the screen. */
  oneToOne(): void {
    const [panel] = this.#panels;
    if (panel) this.setView({ ...this.#view, zoom: Math.min(1 / panel.viewer.fit, 16) });
  }

  /** Moves the cursor by pixels of the X-ray; a hidden cursor appears in the middle. */
  movePoint(x: number, y: number): void {
    const [first] = this.#shown;
    if (!first) return;
    const { width, height } = first.original;
    const [left, top] = this.#marks.point ?? [width / 2, height / 2];
    const within = (place: number, most: number) => Math.min(Math.max(place, 0), most);
    this.#marks.point = [within(left + x, width), within(top + y, height)];
    this.#marks.under = undefined;
    this.#redraw();
  }

  /** Begins a ruler at the cursor, or ends the ruler that was begun there. */
  measure(): void {
    const { point, ruler } = this.#marks;
    if (!point) return this.movePoint(0, 0);
    const isBegun = ruler && ruler[0] === ruler[2] && ruler[1] === ruler[3];
    this.#marks.ruler = isBegun ? [ruler[0], ruler[1], ...point] : [...point, ...point];
    this.#redraw();
  }

  /** Hides or shows heat, outline, boxes and ground truth, without a change of the controls. */
  hideOverlay(isHidden: boolean): void {
    if (isHidden === this.#isHidden) return;
    this.#isHidden = isHidden;
    this.refresh();
  }

  /** Shows the pictures again, after a change of the controls. */
  refresh(): void {
    this.#showPanels();
    this.#changed();
  }

  /** Shows phrases of one X-ray in place of all earlier pictures; exports name the record. */
  show(phrases: readonly Shown[], record: MadeWith): void {
    const image = phrases[0]?.image;
    if (image !== this.#image) {
      Object.assign(this.#view, WHOLE);
      delete this.#marks.point;
      delete this.#marks.ruler;
    }
    [this.#image, this.#record, this.#shown] = [image, record, [...phrases]];
    this.#showPanels();
    show("truth-label", phrases.some(({ boxes, outline }) => boxes.length > 0 || outline));
    show("look", phrases.length > 0);
  }

  /** Shows one phrase alone, by its index from 0; `undefined` shows all. */
  showOnly(index: number | undefined): void {
    this.#only = index;
    this.#showPanels();
  }

  /** Removes all pictures. */
  clear(): void {
    this.show([], UNKNOWN);
  }

  /** Updates one picture, by its index from 0; ignores an index without a picture. */
  update(index: number, shown: Shown): void {
    if (index >= this.#shown.length) return;
    this.#shown = this.#shown.with(index, shown);
    const panel = this.#panels[index + this.#before];
    if (panel) this.#showOne(Object.assign(panel, { shown }), this.#look());
  }

  /** Number of plain pictures before the phrases. */
  get #before(): number {
    return Number(this.controls.hasPlain && this.#shown.length > 0);
  }

  #showPanels(): void {
    const [first] = this.#shown;
    const all = this.#before === 0 ? this.#shown : [plainOf(first!), ...this.#shown];
    while (this.#panels.length > all.length) this.#panels.pop()!.figure.remove();
    const look = this.#look();
    all.forEach((shown, i) => {
      const panel = Object.assign(this.#panels[i] ?? this.#addPanel(shown), { shown });
      const place = i - this.#before;
      panel.figure.hidden = this.#only !== undefined && place >= 0 && place !== this.#only;
      this.#showOne(panel, look);
    });
    this.#arrange();
  }

  /** Chooses the number of columns by which the pictures become largest. */
  #arrange(): void {
    const place = part("viewers", HTMLElement);
    const [first] = this.#panels;
    if (!first) return;
    const { width, height } = first.shown.original;
    const count = this.#panels.filter(({ figure }) => !figure.hidden).length;
    const scaleOf = (columns: number) => {
      const rows = Math.ceil(count / columns);
      const down = Math.max(place.clientHeight / rows, LEAST_HEIGHT) - CAPTION;
      const scale = Math.min(place.clientWidth / columns / width, down / height);
      // The layout with the fullest rows wins if scales are equal.
      return scale - 1e-6 * (columns * rows - count);
    };
    const columns = Array.from({ length: count }, (_, i) => i + 1);
    const best = columns.reduce((best, next) => scaleOf(next) >= scaleOf(best) ? next : best);
    place.style.setProperty("--columns", String(best));
    // A long text scrolls, so the keyboard must reach it.
    for (const { title, facts, image } of this.#panels) {
      for (const text of [title, facts, image]) {
        if (text.scrollHeight > text.clientHeight + 1) text.tabIndex = 0;
        else text.removeAttribute("tabindex");
      }
    }
  }

  #addPanel(shown: Shown): Panel {
    const viewer = new Viewer({
      ...{ view: this.#view, marks: this.#marks, finishing: this.#finishing },
      mode: () =>
        document.querySelector<HTMLInputElement>("[name=mode]:checked")!.value as DragMode,
      onView: () => this.#redraw(),
      onLevels: (black, white) => {
        this.controls.moveLevels(black, white);
        this.refresh();
      },
    });
    const [title, facts, image] = [make("b"), make("span"), make("small")];
    const encodeSeg = this.#encodeSeg;
    const together = () => ({ record: this.#record, all: this.#panels, encodeSeg });
    const buttons = exportButtons(() => panel, together);
    const figure = make("figure", [
      make("figcaption", [title, buttons, facts, image]),
      make("div", [viewer.canvas, viewer.readout], { className: "stage" }),
    ]);
    const panel: Panel = { figure, title, buttons, facts, image, viewer, shown };
    part("viewers", HTMLElement).append(figure);
    this.#panels.push(panel);
    return panel;
  }

  #look(): Look {
    return { ...this.controls.look(), overlay: !this.#isHidden };
  }

  #redraw(): void {
    for (const { viewer } of this.#panels) viewer.draw();
    this.#changed();
  }

  /** Notes a change for undo, once the user rests. */
  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), REST);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    const now = JSON.stringify(this.state());
    if (now === this.#now) return;
    this.#past = [...this.#past, this.#now].slice(-MOST_UNDONE);
    this.#now = now;
    this.#mark();
    this.onChange(this.state());
  }

  #mark(): void {
    part("undo", HTMLButtonElement).disabled = this.#past.length === 0;
  }

  #showOne({ title, buttons, facts, image, viewer, shown }: Panel, look: Look): void {
    const { width, height } = shown.original;
    const name = printable(shown.image, MAX_SHOWN_NAME);
    title.textContent = shown.title;
    buttons.hidden = !isAttended(shown) && !shown.predicted;
    facts.textContent = shown.facts;
    image.textContent = `X-ray: ${name}, ${width} x ${height} pixels`;
    viewer.show(shown, look);
  }
}

/** Makes a picture of the X-ray alone. */
function plainOf({ layers: _, predicted: _predicted, outline: _outline, ...shown }: Shown): Shown {
  const { width, height } = shown.original;
  const crop = { x: 0, y: 0, side: width, height };
  return { ...shown, title: "X-ray alone", facts: "", notes: [], crop, boxes: [] };
}
