// @ts-check
/// <reference lib="dom" />

import { largeView } from "./details.js";
import { make, part, present } from "./dom.js";
import { paintNearWindow, paintSample } from "./paint.js";
import { chooseRows, makeRow } from "./rows.js";

/** @typedef {import("./rows.js").Row} Row */

/** @type {import("./draw.js").Style & { variants: string[], scores: string[], opacity: number }} */
const report = JSON.parse(part("report").textContent ?? "");
/** @type {Row[]} */
const rows = JSON.parse(part("rows").textContent ?? "");

/** Rows that the table grows by. */
const PAGE = 100;

/** Longer sides of a small and of the large picture in CSS pixels. */
const SMALL = 136;
const LARGE = 760;

const COLUMNS = [
  { key: "", label: "X-ray", style: "picture" },
  { key: "phrase", label: "Phrase", style: "about" },
  { key: "category", label: "Class", style: "class" },
  ...report.scores.map((label, i) => ({ key: `score${i}`, label, style: "number" })),
  { key: "status", label: "Status", style: "state" },
];

/** @type {(id: string) => HTMLInputElement} */
const inputOf = part;
const input = {
  ...{ search: inputOf("search"), opacity: inputOf("opacity"), otsu: inputOf("otsu") },
  ...{ threshold: inputOf("threshold"), boxes: inputOf("boxes"), outline: inputOf("outline") },
};
/** @type {(id: string) => HTMLSelectElement} */
const selectOf = part;
const select = {
  ...{ setting: selectOf("setting"), category: selectOf("category") },
  ...{ status: selectOf("status"), sort: selectOf("sort") },
};
let isDescending = false;
/** @type {Row[]} */
let shown = [];
let count = 0;

/** @returns {import("./draw.js").Display} */
function display() {
  return {
    opacity: Number(input.opacity.value) / 100,
    threshold: input.otsu.checked ? undefined : Number(input.threshold.value),
    boxes: input.boxes.checked,
    outline: input.outline.checked,
  };
}

/**
 * @param {Row} row
 * @param {HTMLElement} place
 * @param {number} longer
 */
const paint = (row, place, longer) => paintSample(row, place, longer, display, report);

const { visible, watcher } = paintNearWindow(paintSmall, 200);

/** @param {HTMLElement} place */
function paintSmall(place) {
  paint(present(rows[Number(place.dataset.n)]), place, SMALL);
}

const large = largeView((row, place) => paint(row, place, LARGE), report.scores);

let isDue = false;
/** Draws all visible pictures again; several calls before the next frame draw only once. */
function repaint() {
  part("opacity-value").textContent = `${input.opacity.value} %`;
  part("threshold-value").textContent = input.otsu.checked
    ? "as scored"
    : Number(input.threshold.value).toFixed(2);
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    for (const button of visible) paintSmall(button);
    large.repaint();
  });
}

/** Appends the next chosen rows to the table. */
function showMore() {
  const added = shown.slice(count, count + PAGE).map((row) => makeRow(row, report.scores));
  part("body").append(...added);
  for (const row of added) watcher.observe(/** @type {Element} */ (row.querySelector(".open")));
  count += added.length;
  const more = part("more");
  more.hidden = count >= shown.length;
  more.textContent = `Show ${Math.min(PAGE, shown.length - count)} more`;
}

/** Chooses the rows again and shows the first of them. */
function refresh() {
  const sort = select.sort.value;
  shown = chooseRows(rows, {
    text: input.search.value,
    setting: select.setting.value,
    category: select.category.value,
    status: select.status.value,
    ...{ sort, isDescending },
  });
  const all = rows.filter(({ setting }) => setting === null || setting === select.setting.value);
  part("count").textContent = shown.length === 0
    ? `No sample of ${all.length} is like that.`
    : `${shown.length} of ${all.length} samples`;
  part("direction").textContent = isDescending ? "Descending" : "Ascending";
  for (const head of document.querySelectorAll("#head [data-key]")) {
    const isSorted = head.getAttribute("data-key") === sort;
    const order = isDescending ? "descending" : "ascending";
    head.setAttribute("aria-sort", isSorted ? order : "none");
    const mark = head.querySelector("[aria-hidden]");
    if (mark) mark.textContent = isSorted ? isDescending ? " ▾" : " ▴" : "";
  }
  watcher.disconnect();
  visible.clear();
  part("body").replaceChildren();
  count = 0;
  showMore();
}

