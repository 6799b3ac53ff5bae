/// <reference lib="dom" />

/**
 * From a key to the next sample of a run.
 *
 * @module
 */

import { median } from "../median.ts";
import { withLargeRun } from "./large_run.ts";

/** Samples of the run. */
const SAMPLES = 40;

/** Milliseconds from one key to the next. */
const PACES = [1000, 400];

/** Milliseconds from the key to the sample in the page, by somebody who goes through a run. */
export interface NextSample {
  /** Milliseconds from one key to the next. */
  readonly pace: number;
  readonly median: number;
  readonly max: number;
}

/** Goes through a run. */
export function measureNextSample(): Promise<NextSample[]> {
  return withLargeRun(SAMPLES, "cpu", async (page) => {
    // Nothing that the first sample has read ahead counts.
    await page.waitForTimeout(2000);
    const measured: NextSample[] = [];
    for (const pace of PACES) {
      const count = Math.floor((SAMPLES - 1) / PACES.length);
      const times = await page.locator("#list").evaluate(goThrough, { pace, count });
      measured.push({ pace, median: median(times), max: Math.max(...times) });
    }
    return measured;
  });
}

/** Presses the key for the next sample at a steady pace, in the page. */
async function goThrough(
  list: Element,
  { pace, count }: { readonly pace: number; readonly count: number },
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const before = globalThis.drawn.length;
    const began = performance.now();
    list.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
    while (globalThis.drawn.length === before) await new Promise(requestAnimationFrame);
    times.push(globalThis.drawn[before]! - began);
    await new Promise((resolve) => setTimeout(resolve, began + pace - performance.now()));
  }
  return times;
}
