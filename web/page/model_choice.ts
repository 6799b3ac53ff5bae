/// <reference lib="dom" />
/**
 * Controls that choose the model and its device, if the page runs the model.
 *
 * @module
 */

import type { PickedFile, PickedModel, Place } from "../engine_messages.ts";
import { part } from "./parts_of_page.ts";

/** Receives the model to open, and the place to run it. */
export type OnModel = (model: "demo" | PickedModel, place: Place) => void;

/** Lets the user pick a model's folder and the place to run the model. */
export class ModelChoice {
  readonly #onModel: OnModel;
  #model: "demo" | PickedModel = "demo";
  /** Choice of the model that is open now. */
  #opened: { readonly model: "demo" | PickedModel; readonly place: string } | undefined;

  /**
   * Shows the controls.
   *
   * @param place The initial place.
   * @param onModel Called with each choice, and at once with the bundled model.
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

  /** Records that the chosen model is open. */
  settle(): void {
    this.#opened = { model: this.#model, place: part("runs-on", HTMLSelectElement).value };
  }

  /** Returns the controls to the earlier model, which is still open. */
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

/** Lists the files of the folder picked in the input `id`. */
function filesOf(id: string): PickedFile[] {
  return [...part(id, HTMLInputElement).files ?? []].map((file) => ({
    path: file.webkitRelativePath,
    file,
  }));
}
