import { chosenColors, offerColors, onColors } from "./color_choice.ts";
import { input as inputOf, make, select, write } from "./parts_of_page.ts";
import type { Look } from "../viewer/shown.ts";

/** Windows by name: levels of 0..255 painted black and white, and whether both change places. */
const PRESETS: Readonly<Record<string, readonly [number, number, invert: boolean]>> = {
  standard: [0, 255, false],
  lung: [0, 150, false],
  bone: [90, 255, false],
  inverted: [0, 255, true],
};

/** Names of the windows, in the order of their keys. */
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/** Choice of a window that has no name. */
const OWN = "own";

const NUMBERS = ["opacity", "threshold", "sigma", "black", "white"] as const;
const CHECKBOXES = ["otsu", "outline", "box", "truth", "invert", "plain"] as const;

const input = (id: typeof NUMBERS[number] | typeof CHECKBOXES[number]) => inputOf(id);
const thresholdNumber = () => inputOf("threshold-number");

/** Display settings and the plain picture, as {@linkcode Controls.state} gives them. */
export type ControlState = Readonly<Record<string, string | boolean>>;

/** Reads and sets the controls of display settings. */
export class Controls {
  /** Fractions of a level from drags; the inputs take whole levels only. */
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
    select("preset").append(...[...PRESET_NAMES, OWN].map((name) => make("option", name)));
    select("preset").addEventListener("input", () => {
      this.usePreset(select("preset").value);
      onChange();
    });
    // Moving the slider turns Otsu's threshold off. Register first: listeners below read the box.
    input("threshold").addEventListener("input", () => input("otsu").checked = false);
    thresholdNumber().addEventListener("input", () => {
      if (!thresholdNumber().checkValidity() || thresholdNumber().value === "") return;
      input("otsu").checked = false;
      input("threshold").value = thresholdNumber().value;
      change();
    });
    for (const id of [...NUMBERS, ...CHECKBOXES]) input(id).addEventListener("input", change);
    this.#write();
  }

  /** Gives the chosen display settings. */
  look(): Look {
    const [black, white] = this.#levels();
    return {
      ...{ black, white, overlay: true, colors: chosenColors() },
      opacity: input("opacity").valueAsNumber,
      threshold: input("otsu").checked ? "otsu" : input("threshold").valueAsNumber,
      sigma: input("sigma").valueAsNumber,
      invert: input("invert").checked,
      outline: input("outline").checked,
      box: input("box").checked,
      truth: input("truth").checked,
    };
  }

  /** True if a plain X-ray stands beside the overlays. */
  get hasPlain(): boolean {
    return input("plain").checked;
  }

  /** Gives all controls' values, for undo and for a reload. */
  state(): ControlState {
    return Object.fromEntries([
      ...NUMBERS.map((id) => [id, input(id).value]),
      ...CHECKBOXES.map((id) => [id, input(id).checked]),
      ["colours", select("colours").value],
    ]);
  }

  /** Sets all controls to earlier values; unknown or absent values change nothing. */
  restore(state: ControlState): void {
    for (const id of NUMBERS) if (typeof state[id] === "string") input(id).value = state[id];
    for (const id of CHECKBOXES) if (typeof state[id] === "boolean") input(id).checked = state[id];
    const colors = select("colours");
    const known = [...colors.options].find(({ value }) => value === state.colours);
    if (known) known.selected = true;
    colors.dispatchEvent(new Event("change"));
    this.#write();
  }

  /**
   * Sets the controls to a run's Gaussian, in heatmap pixels, and threshold: true for Otsu's, false
   * for 0. Values of the call before change nothing, so that the user's own changes stay.
   */
  useSettings(sigma: number, otsu: boolean | number): void {
    const settings = `${sigma} ${otsu}`;
    if (settings === this.#used) return;
    this.#used = settings;
    input("sigma").valueAsNumber = sigma;
    input("otsu").checked = otsu === true;
    if (otsu !== true) input("threshold").value = String(Number(otsu));
    this.#write();
  }

  /** Sets black, white and inversion to a window's, by its name; other names change nothing. */
  usePreset(name: string): void {
    const [black, white, invert] = PRESETS[name] ?? [...this.#levels(), input("invert").checked];
    input("black").valueAsNumber = black;
    input("white").valueAsNumber = white;
    input("invert").checked = invert;
    this.#write();
  }

  /** Changes the levels painted black and white by the given amounts, in levels of 0..255. */
  moveLevels(black: number, white: number): void {
    for (const [id, by] of [["black", black], ["white", white]] as const) {
      const { min, max } = input(id);
      const wanted = input(id).valueAsNumber + this.#rest[id] + by;
      const level = Math.min(Math.max(Math.round(wanted), Number(min)), Number(max));
      input(id).valueAsNumber = level;
      const rest = wanted - level;
      this.#rest[id] = Math.abs(rest) < 1 ? rest : 0;
    }
    this.#write();
  }

  /** Gives the levels painted black and white; white is above black whatever is typed. */
  #levels(): [black: number, white: number] {
    const level = (id: "black" | "white", otherwise: number) => {
      const { valueAsNumber } = input(id);
      return Number.isNaN(valueAsNumber) ? otherwise : Math.min(Math.max(valueAsNumber, 0), 255);
    };
    const black = Math.min(level("black", 0), 254);
    return [black, Math.max(level("white", 255), black + 1)];
  }

  /** Writes the values that stand beside controls. */
  #write(): void {
    const isOtsu = input("otsu").checked;
    const { valueAsNumber } = input("threshold");
    if (document.activeElement !== thresholdNumber() || isOtsu) {
      thresholdNumber().value = isOtsu ? "" : valueAsNumber.toFixed(2);
    }
    thresholdNumber().placeholder = isOtsu ? "auto" : "";
    write("sigma-value", input("sigma").valueAsNumber.toFixed(1));
    const [black, white] = this.#levels();
    const isSame = (name: string) =>
      JSON.stringify(PRESETS[name]) === JSON.stringify([black, white, input("invert").checked]);
    select("preset").value = PRESET_NAMES.find(isSame) ?? OWN;
  }
}
