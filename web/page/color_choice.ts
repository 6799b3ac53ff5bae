/// <reference lib="dom" />
/**
 * The control that chooses the colour map of heatmaps.
 *
 * @module
 */

import type { Color } from "../../reports/figures/heat_colors.ts";
import { COLOR_MAPS } from "../viewer/color_maps.ts";
import { make, part } from "./parts_of_page.ts";

const select = () => part("colours", HTMLSelectElement);

/** Fills the list of colour maps, and shows the chosen map beside the list as a scale. */
export function offerColors(): void {
  select().replaceChildren(
    ...COLOR_MAPS.map(({ name }, i) => make("option", i ? name : `${name} (default)`)),
  );
  onColors(showScale);
  select().addEventListener("change", showScale);
  showScale();
}

/** Calls a function whenever another colour map is chosen. */
export function onColors(act: () => void): void {
  select().addEventListener("input", act);
}

/** Gives the chosen map's colours by heat, 0..255. */
export function chosenColors(): readonly Color[] {
  return chosen().colors;
}

function chosen() {
  return COLOR_MAPS[select().selectedIndex] ?? COLOR_MAPS[0];
}

function showScale(): void {
  const { name, colors } = chosen();
  const scale = part("scale", HTMLElement);
  scale.ariaLabel = `Heat from 0 to 1 in ${name}`;
  const stops = colors.map((color) => `rgb(${color.join(" ")})`);
  scale.querySelector("i")!.style.background = `linear-gradient(to right, ${stops})`;
}
