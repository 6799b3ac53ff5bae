/// <reference lib="dom" />
/**
 * Pictures side by side, with what they share: where they look, and how heatmaps are shown.
 *
 * @module
 */

import type { ServerFacts } from "../results.ts";
import { Controls } from "./controls.ts";
import { boxesCsv, fileStem, heatmapNpy, resultOf, save } from "./exports.ts";
import { Finishing } from "./finishing.ts";
import { make, part, say } from "./parts_of_page.ts";
import type { Finished, Look, Shown } from "./shown.ts";
import { type View, WHOLE } from "./view.ts";
import { Viewer } from "./viewer.ts";

/** One picture with its caption. */
interface Panel {
  readonly figure: HTMLElement;
  readonly title: HTMLElement;
  readonly facts: HTMLElement;
  readonly viewer: Viewer;
  shown: Shown;
}

/** What heatmaps are made with, found out when it is exported. */
export type Record = () => Promise<object>;

/** Shows phrases of an X-ray. */
export class Gallery {
  readonly #view: View = { ...WHOLE };
  readonly #controls = new Controls(() => this.#showAll());
  readonly #finishing: Finishing;
  #panels: Panel[] = [];
  #image = "";
  #record: Record = () => Promise.resolve({});

  /** @param device Where heatmaps are finished. */
  constructor(device: ServerFacts["device"]) {
    const tell = (sentence: string) => part("finished-on", HTMLElement).textContent = sentence;
    this.#finishing = new Finishing(device, tell, ({ message }) => say(message));
    part("reset", HTMLButtonElement).addEventListener("click", () => {
      Object.assign(this.#view, WHOLE);
      this.#controls.resetLevels();
      this.#showAll();
    });
  }

  /** Sets how heatmaps are finished to what a run did. */
  useSettings(sigma: number, otsu: boolean): void {
    this.#controls.useSettings(sigma, otsu);
  }

  /**
   * Shows these phrases, and no others.
   *
   * @param image What the X-ray is called, for exports.
   * @param record What heatmaps are made with, for exports.
   */
  show(image: string, phrases: readonly Shown[], record: Record): void {
    if (image !== this.#image) Object.assign(this.#view, WHOLE);
    [this.#image, this.#record] = [image, record];
    while (this.#panels.length > phrases.length) this.#panels.pop()!.figure.remove();
    phrases.forEach((shown, i) => {
      const panel = this.#panels[i] ?? this.#addPanel(shown);
      panel.shown = shown;
      this.#showOne(panel, this.#controls.look());
    });
    part("look", HTMLElement).hidden = phrases.length === 0;
  }

  /** Shows a phrase anew. */
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
    const [figure, title, facts] = [make("figure"), make("b"), make("span")];
    const caption = make("figcaption");
    caption.append(title, facts);
    const buttons = make("div", "", { className: "exports" });
    figure.append(caption, viewer.canvas, buttons);
    part("viewers", HTMLElement).append(figure);
    const panel: Panel = { figure, title, facts, viewer, shown };
    const add = (label: string, act: (finished: Finished) => void | Promise<void>) => {
      const button = make("button", label, { type: "button" });
      button.addEventListener("click", async () => {
        try {
          if (viewer.finished) await act(viewer.finished);
          else say(`Cannot export "${panel.shown.title}": it has no heatmap yet`);
        } catch (error) {
          say((error as Error).message);
        }
      });
      buttons.append(button);
    };
    const stem = () => fileStem(panel.shown.title);
    add("PNG", () => viewer.canvas.toBlob((blob) => blob && save(`${stem()}.png`, blob)));
    add("heatmap.npy", (finished) => save(`${stem()}.npy`, heatmapNpy(finished) as BlobPart));
    add("result.json", async (finished) => {
      const [image, { shown }, name] = [this.#image, panel, `${stem()}.json`];
      // What is shown may be another by the time that it is there.
      const record = { image, ...await this.#record() };
      const result = resultOf(shown, finished, shown.settings, record);
      save(name, JSON.stringify(result, null, 2) + "\n");
    });
    add("boxes.csv", () => {
      const all = this.#panels.flatMap(({ shown, viewer: { finished } }) =>
        finished ? [[shown, finished] as const] : []
      );
      save("boxes.csv", boxesCsv(this.#image, all));
    });
    this.#panels.push(panel);
    return panel;
  }

  #showAll(): void {
    const look = this.#controls.look();
    for (const panel of this.#panels) this.#showOne(panel, look);
  }

  #showOne({ title, facts, viewer, shown }: Panel, look: Look): void {
    title.textContent = shown.title;
    facts.textContent = shown.facts;
    viewer.show(shown, look);
  }
}
