/// <reference lib="dom" />
/**
 * Which model runs in the page, and on what.
 *
 * @module
 */

import type { PickedFile, PickedModel, Place } from "../protocol.ts";
import { part } from "./parts_of_page.ts";

/** Told which model to open, and on what. */
export type OnModel = (model: "demo" | PickedModel, place: Place) => void;

/** Lets the user pick a model's folder, and where it runs. */
export class ModelChoice {
  readonly #onModel: OnModel;
  #model: "demo" | PickedModel = "demo";
  /** What is open. */
  #opened: { readonly model: "demo" | PickedModel; readonly place: string } | undefined;

  /**
   * Shows the choice.
   *
   * @param place What is chosen to begin with.
   * @param onModel Told of each choice, of the first at once.
   */
  constructor(place: Place, onModel: OnModel) {
    this.#onModel = onModel;
    part("model", HTMLElement).hidden = false;
    const select = part("runs-on", HTMLSelectElement);
    select.value = place;
    select.addEventListener("change", () => this.#open());
    part("open-folder", HTMLButtonElement).addEventListener("click", () => this.#openPicked());
    part("open-demo", HTMLButtonElement).addEventListener("click", () => {
      this.#model = "demo";
      this.#open();
    });
    const [folder, button] = [part("model-folder", HTMLInputElement), "open-folder"];
    const enable = () => {
      part(button, HTMLButtonElement).disabled = !folder.files?.length;
    };
    folder.addEventListener("change", enable);
    enable();
    this.#open();
  }

  /** Takes note that what was chosen is open. */
  settle(): void {
    this.#opened = { model: this.#model, place: part("runs-on", HTMLSelectElement).value };
  }

  /** Shows what was open before, which still is. */
  goBack(): void {
    if (!this.#opened) return;
    this.#model = this.#opened.model;
    part("runs-on", HTMLSelectElement).value = this.#opened.place;
  }

  #openPicked(): void {
    const files = filesOf("model-folder");
    const textEncoder = filesOf("text-folder");
    this.#model = textEncoder.length > 0 ? { files, textEncoder } : { files };
    this.#open();
  }

  #open(): void {
    this.#onModel(this.#model, part("runs-on", HTMLSelectElement).value as Place);
  }
}

/** The files of a folder that was picked. */
function filesOf(id: string): PickedFile[] {
  return [...part(id, HTMLInputElement).files ?? []].map((file) => ({
    path: file.webkitRelativePath,
    file,
  }));
}
