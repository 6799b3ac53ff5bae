/// <reference lib="dom" />
import { keep, recall } from "./kept.ts";
import { part } from "../page/parts_of_page.ts";

/** Key of the choice in the browser's storage. */
const KEY = "theme";

/** Applies the user's earlier choice or the system's colours, and listens for changes. */
export function listenToTheme(): void {
  const button = part("theme", HTMLButtonElement);
  const system = matchMedia("(prefers-color-scheme: dark)");
  /** The user's choice, for browsers that keep nothing. */
  let chosen: string | null = null;
  const show = () => {
    chosen = recall("localStorage", KEY) ?? chosen;
    const isDark = chosen === null ? system.matches : chosen === "dark";
    button.ariaPressed = String(isDark);
    const { dataset, style } = document.documentElement;
    style.colorScheme = dataset.theme = isDark ? "dark" : "light";
  };
  button.addEventListener("click", () => {
    chosen = button.ariaPressed === "true" ? "light" : "dark";
    keep("localStorage", KEY, chosen);
    show();
  });
  system.addEventListener("change", show);
  // Another tab changed the choice.
  addEventListener("storage", show);
  show();
}
