import type { EngineSettings, ExploredCell, OpenedModel, Reply } from "../engine_messages.ts";
import { chosenColors, onColors } from "./color_choice.ts";
import { keep, recall } from "../viewer/kept.ts";
import { paintMap } from "../viewer/paint.ts";
import { input, make, makeButton, part, select } from "./parts_of_page.ts";

/** Number of columns that divide the trajectory. */
export const COLUMNS = 10;

/** Key of the run's settings in the browser. */
export const SETTINGS = "settings";

/** Receives the chosen map with its steps: first step, and one past the last. */
export type OnCell = (title: string, cell: ExploredCell, steps: readonly [number, number]) => void;

/** A grid of small maps, one row per layer, and the controls for the next run's settings. */
export class Explorer {
  readonly #onCell: OnCell;
  readonly #layers = new Set<number>();
  #model: OpenedModel | undefined;
  #drawn: { readonly canvas: HTMLCanvasElement; readonly cell: ExploredCell }[] = [];

  /** @param onCell Called with the map that the user wants to enlarge. */
  constructor(onCell: OnCell) {
    this.#onCell = onCell;
    onColors(() => this.#draw());
    input("total-steps").addEventListener("change", () => this.#rescale());
    part("layers-and-steps", HTMLElement).addEventListener("change", () => {
      const { layerSides } = this.#model ?? {};
      keep("localStorage", SETTINGS, JSON.stringify({ layerSides, ...this.settings() }));
    });
  }

  /** Sets the controls to a model's defaults and clears the maps; a baseline has no layers. */
  open(model: OpenedModel): void {
    const { defaults, layerSides = [] } = this.#model = model;
    const used = keptFor(model) ?? defaults;
    this.#layers.clear();
    for (const layer of used?.layers ?? []) this.#layers.add(layer);
    input("total-steps").value = String(used?.steps ?? "");
    select("noise").value = used?.noise ?? "inversion";
    this.#select(used?.select ?? [0, 1]);
    this.clear();
    const choices = layerSides.map((side, layer) => {
      const box = make("input", "", { type: "checkbox", checked: this.#layers.has(layer) });
      box.addEventListener("change", () => {
        if (box.checked) this.#layers.add(layer);
        else this.#layers.delete(layer);
      });
      return make("label", [box, ` ${layer} (${side} x ${side})`]);
    });
    part("layers", HTMLElement).replaceChildren(...choices);
  }

  /** Gives the trajectory's settings for the next run. */
  trajectory(): Required<Pick<EngineSettings, "steps" | "noise">> {
    const noise = select("noise").value as "inversion" | "sample";
    return { steps: input("total-steps").valueAsNumber, noise };
  }

  /** Gives all settings of the next run. */
  settings(): Required<EngineSettings> {
    const layers = [...this.#layers].sort((a, b) => a - b);
    const [first, last] = ["first-step", "last-step"].map((id) => input(id).valueAsNumber);
    return { ...this.trajectory(), layers, select: [first!, last! + 1] };
  }

  /** Scales the model's default range of steps to the chosen trajectory length. */
  #rescale(): void {
    const { steps } = this.trajectory();
    if (!this.#model?.defaults || !Number.isFinite(steps)) return;
    const { steps: whole, select: [start, end] } = this.#model.defaults;
    const first = Math.round(start / whole * steps);
    this.#select([first, Math.max(Math.round(end / whole * steps), first + 1)]);
  }

  #select([start, end]: readonly [start: number, end: number]): void {
    input("first-step").value = String(start);
    input("last-step").value = String(end - 1);
  }

  /** Removes the maps, which belong to an earlier X-ray or model. */
  clear(): void {
    this.#drawn = [];
    part("maps", HTMLElement).replaceChildren();
  }

  /** Shows the attention of a phrase in an X-ray. */
  show(phrase: string, image: string, reply: Extract<Reply, { kind: "explored" }>): void {
    const { columns, cells } = reply;
    const title =
      `Attention for "${phrase}" in ${image}: each row is a layer, each column a group of steps`;
    const heads = columns.map(([from, end]) => make("th", `${from}–${end - 1}`, { scope: "col" }));
    this.#drawn = [];
    const rows = (this.#model?.layerSides ?? []).map((_, layer) => {
      const own = cells.filter((cell) => cell.layer === layer);
      const maps = own.map((cell) => make("td", [this.#makeMap(cell, columns[cell.column]!)]));
      return make("tr", [make("th", String(layer), { scope: "row" }), ...maps]);
    });
    this.#draw();
    const content = [make("caption", title), make("tr", [make("td"), ...heads]), ...rows];
    part("maps", HTMLElement).replaceChildren(make("table", content, { className: "maps" }));
  }

  #makeMap(cell: ExploredCell, [start, end]: readonly [number, number]): HTMLElement {
    const title = `layer ${cell.layer}, steps ${start} to ${end - 1}`;
    const canvas = make("canvas", "", { width: cell.side, height: cell.side });
    this.#drawn.push({ canvas, cell });
    const button = makeButton([canvas], () => this.#onCell(title, cell, [start, end]));
    return Object.assign(button, { title, ariaLabel: title });
  }

  #draw(): void {
    const colors = chosenColors();
    for (const { canvas, cell: { data, side } } of this.#drawn) {
      const pixels = new ImageData(paintMap(data as Float32Array, colors), side, side);
      canvas.getContext("2d")!.putImageData(pixels, 0, 0);
    }
  }
}

/** Finds the user's settings for a model of the same layers, from before a reload. */
function keptFor({ layerSides }: OpenedModel): Required<EngineSettings> | undefined {
  const kept = JSON.parse(recall("localStorage", SETTINGS) ?? "{}");
  const isSame = layerSides && JSON.stringify(kept.layerSides) === JSON.stringify(layerSides);
  return isSame ? kept : undefined;
}
