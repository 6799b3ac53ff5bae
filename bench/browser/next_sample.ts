/// <reference lib="dom" />

/**
 * From a key to the next sample of a run.
 *
 * @module
 */

import { grayImage } from "../../datasets/_gray_image.ts";
import { drawPhantom } from "../../mod.ts";
import { ServedRun } from "../../web/server/served_run.ts";
import { median } from "../median.ts";
import { makeRun } from "../report/made_up_run.ts";
import { onPage, warmServer } from "./served_page.ts";

/** Samples of the run, each with an X-ray of its own. */
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

/** Goes through a run of JPEG X-rays of 2544x3056, as MIMIC-CXR-JPG has them. */
export async function measureNextSample(): Promise<NextSample[]> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
  try {
    const xrays = [];
    for (let seed = 1; seed <= 4; seed++) {
      const xray = grayImage(drawPhantom({ seed, width: 2544, height: 3056 }));
      xrays.push(`${folder}/xray${seed}.jpg`);
      await Deno.writeFile(xrays.at(-1)!, await xray.encodeJPEG(95));
    }
    await makeRun(folder, xrays, { samples: SAMPLES, xrays: SAMPLES });
    await using server = await warmServer("cpu", await ServedRun.open(`${folder}/run`));
    return await onPage(server, async (page) => {
      await page.waitForFunction(() => globalThis.drawn.length > 0);
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
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
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
