// @ts-check
/// <reference lib="dom" />

import { make, present } from "./dom.js";

/** @typedef {import("../_rows.ts").PageRow} Row */

/**
 * @typedef {object} Choice
 * @property {string} text words to search for; a row must contain all words
 * @property {string} setting
 * @property {string} category empty for all
 * @property {string} status empty for all; a status, or `status stage`
 * @property {string} sort
 * @property {boolean} isDescending
 */

/** @type {Record<string, (row: Row) => string | number | undefined>} */
const KEYS = {
  order: (row) => row.n,
  phrase: (row) => row.phrase,
  category: (row) => row.category,
  id: (row) => row.id,
  status: (row) => row.status,
  ...Object.fromEntries(
    [0, 1, 2, 3].map((i) => [`score${i}`, (/** @type {Row} */ row) => row.scores[i]]),
  ),
};

const collator = new Intl.Collator("en", { numeric: true });

/**
 * Filters and sorts the rows; rows without a value come last in either direction.
 *
 * @param {readonly Row[]} rows
 * @param {Choice} choice
 */
export function chooseRows(rows, { text, setting, category, status, sort, isDescending }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const key = present(KEYS[sort]);
  const sign = isDescending ? -1 : 1;
  return rows.filter((row) => {
    if (row.setting !== null && row.setting !== setting) return false;
    if (category && row.category !== category) return false;
    if (status && status !== row.status && status !== `${row.status} ${row.stage}`) return false;
    const all = `${row.phrase}\n${row.id}\n${row.category}\n${row.reason}`.toLowerCase();
    return words.every((word) => all.includes(word));
  }).sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    if (left === undefined || right === undefined) {
      return Number(left === undefined) - Number(right === undefined) || a.n - b.n;
    }
    const order = typeof left === "number" && typeof right === "number"
      ? left - right
      : collator.compare(String(left), String(right));
    return sign * order || a.n - b.n;
  });
}

/**
 * @param {Row} row
 * @param {readonly string[]} labels of the scores
 */
export function makeRow(row, labels) {
  const out = row.reason ? [make("div", { class: "bad" }, `${row.stage}: ${row.reason}`)] : [];
  const notes = row.notes.map((note) => make("div", { class: "quiet" }, note));
  const open = make("button", {
    type: "button",
    class: "open",
    "data-n": String(row.n),
    "aria-label": `Details of ${row.phrase || row.id}`,
  });
  return make(
    "tr",
    {},
    make("td", { class: "picture" }, open),
    make(
      "td",
      { class: "about" },
      make("div", { class: "phrase" }, row.phrase || "(no phrase)"),
      make("div", { class: "quiet" }, row.id),
      ...notes,
      ...out,
    ),
    make("td", { class: "class" }, row.category),
    ...labels.map((label, i) =>
      make(
        "td",
        { class: row.texts[i] ? "number" : "number none", "data-label": label },
        row.texts[i] ?? "–",
      )
    ),
    make("td", { class: row.status === "failed" ? "state bad" : "state" }, row.status),
  );
}