/** @param {string} key */
function sortBy(key) {
  // Scores begin with the best, names with A.
  isDescending = select.sort.value === key ? !isDescending : key.startsWith("score");
  select.sort.value = key;
  refresh();
}

/**
 * @param {keyof typeof select} id
 * @param {readonly (readonly [value: string, text: string])[]} options
 */
function offer(id, options) {
  select[id].replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
}

/** @param {(row: Row) => string} key */
function counted(key) {
  const first = rows.filter(({ setting }) => setting === null || setting === report.variants[0]);
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const row of first) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1);
  return [...counts].filter(([name]) => name).map((
    [name, number],
  ) => /** @type {const} */ ([name, `${name} (${number})`]));
}

for (const { key, label, style } of COLUMNS) {
  const mark = make("span", { "aria-hidden": "true" });
  const head = make("th", { scope: "col", class: style }, key ? "" : label);
  if (key) {
    const button = make("button", { type: "button" }, label, mark);
    button.addEventListener("click", () => sortBy(key));
    head.dataset.key = key;
    head.append(button);
  }
  part("head").append(head);
}
offer("setting", report.variants.map((name) => [name, name]));
part("setting-field").hidden = report.variants.length < 2;
offer("category", [["", "all"], ...counted(({ category }) => category).sort()]);
offer("status", [
  ["", "all"],
  ...counted(({ status }) => status),
  ...counted(({ status, stage }) => stage && `${status} ${stage}`),
]);
offer("sort", [
  ["order", "order of the dataset"],
  ["id", "id"],
  ...COLUMNS.filter(({ key }) => key).map(({ key, label }) => /** @type {const} */ ([key, label])),
]);

input.opacity.value = String(Math.round(100 * report.opacity));
for (const element of [input.opacity, input.otsu, input.boxes, input.outline]) {
  element.addEventListener("input", repaint);
}
input.threshold.addEventListener("input", () => {
  input.otsu.checked = false;
  repaint();
});
input.search.addEventListener("input", refresh);
for (const element of Object.values(select)) {
  element.addEventListener("change", () => {
    if (element === select.sort) isDescending = select.sort.value.startsWith("score");
    refresh();
  });
}
part("direction").addEventListener("click", () => {
  isDescending = !isDescending;
  refresh();
});
part("reset").addEventListener("click", () => {
  for (const element of [input.search, select.category, select.status]) element.value = "";
  refresh();
});
part("controls").addEventListener("submit", (event) => event.preventDefault());
part("more").addEventListener("click", showMore);
new IntersectionObserver(([entry]) => {
  if (entry?.isIntersecting && !part("more").hidden) showMore();
}, { rootMargin: "600px" }).observe(part("more"));
part("body").addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest(".open") : null;
  if (!(button instanceof HTMLElement)) return;
  large.open(shown, shown.indexOf(present(rows[Number(button.dataset.n)])));
});
part("body").addEventListener("keydown", (event) => {
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (by === 0 || !(event.target instanceof HTMLElement)) return;
  const row = event.target.closest("tr");
  const to = by > 0 ? row?.nextElementSibling : row?.previousElementSibling;
  /** @type {HTMLElement | null | undefined} */
  const button = to?.querySelector(".open");
  if (!button) return;
  event.preventDefault();
  button.focus();
});

const dark = matchMedia("(prefers-color-scheme: dark)");
/** @type {boolean | undefined} */
let isDark;
function showTheme() {
  part("theme").setAttribute("aria-pressed", String(isDark ?? dark.matches));
  if (isDark !== undefined) document.documentElement.style.colorScheme = isDark ? "dark" : "light";
}
dark.addEventListener("change", showTheme);
part("theme").addEventListener("click", () => {
  isDark = !(isDark ?? dark.matches);
  showTheme();
});

// A leaderboard's link names the setting, and shows its samples.
const linked = new URLSearchParams(location.hash.slice(1)).get("setting");
if (linked !== null && report.variants.includes(linked)) select.setting.value = linked;

document.addEventListener("DOMContentLoaded", () => {
  if (linked !== null) part("samples").scrollIntoView();
  const missing = document.getElementById("missing");
  if (missing) document.querySelector("main")?.prepend(missing);
});
showTheme();
repaint();
refresh();
performance.mark("ready");
