/// <reference lib="dom" />
/**
 * The control that chooses the colour map of heatmaps.
 *
 * @module
 */

import type { Colour } from "../../reports/figures/heat_colours.ts";
import { COLOUR_MAPS } from "../viewer/colour_maps.ts";
import { make, part } from "./parts_of_page.ts";

const select = () => part("colours", HTMLSelectElement);

/** Fills the list of colour maps, and shows the chosen map beside the list as a scale. */
export function offerColours(): void {
  select().replaceChildren(
    ...COLOUR_MAPS.map(({ name }, i) => make("option", i ? name : `${name} (default)`)),
  );
  onColours(showScale);
  showScale();
}

/** Calls a function whenever another colour map is chosen. */
export function onColours(act: () => void): void {
  select().addEventListener("input", act);
}

/** Gives the chosen map's colours by heat, 0..255. */
export function chosenColours(): readonly Colour[] {
  return chosen().colours;
}

function chosen() {
  return COLOUR_MAPS[select().selectedIndex] ?? COLOUR_MAPS[0];
}

function showScale(): void {
  const { name, colours } = chosen();
  const scale = part("scale", HTMLElement);
  scale.ariaLabel = `Heat from 0 to 1 in ${name}`;
  const stops = colours.map((colour) => `rgb(${colour.join(" ")})`);
  scale.querySelector("i")!.style.background = `linear-gradient(to right, ${stops})`;
}
