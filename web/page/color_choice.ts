import type { Color } from "../../reports/figures/heat_colors.ts";
import { COLOR_MAPS } from "../viewer/color_maps.ts";
import { make, part, select } from "./parts_of_page.ts";

/** Fills the list of colour maps, and shows the chosen map in the bar as a scale. */
export function offerColors(): void {
  select("colours").replaceChildren(
    ...COLOR_MAPS.map(({ name }, i) => make("option", i ? name : `${name} (default)`)),
  );
  onColors(showScale);
  select("colours").addEventListener("change", showScale);
  showScale();
}

/** Calls a function whenever another colour map is chosen. */
export function onColors(act: () => void): void {
  select("colours").addEventListener("input", act);
}

/** Gives the chosen map's colours by heat, 0..255. */
export const chosenColors = (): readonly Color[] => chosen().colors;

const chosen = () => COLOR_MAPS[select("colours").selectedIndex] ?? COLOR_MAPS[0];

function showScale(): void {
  const { name, colors } = chosen();
  const scale = part("scale", HTMLElement);
  scale.ariaLabel = `Heat from 0 to 1 in ${name}`;
  const stops = colors.map((color) => `rgb(${color.join(" ")})`);
  scale.querySelector("i")!.style.background = `linear-gradient(to right, ${stops})`;
}
