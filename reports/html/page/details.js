// @ts-check
/// <reference lib="dom" />

import { make, part, present } from "./dom.js";

/**
 * Sets up the large view, which shows one sample after another.
 *
 * @param {(row: import("./rows.js").Row, place: HTMLElement) => void} paint
 * @param {readonly string[]} labels of the scores
 */
export function largeView(paint, labels) {
  /** @type {HTMLDialogElement} */
  const dialog = part("details");
  /** @type {HTMLButtonElement} */
  const previous = part("previous");
  /** @type {HTMLButtonElement} */
  const next = part("next");
  const place = part("large-place");
  /** @type {readonly import("./rows.js").Row[]} */
  let rows = [];
  let at = 0;
  const current = () => present(rows[at]);

  const show = () => {
    const row = current();
    part("position").textContent = `${at + 1} of ${rows.length}`;
    // `disabled` would take the focus from the button when a reader reaches the end.
    previous.setAttribute("aria-disabled", String(at === 0));
    next.setAttribute("aria-disabled", String(at === rows.length - 1));
    part("details-title").textContent = row.phrase || "(no phrase)";
    /** @type {[string, string][]} */
    const facts = [
      ["class", row.category],
      ["status", row.status],
      ...labels.map((label, i) => /** @type {[string, string]} */ ([label, row.texts[i] ?? ""])),
      ["Otsu's threshold", row.threshold === null ? "" : row.threshold.toFixed(3)],
      ["setting", row.setting ?? ""],
      ["id", row.id],
      ["image", row.path],
      ["grey", document.getElementById(`image-${row.image}`)?.dataset.grey ?? ""],
      ["boxes", row.boxes.map((box) => `[${box.join(", ")}]`).join(" ")],
      ["masks", (row.masks ?? []).join("; ")],
      ["predicted", row.found?.join("; ") ?? ""],
      ["notes", row.notes.join("; ")],
      ["stage", row.stage],
      ["reason", row.reason],
    ];
    part("details-facts").replaceChildren(
      ...facts.filter(([, text]) => text).flatMap((
        [name, text],
      ) => [make("dt", {}, name), make("dd", {}, text)]),
    );
    paint(row, place);
  };
  /** @param {number} by */
  const step = (by) => {
    const to = at + by;
    if (to < 0 || to >= rows.length) return;
    at = to;
    show();
  };
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  part("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    // Inside a slider the arrow keys move the slider.
    if (event.target instanceof HTMLInputElement && event.target.type === "range") return;
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => {
    part("display-place").append(part("display"));
    /** @type {HTMLElement | null} */
    const button = document.querySelector(`.open[data-n="${current().n}"]`);
    button?.focus();
  });
  return {
    /** Draws the large view again, if it is open. */
    repaint() {
      if (dialog.open) paint(current(), place);
    },
    /**
     * @param {readonly import("./rows.js").Row[]} shown
     * @param {number} index
     */
    open(shown, index) {
      [rows, at] = [shown, index];
      part("details-display").append(part("display"));
      dialog.showModal();
      show();
    },
  };
}
