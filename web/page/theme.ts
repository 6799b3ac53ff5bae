/// <reference lib="dom" />
/**
 * Dark or light, as the system has it until the user chooses.
 *
 * @module
 */

import { part } from "./parts_of_page.ts";

/** Where the browser keeps the choice for this address. */
const KEY = "theme";

/** Shows the page in the colours that were chosen before, and lets the user choose. */
export function listenToTheme(): void {
  const button = part("theme", HTMLButtonElement);
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const chosen = localStorage.getItem(KEY);
    const isDark = chosen === null ? system.matches : chosen === "dark";
    button.ariaPressed = String(isDark);
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, button.ariaPressed === "true" ? "light" : "dark");
    show();
  });
  system.addEventListener("change", show);
  // Chosen in another tab.
  addEventListener("storage", show);
  show();
}
