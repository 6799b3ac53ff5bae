/// <reference lib="dom" />
/**
 * Dark or light, as the system has it until the user chooses.
 *
 * @module
 */

import { keep, recall } from "./kept.ts";
import { part } from "../page/parts_of_page.ts";

/** Where the browser keeps the choice for this address. */
const KEY = "theme";

/** Shows the page in the colours that were chosen before, and lets the user choose. */
export function listenToTheme(): void {
  const button = part("theme", HTMLButtonElement);
  const system = matchMedia("(prefers-color-scheme: dark)");
  /** The choice, also where the browser keeps none. */
  let chosen: string | null = null;
  const show = () => {
    chosen = recall("localStorage", KEY) ?? chosen;
    const isDark = chosen === null ? system.matches : chosen === "dark";
    button.ariaPressed = String(isDark);
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
  };
  button.addEventListener("click", () => {
    chosen = button.ariaPressed === "true" ? "light" : "dark";
    keep("localStorage", KEY, chosen);
    show();
  });
  system.addEventListener("change", show);
  // Chosen in another tab.
  addEventListener("storage", show);
  show();
}
