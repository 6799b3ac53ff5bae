/// <reference lib="dom" />
/**
 * Explorer of attention by layer and by part of the trajectory, and the settings of the next run.
 *
 * @module
 */

import type { EngineSettings, ExploredCell, OpenedModel, Reply } from "../engine_messages.ts";
import { chosenColors, onColors } from "./color_choice.ts";
import { paintMap } from "../viewer/paint.ts";
import { make, part } from "./parts_of_page.ts";

/** Number of columns that divide the trajectory. */
export const COLUMNS = 10;

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
    part("total-steps", HTMLInputElement).addEventListener("change", () => this.#rescale());
  }

  /** Sets the controls to a model's defaults and clears the maps; a baseline has no layers. */
  open(model: OpenedModel): void {
    const { defaults, layerSides = [] } = this.#model = model;
    this.#layers.clear();
    for (const layer of defaults?.layers ?? []) this.#layers.add(layer);
    part("total-steps", HTMLInputElement).value = String(defaults?.steps ?? "");
    part("noise", HTMLSelectElement).value = defaults?.noise ?? "inversion";
    this.#rescale();
    this.clear();
    const choices = layerSides.map((side, layer) => {
      const box = make("input", "", { type: "checkbox", checked: this.#layers.has(layer) });
      box.addEventListener("change", () => {
        if (box.checked) this.#layers.add(layer);
        else this.#layers.delete(layer);
      });
      const label = make("label");
      label.append(box, ` ${layer} (${side} x ${side})`);
      return label;
    });
    part("layers", HTMLElement).replaceChildren(...choices);
  }

  /** Gives the trajectory's settings for the next run. */
  trajectory(): Required<Pick<EngineSettings, "steps" | "noise">> {
    const noise = part("noise", HTMLSelectElement).value as "inversion" | "sample";
    return { steps: part("total-steps", HTMLInputElement).valueAsNumber, noise };
  }

  /** Gives all settings of the next run. */
  settings(): Required<EngineSettings> {
    const step = (id: string) => part(id, HTMLInputElement).valueAsNumber;
    const layers = [...this.#layers].sort((a, b) => a - b);
    const select = [step("first-step"), step("last-step") + 1] as const;
    return { ...this.trajectory(), layers, select };
  }

  /** Scales the model's default range of steps to the chosen trajectory length. */
  #rescale(): void {
    const { steps } = this.trajectory();
    if (!this.#model?.defaults || !Number.isFinite(steps)) return;
    const { steps: whole, select: [start, end] } = this.#model.defaults;
    const first = Math.round(start / whole * steps);
    const last = Math.max(Math.round(end / whole * steps) - 1, first);
    part("first-step", HTMLInputElement).value = String(first);
    part("last-step", HTMLInputElement).value = String(last);
  }

  /** Removes the maps, which belong to an earlier X-ray or model. */
  clear(): void {
    this.#drawn = [];
    part("maps", HTMLElement).replaceChildren();
  }

  /** Shows the attention of a phrase in an X-ray. */
  show(
    phrase: string,
    image: string,
    { columns, cells }: Extract<Reply, { kind: "explored" }>,
  ): void {
    const table = make("table", "", { className: "maps" });
    const what =
      `Attention for "${phrase}" in ${image}: each row is a layer, each column a group of steps`;
    table.append(make("caption", what));
    const head = make("tr");
    head.append(
      make("td"),
      ...columns.map(([start, end]) => make("th", `${start}–${end - 1}`, { scope: "col" })),
    );
    table.append(head);
    this.#drawn = [];
    for (const layer of this.#model?.layerSides?.keys() ?? []) {
      const row = make("tr");
      row.append(make("th", String(layer), { scope: "row" }));
      for (const cell of cells.filter((cell) => cell.layer === layer)) {
        const [start, end] = columns[cell.column]!;
        const title = `layer ${layer}, steps ${start} to ${end - 1}`;
        const button = make("button", "", { type: "button", title });
        button.setAttribute("aria-label", title);
        const canvas = make("canvas", "", { width: cell.side, height: cell.side });
        this.#drawn.push({ canvas, cell });
        button.append(canvas);
        button.addEventListener("click", () => this.#onCell(title, cell, [start, end]));
        const place = make("td");
        place.append(button);
        row.append(place);
      }
      table.append(row);
    }
    this.#draw();
    part("maps", HTMLElement).replaceChildren(table);
  }

  #draw(): void {
    const colors = chosenColors();
    for (const { canvas, cell: { data, side } } of this.#drawn) {
      const pixels = new ImageData(paintMap(data as Float32Array, colors), side, side);
      canvas.getContext("2d")!.putImageData(pixels, 0, 0);
    }
  }
}
