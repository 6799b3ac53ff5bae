/// <reference lib="dom" />

/**
 * Memory of the page over many phrases.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { CLASSES } from "../../datasets/sample.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { ground, pick } from "../../tests/browser/_page.ts";
import { slope } from "../memory/memory.ts";
import { readPageMemory } from "./chromium_memory.ts";
import { onPage, untilStatus, warmServer } from "./served_page.ts";

/** Phrases of one press, and of one X-ray. */
const BATCH = 5;
const ON_XRAY = 10;

/** Phrases until the caches are full; the slope leaves out the samples before. */
const WARM = 20;

/** Memory of the page after a number of phrases. */
export interface MemoryAfter {
  readonly phrases: number;
  /** Bytes of the page's process, workers included, after garbage collection. */
  readonly bytes: number;
}

/** Memory over all phrases. */
export interface PhraseMemory {
  readonly samples: readonly MemoryAfter[];
  /** Bytes that each phrase adds, from {@linkcode WARM} phrases on. */
  readonly slope: number;
}

/** Returns a phrase that differs for every index. */
function phraseOf(index: number): string {
  return `${CLASSES[index % CLASSES.length]!.toLowerCase()}, number ${index}`;
}

/**
 * Grounds different phrases by WebAssembly, and picks a new X-ray after every {@linkcode ON_XRAY}
 * phrases.
 *
 * @param count Number of phrases, a multiple of 5.
 */
export async function measurePhraseMemory(count: number): Promise<PhraseMemory> {
  await using server = await warmServer("cpu");
  const samples = await onPage(server, async (page) => {
    await untilStatus(page, /^Ready\.$/);
    const samples: MemoryAfter[] = [];
    for (let from = 0; from < count; from += BATCH) {
      if (from % ON_XRAY === 0) {
        const xray = drawPhantom({ seed: from });
        await pick(page, `${from}.png`, await grayImage(xray).encode());
        await untilStatus(page, /420 x 512 pixels/);
      }
      await ground(page, Array.from({ length: BATCH }, (_, i) => phraseOf(from + i)));
      await untilStatus(page, /^Done\.$/);
      samples.push(await look(page, from + BATCH));
    }
    return samples;
  });
  const warm = samples.filter(({ phrases }) => phrases >= WARM);
  return { samples, slope: slope(warm.map(({ phrases, bytes }) => [phrases, bytes])) };
}

async function look(page: Page, phrases: number): Promise<MemoryAfter> {
  // WebAssembly's threads are workers too, but are blocked while idle and would never answer.
  const worker = page.workers().find((worker) => worker.url().endsWith("/worker.js"))!;
  for (const scope of [page, worker]) await scope.evaluate(() => globalThis.gc());
  // Other threads free the buffers a little later.
  await page.waitForTimeout(1000);
  return { phrases, bytes: (await readPageMemory(page)).renderer.now };
}
