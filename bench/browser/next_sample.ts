/// <reference lib="dom" />

import { grayImage } from "../../images/gray_image.ts";
import { drawPhantom } from "../../mod.ts";
import { ServedRun } from "../../web/server/served_run.ts";
import { inFolder, median } from "../harness.ts";
import { makeRun } from "./made_up_run.ts";
import { onPage, warmServer } from "./served_page.ts";

/** Samples in the run, and different X-rays. */
const SAMPLES = 20;
const PHANTOMS = 4;

/** Milliseconds from one key to the next. */
const PACE = 1000;

/**
 * Goes through a run of JPEG X-rays of 2544x3056, the size in MIMIC-CXR-JPG.
 *
 * @returns The row of the time from key to picture.
 */
export function measureNextSample(): Promise<string[]> {
  return inFolder(async (folder) => {
    const xrays: string[] = [];
    for (let seed = 1; seed <= PHANTOMS; seed++) {
      const xray = grayImage(drawPhantom({ seed, width: 2544, height: 3056 }));
      xrays.push(`${folder}/xray${seed}.jpg`);
      await Deno.writeFile(xrays.at(-1)!, await xray.encodeJPEG(95));
    }
    await makeRun(folder, xrays, SAMPLES);
    using run = await ServedRun.open(`${folder}/run`);
    await using server = await warmServer("cpu", run);
    return await onPage(server, async (page) => {
      await page.waitForFunction(() => globalThis.drawn.length > 0);
      // Wait until the page has read ahead, so that the first sample's read-ahead is not timed.
      await page.waitForTimeout(2000);
      const options = { pace: PACE, count: SAMPLES - 1 };
      const times = await page.locator("#list").evaluate(goThrough, options);
      return [`| the next sample, a key every ${PACE} ms | ${median(times).toFixed(0)} ms |`];
    });
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
