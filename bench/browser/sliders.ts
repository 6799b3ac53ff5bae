/// <reference lib="dom" />

/**
 * From a slider's move to the next picture.
 *
 * @module
 */

import type { ServerFacts } from "../../web/results.ts";
import { median } from "../median.ts";
import { withLargeRun } from "./large_run.ts";

/** Moves of each slider, after one that is not counted. */
const MOVES = 25;

/** Sliders, by what follows from a move of each. */
const SLIDERS = { sigma: [1, 4], threshold: [0.3, 0.7], opacity: [0.4, 0.8] } as const;

/** Milliseconds from a move to the new heatmap in the picture. */
export interface SliderTimes {
  /** What the page says of where heatmaps are finished. */
  readonly place: string;
  readonly times: Readonly<
    Record<keyof typeof SLIDERS, { readonly median: number; readonly max: number }>
  >;
}

/** Moves sliders over a heatmap of the published model's size on an X-ray of 2544x3056. */
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

/** Moves a slider to and fro in the page, each time until the heatmap that follows is drawn. */
async function move(
  slider: Element,
  { values, count }: { readonly values: readonly [number, number]; readonly count: number },
): Promise<number[]> {
  const times: number[] = [];
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  for (let i = 0; i < count; i++) {
    // What the last move left to be drawn is no part of this one.
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
