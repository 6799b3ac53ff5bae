import { assertEquals } from "@std/assert";
import type { SampleRow } from "../review_api.ts";
import { selectSamples, type Wanted } from "./sample_filter.ts";
import { SHOWN_SCORES } from "./scores.ts";

const [ABS_CNR, , MIOU] = SHOWN_SCORES as [typeof SHOWN_SCORES[0], unknown, typeof SHOWN_SCORES[0]];
const ROWS: SampleRow[] = [
  { index: 0, id: "a", status: "scored", phrase: "Left", category: "Edema", miou: 0.29996 },
  { index: 1, id: "b", status: "failed", category: "Edema", reason: "left out" },
  { index: 2, id: "c", status: "scored", phrase: "right", category: "Opacity", miou: 0.1 },
  { index: 3, id: "d", status: "scored", phrase: "base", category: "Edema", miou: 0.6, absCnr: 1 },
];
const ALL: Wanted = { words: "", category: "", status: "", sort: "dataset", descending: false };

/** Returns the ids of the listed samples, joined. */
function ids(wanted: Partial<Wanted>): string {
  return selectSamples(ROWS, { ...ALL, ...wanted }).rows.map(({ id }) => id).join("");
}

Deno.test("selectSamples() goes by words, class and status", () => {
  assertEquals(ids({}), "abcd");
  assertEquals(ids({ words: "LEFT" }), "ab");
  assertEquals(ids({ category: "Edema" }), "abd");
  assertEquals(ids({ category: "Edema", status: "scored" }), "ad");
});

Deno.test("selectSamples() filters by the listed score's range, and counts samples without the score", () => {
  const range = (from: number, to: number, score = MIOU) => ({ range: { score, from, to } });
  assertEquals(ids(range(NaN, NaN)), "acd");
  assertEquals(ids(range(30, NaN)), "ad");
  assertEquals(ids(range(NaN, 30)), "ac");
  assertEquals(ids(range(10, 30)), "ac");
  assertEquals(ids(range(60, 10)), "");
  assertEquals(ids(range(NaN, 1, ABS_CNR)), "d");
  const unscored = (wanted: Partial<Wanted>) => selectSamples(ROWS, { ...ALL, ...wanted }).unscored;
  assertEquals(unscored(range(0, 100)), 1);
  assertEquals(unscored({ ...range(0, 100), status: "scored" }), 0);
  assertEquals(unscored({}), 0);
});

Deno.test("selectSamples() puts samples without a score first, and equal scores in the dataset's order", () => {
  assertEquals(ids({ sort: MIOU }), "bcad");
  assertEquals(ids({ sort: MIOU, descending: true }), "dacb");
  assertEquals(ids({ sort: "class" }), "abdc");
  assertEquals(ids({ sort: "phrase" }), "badc");
});
