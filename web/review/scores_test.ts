import { assertEquals } from "@std/assert";
import type { SampleRow } from "../review_api.ts";
import { factsOf } from "./scores.ts";

const row = { id: "a", index: 0, phrase: "x", category: "y" } as unknown as SampleRow;

Deno.test("factsOf() names scores, predicted boxes, or why a sample has none", () => {
  const scored = { ...row, status: "scored", absCnr: 1.25, miou: 0.5 } as SampleRow;
  assertEquals(factsOf(scored), "|CNR| 1.25, mIoU % 50.0");
  assertEquals(factsOf(scored, ["[1, 2, 3, 4]"]), "[1, 2, 3, 4], IoU 50.0 %");
  const failed = { ...row, status: "failed", reason: "no such file" } as SampleRow;
  assertEquals(factsOf(failed), "failed: no such file");
  assertEquals(factsOf({ ...row, status: "grounded" } as SampleRow), "");
});
