/// <reference lib="dom" />
/**
 * Pictures side by side, with a shared view and shared display settings.
 *
 * @module
 */

import { printable } from "../../base/text.ts";
import type { ServerFacts } from "../review_api.ts";
import { Controls } from "./controls.ts";
import { exportButtons, type MadeWith } from "./export_buttons.ts";
import { RefinishQueue } from "../viewer/refinish_queue.ts";
import { make, part, say } from "./parts_of_page.ts";
import type { Look, Shown } from "../viewer/shown.ts";
import { type View, WHOLE } from "../viewer/view.ts";
import { Viewer } from "../viewer/viewer.ts";

/** Maximum number of characters of an X-ray's name beside its picture. */
const MAX_SHOWN_NAME = 500;

/** A picture with its caption. */
interface Panel {
  readonly figure: HTMLElement;
  readonly title: HTMLElement;
  readonly facts: HTMLElement;
  readonly image: HTMLElement;
  readonly viewer: Viewer;
  shown: Shown;
}

/** Shows the phrases of one X-ray, a picture each. */
export class Gallery {
  readonly #view: View = { ...WHOLE };
  readonly #controls = new Controls(() => this.#showAll());
  readonly #finishing: RefinishQueue;
  #panels: Panel[] = [];
  /** Name of the last shown X-ray; the view resets when the X-ray changes. */
  #image: string | undefined;
  #record: MadeWith = () => Promise.resolve({});

  /** @param device Device that finishes heatmaps. */
  constructor(device: ServerFacts["device"]) {
    const tell = (sentence: string) => part("finished-on", HTMLElement).textContent = sentence;
    this.#finishing = new RefinishQueue(device, tell, ({ message }) => say(message));
    part("reset", HTMLButtonElement).addEventListener("click", () => {
      Object.assign(this.#view, WHOLE);
      this.#controls.resetLevels();
      this.#showAll();
    });
  }

  /** Sets Gaussian and threshold to a run's; see {@linkcode Controls.useSettings}. */
  useSettings(sigma: number, otsu: boolean | number): void {
    this.#controls.useSettings(sigma, otsu);
  }

  /**
   * Shows phrases of one X-ray in place of all earlier pictures.
   *
   * @param phrases Pictures of one X-ray.
   * @param record Finds the model, versions and settings of the heatmaps, for exports.
   */
  show(phrases: readonly Shown[], record: MadeWith): void {
    const image = phrases[0]?.image;
    if (image !== this.#image) Object.assign(this.#view, WHOLE);
    [this.#image, this.#record] = [image, record];
    while (this.#panels.length > phrases.length) this.#panels.pop()!.figure.remove();
    phrases.forEach((shown, i) => {
      const panel = this.#panels[i] ?? this.#addPanel(shown);
      panel.shown = shown;
      this.#showOne(panel, this.#controls.look());
    });
    const hasTruth = phrases.some(({ boxes, outline }) => boxes.length > 0 || outline);
    part("truth", HTMLInputElement).closest("label")!.hidden = !hasTruth;
    part("look", HTMLElement).hidden = phrases.length === 0;
  }

  /** Removes all pictures. */
  clear(): void {
    this.show([], () => Promise.resolve({}));
  }

  /** Updates one picture, by its index from 0; ignores an index without a picture. */
  update(index: number, shown: Shown): void {
    const panel = this.#panels[index];
    if (!panel) return;
    panel.shown = shown;
    this.#showOne(panel, this.#controls.look());
  }

  #addPanel(shown: Shown): Panel {
    const viewer = new Viewer(this.#view, this.#finishing, () => {
      for (const { viewer } of this.#panels) viewer.draw();
    }, (black, white) => {
      this.#controls.moveLevels(black, white);
      this.#showAll();
    });
    const [figure, title, facts, image] = [
      make("figure"),
      make("b"),
      make("span"),
      make("small", "", { className: "xray" }),
    ];
    const caption = make("figcaption");
    caption.append(title, facts, image);
    const panel: Panel = { figure, title, facts, image, viewer, shown };
    const buttons = exportButtons(panel, () => ({ record: this.#record, all: this.#panels }));
    figure.append(caption, viewer.canvas, buttons);
    part("viewers", HTMLElement).append(figure);
    this.#panels.push(panel);
    return panel;
  }

  #showAll(): void {
    const look = this.#controls.look();
    for (const panel of this.#panels) this.#showOne(panel, look);
  }

  #showOne({ title, facts, image, viewer, shown }: Panel, look: Look): void {
    title.textContent = shown.title;
    facts.textContent = shown.facts;
    image.textContent = `X-ray: ${printable(shown.image, MAX_SHOWN_NAME)}`;
    viewer.show(shown, look);
  }
}
