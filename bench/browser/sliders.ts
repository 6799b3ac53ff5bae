/// <reference lib="dom" />

/**
 * Time from a slider's move to the next picture.
 *
 * @module
 */

import type { ServerFacts } from "../../web/results.ts";
import { median } from "../median.ts";
import { withLargeRun } from "./large_run.ts";

/** Timed moves of each slider; one untimed move comes before them. */
const MOVES = 25;

/** The two values between which each slider moves, by the slider's id. */
const SLIDERS = { sigma: [1, 4], threshold: [0.3, 0.7], opacity: [0.4, 0.8] } as const;

/** Milliseconds from a slider's move to the drawn heatmap. */
export interface SliderTimes {
  /** The page's own text about the device that finishes heatmaps. */
  readonly place: string;
  readonly times: Readonly<
    Record<keyof typeof SLIDERS, { readonly median: number; readonly max: number }>
  >;
}

/** Moves the sliders over a heatmap of the published model's size on an X-ray of 2544x3056. */
export function measureSliders(device: ServerFacts["device"]): Promise<SliderTimes> {
  return withLargeRun(1, device, async (page) => {
    const entries: [string, { median: number; max: number }][] = [];
    for (const [id, values] of Object.entries(SLIDERS)) {
      const times = await page.locator(`#${id}`).evaluate(move, { values, count: MOVES + 1 });
      const counted = times.slice(1);
      entries.push([id, { median: median(counted), max: Math.max(...counted) }]);
    }
    const place = (await page.locator("#finished-on").textContent())!;
    return { place, times: Object.fromEntries(entries) as SliderTimes["times"] };
  });
}

/** Moves a slider to and fro in the page, and waits after each move until the heatmap is drawn. */
async function move(
  slider: Element,
  { values, count }: { readonly values: readonly [number, number]; readonly count: number },
): Promise<number[]> {
  const times: number[] = [];
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  for (let i = 0; i < count; i++) {
    // Wait three frames, so that a late drawing of the last move is not taken for this move.
    for (let rest = 0; rest < 3; rest++) await frame();
    const before = globalThis.drawn.length;
    const began = performance.now();
    (slider as HTMLInputElement).value = String(values[i % 2]);
    slider.dispatchEvent(new Event("input"));
    while (globalThis.drawn.length === before) await frame();
    times.push(globalThis.drawn[before]! - began);
  }
  return times;
}
