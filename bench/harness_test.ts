import { assert, assertEquals } from "@std/assert";
import { median, slope, spreadOfRatios, timeInTurn } from "./harness.ts";

Deno.test("median() takes the middle, or the higher of the two in the middle", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 3]), 3);
  assertEquals(median([7]), 7);
});

Deno.test("spreadOfRatios() takes the median of the rounds' ratios, not the ratio of medians", () => {
  assertEquals(spreadOfRatios([2, 30, 8], [1, 10, 2]), "3.00 (2.00 to 4.00)");
  assertEquals(spreadOfRatios([1], [3], 3), "0.333 (0.333 to 0.333)");
});

Deno.test("timeInTurn() alternates and leaves the warm-up out", async () => {
  const order: string[] = [];
  const [one, other] = await timeInTurn([
    () => order.push("one") > 2 ? 2 : 99,
    () => void order.push("other"),
  ], 2);
  assertEquals(order.join(" "), "one other one other one other");
  assertEquals(one, [2, 2]);
  assertEquals(other!.length, 2);
  assert(other!.every((time) => time >= 0 && time < 2));
});

Deno.test("slope() is that of the line nearest to the points", () => {
  assertEquals(slope([[0, 5], [1, 5], [2, 5]]), 0);
  assertEquals(slope([[10, 1], [20, 3], [30, 3], [40, 5]]), 0.12);
});
