/// <reference lib="dom" />
/**
 * The controls of how heatmaps are shown.
 *
 * @module
 */

import { chosenColours, offerColours, onColours } from "./colour_choice.ts";
import { part } from "./parts_of_page.ts";
import type { Look } from "../viewer/shown.ts";

/** Sliders, with the digits after the point of what is written beside them. */
const SLIDERS = { opacity: 2, threshold: 2, sigma: 1, black: 0, white: 0 } as const;

const CHECKBOXES = ["otsu", "outline", "box", "truth"] as const;

const slider = (id: keyof typeof SLIDERS) => part(id, HTMLInputElement);
const checkbox = (id: typeof CHECKBOXES[number]) => part(id, HTMLInputElement);

/** Reads and sets the controls. */
export class Controls {
  /** What a drag, whose steps are smaller than the slider's, has moved beyond them. */
  readonly #rest = { black: 0, white: 0 };

  /** What {@linkcode Controls.useSettings} set last. */
  #used = "";

  /** @param onChange Told whenever the user changes how heatmaps are shown. */
  constructor(onChange: () => void) {
    offerColours();
    onColours(onChange);
    const change = () => {
      this.#write();
      onChange();
    };
    // To move the threshold is to choose it; before the listeners below, which read it.
    slider("threshold").addEventListener("input", () => checkbox("otsu").checked = false);
    for (const id of [...Object.keys(SLIDERS), ...CHECKBOXES]) {
      part(id, HTMLInputElement).addEventListener("input", change);
    }
    this.#write();
  }

  /** How heatmaps are to be shown. */
  look(): Look {
    const black = slider("black").valueAsNumber;
    return {
      opacity: slider("opacity").valueAsNumber,
      colours: chosenColours(),
      threshold: checkbox("otsu").checked ? "otsu" : slider("threshold").valueAsNumber,
      sigma: slider("sigma").valueAsNumber,
      black,
      white: Math.max(slider("white").valueAsNumber, black + 1),
      outline: checkbox("outline").checked,
      box: checkbox("box").checked,
      truth: checkbox("truth").checked,
    };
  }

  /** Sets what heatmaps were finished with, if it is another than before: what the user chose stays. */
  useSettings(sigma: number, otsu: boolean): void {
    const settings = `${sigma} ${otsu}`;
    if (settings === this.#used) return;
    this.#used = settings;
    slider("sigma").valueAsNumber = sigma;
    checkbox("otsu").checked = otsu;
    if (!otsu) slider("threshold").value = "0";
    this.#write();
  }

  /** Moves the levels that are drawn black and white, in levels of 0..255. */
  moveLevels(black: number, white: number): void {
    for (const [id, by] of [["black", black], ["white", white]] as const) {
      const wanted = slider(id).valueAsNumber + this.#rest[id] + by;
      slider(id).valueAsNumber = wanted;
      const rest = wanted - slider(id).valueAsNumber;
      this.#rest[id] = Math.abs(rest) < 1 ? rest : 0;
    }
    this.#write();
  }

  /** Sets all grey levels. */
  resetLevels(): void {
    slider("black").value = "0";
    slider("white").value = "255";
    this.#write();
  }

  /** Writes the values beside the sliders. */
  #write(): void {
    for (const [id, digits] of Object.entries(SLIDERS)) {
      const { valueAsNumber } = part(id, HTMLInputElement);
      const isOtsu = id === "threshold" && checkbox("otsu").checked;
      part(`${id}-value`, HTMLOutputElement).value = isOtsu
        ? "Otsu's"
        : valueAsNumber.toFixed(digits);
    }
  }
}
