import {
  type EngineDevice,
  PICKED_PARTS,
  type PickedFile,
  type PickedModel,
} from "../engine_messages.ts";
import { input, onClick, part, select, show } from "./parts_of_page.ts";

/** Receives the model to open, and the device to run it. */
export type OnModel = (model: "demo" | PickedModel, device: EngineDevice) => void;

/** Lets the user pick a model's folder and the device that runs the model. */
export class ModelChoice {
  readonly #onModel: OnModel;
  #model: "demo" | PickedModel = "demo";
  /** Choice of the model that is open now. */
  #opened: { readonly model: "demo" | PickedModel; readonly device: string } | undefined;

  /** Shows the controls; calls `onModel` with each choice, and at once with the bundled model. */
  constructor(device: EngineDevice, onModel: OnModel) {
    this.#onModel = onModel;
    show("model");
    select("runs-on").value = device;
    select("runs-on").addEventListener("change", () => this.#open());
    onClick("open-folder", () => this.#open(pickedModel()));
    onClick("open-demo", () => this.#open("demo"));
    // A model may also consist of parts alone, with its U-Net among them.
    const folders = ["model", "unet"].map((name) => input(`${name}-folder`));
    const open = part("open-folder", HTMLButtonElement);
    const enable = () => open.disabled = !folders.some(({ files }) => files?.length);
    for (const folder of folders) folder.addEventListener("change", enable);
    enable();
    // A browser keeps a picked folder, and has no button of its own to forget the folder.
    onClick("forget-parts", () => {
      for (const name of ["text", ...PICKED_PARTS]) input(`${name}-folder`).value = "";
      enable();
    });
    this.#open();
  }

  /** Records that the chosen model is open. */
  settle(): void {
    this.#opened = { model: this.#model, device: select("runs-on").value };
  }

  /** Returns the controls to the earlier model, which is still open. */
  goBack(): void {
    if (!this.#opened) return;
    this.#model = this.#opened.model;
    select("runs-on").value = this.#opened.device;
  }

  #open(model = this.#model): void {
    this.#model = model;
    this.#onModel(model, select("runs-on").value as EngineDevice);
  }
}

function pickedModel(): PickedModel {
  const textEncoder = filesOf("text-folder");
  const parts = Object.fromEntries(PICKED_PARTS.map((part) => [part, filesOf(`${part}-folder`)]));
  const method = select("method").value;
  return {
    ...{ files: filesOf("model-folder"), parts },
    ...(method && { method }),
    ...(textEncoder.length > 0 && { textEncoder }),
  };
}

/** Lists the files of the folder picked in the input `id`. */
function filesOf(id: string): PickedFile[] {
  return [...input(id).files ?? []].map((file) => ({ path: file.webkitRelativePath, file }));
}
