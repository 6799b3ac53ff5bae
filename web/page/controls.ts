/// <reference lib="dom" />
/**
 * Controls for the display settings of heatmaps.
 *
 * @module
 */

import { chosenColors, offerColors, onColors } from "./color_choice.ts";
import { part } from "./parts_of_page.ts";
import type { Look } from "../viewer/shown.ts";

/** Decimal places of the value beside each slider, by the slider's id. */
const SLIDERS = { opacity: 2, threshold: 2, sigma: 1, black: 0, white: 0 } as const;

const CHECKBOXES = ["otsu", "outline", "box", "truth"] as const;

const slider = (id: keyof typeof SLIDERS) => part(id, HTMLInputElement);
const checkbox = (id: typeof CHECKBOXES[number]) => part(id, HTMLInputElement);

/** Reads and sets the controls of display settings. */
export class Controls {
  /** Fractions of a level from drags; sliders take whole levels only. */
  readonly #rest = { black: 0, white: 0 };

  /** Last arguments of {@linkcode Controls.useSettings}, as text. */
  #used = "";

  /** @param onChange Called whenever the user changes a display setting. */
  constructor(onChange: () => void) {
    offerColors();
    onColors(onChange);
    const change = () => {
      this.#write();
      onChange();
    };
    // Moving the slider turns Otsu's threshold off. Register first: listeners below read the box.
    slider("threshold").addEventListener("input", () => checkbox("otsu").checked = false);
    for (const id of [...Object.keys(SLIDERS), ...CHECKBOXES]) {
      part(id, HTMLInputElement).addEventListener("input", change);
    }
    this.#write();
  }

  /** Gives the chosen display settings. */
  look(): Look {
    const black = slider("black").valueAsNumber;
    return {
      opacity: slider("opacity").valueAsNumber,
      colors: chosenColors(),
      threshold: checkbox("otsu").checked ? "otsu" : slider("threshold").valueAsNumber,
      sigma: slider("sigma").valueAsNumber,
      black,
      white: Math.max(slider("white").valueAsNumber, black + 1),
      outline: checkbox("outline").checked,
      box: checkbox("box").checked,
      truth: checkbox("truth").checked,
    };
  }

  /**
   * Sets the controls to a run's Gaussian and threshold. The call does nothing if both equal those
   * of the call before, so that the user's own changes stay.
   *
   * @param sigma Standard deviation of the Gaussian in heatmap pixels.
   * @param otsu True if the run cut at Otsu's threshold, or its own threshold; false sets 0.
   */
  useSettings(sigma: number, otsu: boolean | number): void {
    const settings = `${sigma} ${otsu}`;
    if (settings === this.#used) return;
    this.#used = settings;
    slider("sigma").valueAsNumber = sigma;
    checkbox("otsu").checked = otsu === true;
    if (otsu !== true) slider("threshold").value = String(Number(otsu));
    this.#write();
  }

  /** Changes the levels painted black and white by the given amounts, in levels of 0..255. */
  moveLevels(black: number, white: number): void {
    for (const [id, by] of [["black", black], ["white", white]] as const) {
      const wanted = slider(id).valueAsNumber + this.#rest[id] + by;
      slider(id).valueAsNumber = wanted;
      const rest = wanted - slider(id).valueAsNumber;
      this.#rest[id] = Math.abs(rest) < 1 ? rest : 0;
    }
    this.#write();
  }

  /** Resets the levels to 0 and 255, which shows all greys. */
  resetLevels(): void {
    slider("black").value = "0";
    slider("white").value = "255";
    this.#write();
  }

  /** Writes each slider's value beside the slider. */
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
