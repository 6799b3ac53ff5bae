// @ts-check
/// <reference lib="dom" />

import { make, part, present } from "./dom.js";
import { paintNearWindow, paintSample } from "./paint.js";

/** @typedef {import("../_rows.ts").PageRow} Row */
/** @typedef {{ rows: Row[], gap: number, order: number }} Sample */

/** @type {import("./draw.js").Style & { columns: string[], opacity: number }} */
const report = JSON.parse(part("report").textContent ?? "");

/** Place of mIoU among the scores, samples that the list grows by, and longer side of a picture. */
const MIOU = 2;
const PAGE = 20;
const SIDE = 380;

/** @param {Row | undefined} row */
const overlap = (row) => row?.scores[MIOU] ?? NaN;

/** @type {Sample[]} */
const samples = JSON.parse(part("rows").textContent ?? "").map(
  (/** @type {Row[]} */ rows, /** @type {number} */ order) => {
    const gaps = rows.slice(1).map((row) => overlap(row) - overlap(rows[0]));
    const known = gaps.filter((gap) => !Number.isNaN(gap));
    // The column that differs most stands for the sample.
    return {
      ...{ rows, order },
      gap: known.sort((a, b) => Math.abs(b) - Math.abs(a))[0] ?? 0,
    };
  },
);

/** @type {Record<string, (a: Sample, b: Sample) => number>} */
const ORDERS = {
  most: (a, b) => Math.abs(b.gap) - Math.abs(a.gap),
  better: (a, b) => b.gap - a.gap,
  worse: (a, b) => a.gap - b.gap,
  order: () => 0,
};

/** @type {(id: string) => HTMLInputElement} */
const inputOf = part;
/** @type {(id: string) => HTMLSelectElement} */
const selectOf = part;
// The page's modules share one scope, in which `outline` is a function already.
const input = {
  ...{ search: inputOf("search"), opacity: inputOf("opacity") },
  ...{ boxes: inputOf("boxes"), outline: inputOf("outline") },
};
const select = { category: selectOf("category"), sort: selectOf("sort") };

/** @type {Map<HTMLElement, Row>} */
const places = new Map();
/** @type {Sample[]} */
let shown = [];
let count = 0;

/** @returns {import("./draw.js").Display} */
const display = () => ({
  opacity: Number(input.opacity.value) / 100,
  threshold: undefined,
  ...{ boxes: input.boxes.checked, outline: input.outline.checked },
});

/** @param {HTMLElement} place */
const paint = (place) => paintSample(present(places.get(place)), place, SIDE, display, report);

const { visible, watcher } = paintNearWindow(paint, 300);

/** @param {Sample} sample */
function makeSample({ rows }) {
  const first = present(rows[0]);
  const figures = rows.map((row, i) => {
    const place = make("div");
    places.set(place, row);
    watcher.observe(place);
    const scores = row.texts.length > 0
      ? `mIoU ${row.texts[MIOU]} %, CNR ${row.texts[1]}`
      : [row.status, row.reason].filter(Boolean).join(": ");
    const name = make("b", {}, present(report.columns[i]));
    return make("figure", {}, place, make("figcaption", {}, name, ` ${scores}`));
  });
  return make(
    "article",
    {},
    make("div", { class: "phrase" }, first.phrase || "(no phrase)"),
    make("div", { class: "quiet" }, `${first.category} · ${first.id}`),
    make("div", { class: "columns" }, ...figures),
  );
}

function showMore() {
  part("list").append(...shown.slice(count, count + PAGE).map(makeSample));
  count = Math.min(count + PAGE, shown.length);
  part("more").hidden = count === shown.length;
}

function refresh() {
  const words = input.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = samples.filter(({ rows: [row] }) => {
    const { phrase, id, category: own } = present(row);
    const text = `${phrase}\n${id}\n${own}`.toLowerCase();
    return (!select.category.value || own === select.category.value) &&
      words.every((word) => text.includes(word));
  }).sort((a, b) => present(ORDERS[select.sort.value])(a, b) || a.order - b.order);
  part("count").textContent = `${shown.length} of ${samples.length} samples`;
  watcher.disconnect();
  visible.clear();
  places.clear();
  part("list").replaceChildren();
  count = 0;
  showMore();
}

const classes = [...new Set(samples.map(({ rows }) => present(rows[0]).category))].sort();
select.category.replaceChildren(
  make("option", { value: "" }, "all"),
  ...classes.map((name) => make("option", { value: name }, name)),
);
input.opacity.value = String(Math.round(100 * report.opacity));
for (const element of [input.opacity, input.boxes, input.outline]) {
  element.addEventListener("input", () => visible.forEach((place) => paint(place)));
}
input.search.addEventListener("input", refresh);
for (const element of Object.values(select)) element.addEventListener("change", refresh);
part("controls").addEventListener("submit", (event) => event.preventDefault());
part("more").addEventListener("click", showMore);
refresh();
performance.mark("ready");
