/// <reference lib="dom" />

/**
 * Time from a key press to the next sample of a run.
 *
 * @module
 */

import { median } from "../median.ts";
import { withLargeRun } from "./large_run.ts";

/** Samples in the run. */
const SAMPLES = 40;

/** Milliseconds from one key to the next. */
const PACES = [1000, 400];

/** Milliseconds from the key press to the drawn sample, at one pace. */
export interface NextSample {
  /** Milliseconds from one key to the next. */
  readonly pace: number;
  readonly median: number;
  readonly max: number;
}

/** Goes through the run once; each pace of {@linkcode PACES} gets an equal part of the samples. */
export function measureNextSample(): Promise<NextSample[]> {
  return withLargeRun(SAMPLES, "cpu", async (page) => {
    // Wait until the page has read ahead, so that the first sample's read-ahead is not timed.
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

/** Presses the key for the next sample at a steady pace; runs in the page. */
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
