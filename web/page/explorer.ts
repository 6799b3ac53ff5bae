/// <reference lib="dom" />
/**
 * Attention by layer and by part of the trajectory, to look at and to choose from.
 *
 * @module
 */

import { HEAT_COLOURS } from "../../reports/heat_colours.ts";
import { normalize01, valueRange } from "../../shaders/aggregate_cpu.ts";
import type { EngineSettings, ExploredCell, OpenedModel, Reply } from "../protocol.ts";
import { make, part } from "./parts_of_page.ts";

/** Columns that a trajectory is cut into. */
export const COLUMNS = 10;

/** Told of a map that is chosen, with its steps, half-open. */
export type OnCell = (title: string, cell: ExploredCell, steps: readonly [number, number]) => void;

/** A grid of small maps, a row a layer; what is chosen in it is how the next run grounds. */
export class Explorer {
  readonly #onCell: OnCell;
  readonly #layers = new Set<number>();
  #model: OpenedModel | undefined;

  /** @param onCell Told which map is to be seen large. */
  constructor(onCell: OnCell) {
    this.#onCell = onCell;
  }

  /** What a model does where nothing is chosen. */
  open(model: OpenedModel): void {
    this.#model = model;
    this.#layers.clear();
    for (const layer of model.defaults.layers) this.#layers.add(layer);
    const [start, end] = model.defaults.select;
    part("first-step", HTMLInputElement).value = String(start);
    part("last-step", HTMLInputElement).value = String(end - 1);
    const choices = model.layerSides.map((side, layer) => {
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

  /** How the next run grounds. */
  settings(): EngineSettings {
    const step = (id: string) => part(id, HTMLInputElement).valueAsNumber;
    const layers = [...this.#layers].sort((a, b) => a - b);
    return { layers, select: [step("first-step"), step("last-step") + 1] };
  }

  /** Shows what was read. */
  show(phrase: string, { columns, cells }: Extract<Reply, { kind: "explored" }>): void {
    const table = make("table", "", { className: "maps" });
    table.append(make("caption", `Attention for "${phrase}": a row a layer, a column some steps`));
    const head = make("tr");
    head.append(
      make("td"),
      ...columns.map(([start, end]) => make("th", `${start}–${end - 1}`, { scope: "col" })),
    );
    table.append(head);
    for (const layer of this.#model?.layerSides.keys() ?? []) {
      const row = make("tr");
      row.append(make("th", String(layer), { scope: "row" }));
      for (const cell of cells.filter((cell) => cell.layer === layer)) {
        const [start, end] = columns[cell.column]!;
        const title = `layer ${layer}, steps ${start} to ${end - 1}`;
        const button = make("button", "", { type: "button", title });
        button.setAttribute("aria-label", title);
        button.append(drawMap(cell));
        button.addEventListener("click", () => this.#onCell(title, cell, [start, end]));
        const place = make("td");
        place.append(button);
        row.append(place);
      }
      table.append(row);
    }
    part("maps", HTMLElement).replaceChildren(table);
  }
}

/** A map from its lowest value to its highest. */
function drawMap({ data, side }: ExploredCell): HTMLCanvasElement {
  const canvas = make("canvas", "", { width: side, height: side });
  const pixels = new ImageData(side, side);
  const values = data as Float32Array;
  const range = valueRange(values);
  const shares = range.maximum > range.minimum
    ? normalize01(values, range)
    : new Float32Array(side * side);
  shares.forEach((value, i) => {
    pixels.data.set([...HEAT_COLOURS[Math.round(255 * value)]!, 255], 4 * i);
  });
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}
