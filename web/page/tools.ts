import { PRESET_NAMES } from "./controls.ts";
import type { Gallery } from "./gallery.ts";
import { WHOLE } from "../viewer/view.ts";
import { input, make, onClick, part, show } from "./parts_of_page.ts";

/** Share of a picture's width or height that an arrow key moves the picture by. */
const STEP = 0.05;

/** Keys with their descriptions, for the list of keys. */
const KEYS = [
  ["O P", "open an X-ray; show or fold the phrases"],
  ["Ctrl Enter", "show where, in the phrases"],
  ["1 2 3 4", `window: ${PRESET_NAMES.join(", ")}`],
  ["I", "invert"],
  ["V W R", "a drag moves the picture, changes the window, or measures"],
  ["Shift drag", "window: contrast across, brightness down; the right button does too"],
  ["+ -", "zoom; wheel and two fingers do too"],
  ["0", "whole X-ray; a double click does too"],
  ["Z", "one pixel of the X-ray to one of the screen"],
  ["arrows", "move, on a picture; previous and next, on the list"],
  ["Shift arrows", "move the cursor, which shows grey and heat"],
  ["M", "begin the ruler at the cursor, then end it"],
  ["H", "hide the overlay while the key is down"],
  ["X G B", "boxes; ground truth; plain X-ray beside the overlay"],
  ["[ ]", "lower and raise the threshold"],
  ["U", "undo the last change"],
  ["F D", "full screen; settings"],
  ["J K", "next and previous sample of a run, or sentence of a report"],
  ["Esc", "cancel, close"],
  ["?", "this list"],
] as const;

/** True if a key belongs to the element that has the focus, such as a text field. */
export function isTyping({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return true;
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement ||
    target instanceof HTMLInputElement && /search|number|text/.test(target.type);
}

/** Buttons and boxes by their keys. */
const PRESSED: Readonly<Record<string, string>> = {
  ...{ "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", "0": "reset", z: "one-to-one" },
  ...{ f: "full", d: "drawer-button", o: "open-xray", p: "fold", "?": "help-button" },
  ...{ i: "invert", x: "box", g: "truth", b: "plain", v: "move", w: "window", r: "ruler" },
};

/** Lets buttons and keys act on the pictures. */
export function listenToTools(gallery: Gallery): void {
  onClick("zoom-in", () => gallery.zoom(1.25));
  onClick("zoom-out", () => gallery.zoom(0.8));
  onClick("reset", () => gallery.setView(WHOLE));
  onClick("one-to-one", () => gallery.oneToOne());
  onClick("undo", () => gallery.undo());
  onClick("full", toggleFull);
  onClick("drawer-button", toggleDrawer);
  onClick("drawer-close", toggleDrawer);
  const hide = part("hide", HTMLButtonElement);
  for (const name of ["pointerdown", "pointerup", "pointerleave", "pointercancel"] as const) {
    hide.addEventListener(name, () => gallery.hideOverlay(name === "pointerdown"));
  }
  document.addEventListener("pointerdown", ({ target }) => {
    const menu = openMenu();
    if (!menu?.contains(target as Node)) menu?.removeAttribute("open");
  });
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement) setFull(false);
  });
  listenToKeys(gallery);
}

function listenToKeys(gallery: Gallery): void {
  const help = part("help", HTMLDialogElement);
  onClick("help-button", () => help.showModal());
  part("keys", HTMLElement).append(...KEYS.map(([keys, does]) => {
    const names = keys.split(" ").flatMap((key) => [make("kbd", key), " "]);
    return make("tr", [make("th", names, { scope: "row" }), make("td", does)]);
  }));
  const threshold = (by: number) => () => {
    const slider = input("threshold");
    slider.valueAsNumber += by;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const actions: Record<string, () => void> = {
    m: () => gallery.measure(),
    u: () => gallery.undo(),
    "[": threshold(-0.01),
    "]": threshold(0.01),
    h: () => gallery.hideOverlay(true),
    ...Object.fromEntries(PRESET_NAMES.map((name, i) => [`${i + 1}`, () => {
      gallery.controls.usePreset(name);
      gallery.refresh();
    }])),
  };
  document.addEventListener("keydown", (event) => {
    if (help.open) return;
    // During a run the key cancels the run.
    if (event.key === "Escape" && part("cancel", HTMLElement).hidden) closeOne();
    if (isTyping(event)) return;
    const { key, shiftKey, target } = event;
    const x = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
    const y = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
    if (x !== 0 || y !== 0) {
      if (!(target instanceof HTMLCanvasElement)) return;
      event.preventDefault();
      if (shiftKey) gallery.movePoint(4 * x, 4 * y);
      else gallery.move(-STEP * x, -STEP * y);
      return;
    }
    const pressed = PRESSED[key.toLowerCase()];
    const act = pressed ? () => part(pressed, HTMLElement).click() : actions[key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  document.addEventListener("keyup", ({ key }) => {
    if (key.toLowerCase() === "h") gallery.hideOverlay(false);
  });
  addEventListener("blur", () => gallery.hideOverlay(false));
}

const openMenu = () => document.querySelector(".save[open]");

/** Closes an open menu, or else the drawer. */
function closeOne(): void {
  const menu = openMenu();
  menu?.removeAttribute("open");
  menu?.querySelector("summary")?.focus();
  if (!menu && !part("drawer", HTMLElement).hidden) toggleDrawer();
}

/** Hides all but bar and pictures; the browser's full screen follows where it exists. */
function toggleFull(): void {
  const isFull = !document.documentElement.classList.contains("full");
  setFull(isFull);
  // A browser may refuse, or lack the function: then the pictures fill the window.
  if (isFull) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
}

function setFull(isFull: boolean): void {
  document.documentElement.classList.toggle("full", isFull);
  part("full", HTMLButtonElement).ariaPressed = String(isFull);
}

function toggleDrawer(): void {
  const isOpen = Boolean(part("drawer", HTMLElement).hidden);
  const button = part("drawer-button", HTMLButtonElement);
  show("drawer", isOpen);
  button.ariaExpanded = String(isOpen);
  (isOpen ? part("drawer-close", HTMLButtonElement) : button).focus();
}
