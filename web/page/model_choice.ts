/// <reference lib="dom" />
/**
 * Controls that choose the model and its device, if the page runs the model.
 *
 * @module
 */

import {
  type EngineDevice,
  PICKED_PARTS,
  type PickedFile,
  type PickedModel,
} from "../engine_messages.ts";
import { part } from "./parts_of_page.ts";

/** Receives the model to open, and the device to run it. */
export type OnModel = (model: "demo" | PickedModel, device: EngineDevice) => void;

/** Lets the user pick a model's folder and the device that runs the model. */
export class ModelChoice {
  readonly #onModel: OnModel;
  #model: "demo" | PickedModel = "demo";
  /** Choice of the model that is open now. */
  #opened: { readonly model: "demo" | PickedModel; readonly device: string } | undefined;

  /**
   * Shows the controls.
   *
   * @param device The initial device.
   * @param onModel Called with each choice, and at once with the bundled model.
   */
  constructor(device: EngineDevice, onModel: OnModel) {
    this.#onModel = onModel;
    part("model", HTMLElement).hidden = false;
    const select = part("runs-on", HTMLSelectElement);
    select.value = device;
    select.addEventListener("change", () => this.#open());
    part("open-folder", HTMLButtonElement).addEventListener("click", () => this.#openPicked());
    part("open-demo", HTMLButtonElement).addEventListener("click", () => {
      this.#model = "demo";
      this.#open();
    });
    // A model may also consist of parts alone, with its U-Net among them.
    const folders = ["model", "unet"].map((name) => part(`${name}-folder`, HTMLInputElement));
    const enable = () => {
      part("open-folder", HTMLButtonElement).disabled = !folders.some(({ files }) => files?.length);
    };
    for (const folder of folders) folder.addEventListener("change", enable);
    enable();
    // A browser keeps a picked folder, and has no button of its own to forget the folder.
    part("forget-parts", HTMLButtonElement).addEventListener("click", () => {
      for (const name of ["text", ...PICKED_PARTS]) {
        part(`${name}-folder`, HTMLInputElement).value = "";
      }
      enable();
    });
    this.#open();
  }

  /** Records that the chosen model is open. */
  settle(): void {
    this.#opened = { model: this.#model, device: part("runs-on", HTMLSelectElement).value };
  }

  /** Returns the controls to the earlier model, which is still open. */
  goBack(): void {
    if (!this.#opened) return;
    this.#model = this.#opened.model;
    part("runs-on", HTMLSelectElement).value = this.#opened.device;
  }

  #openPicked(): void {
    const files = filesOf("model-folder");
    const textEncoder = filesOf("text-folder");
    const parts = Object.fromEntries(PICKED_PARTS.map((part) => [part, filesOf(`${part}-folder`)]));
    const method = part("method", HTMLSelectElement).value;
    this.#model = {
      ...{ files, parts },
      ...(method && { method }),
      ...(textEncoder.length > 0 && { textEncoder }),
    };
    this.#open();
  }

  #open(): void {
    this.#onModel(this.#model, part("runs-on", HTMLSelectElement).value as EngineDevice);
  }
}

/** Lists the files of the folder picked in the input `id`. */
function filesOf(id: string): PickedFile[] {
  return [...part(id, HTMLInputElement).files ?? []].map((file) => ({
    path: file.webkitRelativePath,
    file,
  }));
}
