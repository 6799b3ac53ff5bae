import { assertEquals } from "@std/assert";
import type { SampleRow } from "../review_api.ts";
import { gapOf, groupSamples, selectSamples, type Wanted } from "./sample_filter.ts";
import { SHOWN_SCORES } from "./scores.ts";

const [ABS_CNR, , MIOU] = SHOWN_SCORES as [typeof SHOWN_SCORES[0], unknown, typeof SHOWN_SCORES[0]];
const ROWS: SampleRow[] = [
  { index: 0, id: "a", status: "scored", phrase: "Left", category: "Edema", miou: 0.29996 },
  { index: 1, id: "b", status: "failed", category: "Edema", reason: "left out" },
  { index: 2, id: "c", status: "scored", phrase: "right", category: "Opacity", miou: 0.1 },
  { index: 3, id: "d", status: "scored", phrase: "base", category: "Edema", miou: 0.6, absCnr: 1 },
];
const SAMPLES = groupSamples(ROWS);
const ALL: Wanted = {
  ...{ words: "", category: "", status: "", method: "" },
  ...{ sort: "dataset", descending: false },
};

/** Returns the ids of the listed samples, joined. */
function ids(wanted: Partial<Wanted>): string {
  const { samples } = selectSamples(SAMPLES, { ...ALL, ...wanted });
  return samples.map(({ rows: [row] }) => row!.id).join("");
}

Deno.test("selectSamples() goes by words, class and status", () => {
  assertEquals(ids({}), "abcd");
  assertEquals(ids({ words: "LEFT" }), "ab");
  assertEquals(ids({ words: "edema left" }), "ab");
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
  const unscored = (wanted: Partial<Wanted>) =>
    selectSamples(SAMPLES, { ...ALL, ...wanted }).unscored;
  assertEquals(unscored(range(0, 100)), 1);
  assertEquals(unscored({ ...range(0, 100), status: "scored" }), 0);
  assertEquals(unscored({}), 0);
});

Deno.test("selectSamples() puts samples without a score last, and equal scores in the dataset's order", () => {
  assertEquals(ids({ sort: MIOU }), "cadb");
  assertEquals(ids({ sort: MIOU, descending: true }), "dacb");
  assertEquals(ids({ sort: "class" }), "abdc");
  assertEquals(ids({ sort: "phrase" }), "badc");
});

Deno.test("selectSamples() compares the methods of a sample", () => {
  const row = (id: string, setting: string, miou?: number): SampleRow => ({
    ...{ index: 0, id, status: "scored", setting, ...(miou !== undefined && { miou }) },
  });
  const samples = groupSamples([
    ...[row("a", "one", 0.5), row("a", "two", 0.25), row("a", "three", 0.625)],
    ...[row("b", "one", 0.5), row("b", "two", 1)],
    ...[row("c", "one", 0.5), row("c", "two")],
  ]);
  assertEquals(samples.map(gapOf), [-0.25, 0.5, undefined]);
  const order = (wanted: Partial<Wanted>) =>
    selectSamples(samples, { ...ALL, ...wanted }).samples.map(({ rows: [row] }) => row!.id).join(
      "",
    );
  assertEquals(order({ sort: "gap" }), "abc");
  assertEquals(order({ sort: "most", descending: true }), "bac");
  assertEquals(order({ sort: MIOU, method: "two", descending: true }), "bac");
});
