import { assert, assertEquals } from "@std/assert";
import { spreadOf, timeInTurn } from "./rounds.ts";

Deno.test("spreadOf() takes the middle, or the mean of the two in the middle", () => {
  assertEquals(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, runs: 3 });
  assertEquals(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4, runs: 4 });
  assertEquals(spreadOf([7]), { median: 7, min: 7, max: 7, runs: 1 });
});

Deno.test("timeInTurn() alternates, leaves warm-ups out and lets slow ones rest", async () => {
  const order: string[] = [];
  const contender = (name: string, milliseconds: number) => ({
    run: () => {
      order.push(name);
      return milliseconds;
    },
  });
  const [fast, slow] = await timeInTurn([contender("fast", 1), contender("slow", 300)], {
    rounds: 6,
    warmUps: 1,
  });
  assertEquals(order.join(" "), "fast slow fast slow fast fast fast fast fast slow");
  assertEquals([fast!.runs, slow!.runs], [6, 2]);
});

Deno.test("timeInTurn() stops when its time is over, after three rounds", async () => {
  const [spread] = await timeInTurn([{ run: () => {} }], { rounds: 99, seconds: 0 });
  assertEquals(spread!.runs, 3);
  assert(spread!.max < 1000);
});
