/// <reference lib="dom" />

/**
 * A run of X-rays at a detector's resolution, reviewed in the page.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import type { ServerFacts } from "../../web/results.ts";
import { ServedRun } from "../../web/server/served_run.ts";
import { makeRun } from "../report/made_up_run.ts";
import { onPage, warmServer } from "./served_page.ts";

/** Highest number of different X-rays. */
const PHANTOMS = 4;

/**
 * Opens a run of JPEG X-rays of 2544x3056, the size in MIMIC-CXR-JPG, and waits for the first
 * heatmap.
 *
 * @param samples Number of samples; each has an image file of its own.
 * @param device Device on which the page finishes heatmaps.
 * @param use Receives the page.
 * @returns The result of `use`.
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
