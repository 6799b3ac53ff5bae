/// <reference lib="dom" />

/**
 * A run of X-rays as detectors make them, reviewed in the page.
 *
 * @module
 */

import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { drawPhantom } from "../../mod.ts";
import type { ServerFacts } from "../../web/results.ts";
import { ServedRun } from "../../web/server/served_run.ts";
import { makeRun } from "../report/made_up_run.ts";
import { onPage, warmServer } from "./served_page.ts";

/** Different X-rays, at most. */
const PHANTOMS = 4;

/**
 * Opens a run of JPEG X-rays of 2544x3056, as MIMIC-CXR-JPG has them, and waits for the first
 * heatmap.
 *
 * @param samples How many it has, each with a file of its own.
 * @param device Where the page is to finish heatmaps.
 * @param use What is done with the page.
 */
export async function withLargeRun<T>(
  samples: number,
  device: ServerFacts["device"],
  use: (page: Page) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
  try {
    const xrays: string[] = [];
    for (let seed = 1; seed <= Math.min(samples, PHANTOMS); seed++) {
      const xray = grayImage(drawPhantom({ seed, width: 2544, height: 3056 }));
      xrays.push(`${folder}/xray${seed}.jpg`);
      await Deno.writeFile(xrays.at(-1)!, await xray.encodeJPEG(95));
    }
    await makeRun(folder, xrays, { samples, xrays: samples });
    using run = await ServedRun.open(`${folder}/run`);
    await using server = await warmServer(device, run);
    return await onPage(server, async (page) => {
      await page.waitForFunction(() => globalThis.drawn.length > 0);
      return await use(page);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
