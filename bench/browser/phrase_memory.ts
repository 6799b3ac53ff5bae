/// <reference lib="dom" />

import "../../base/host/deno/mod.ts";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { CLASSES } from "../../datasets/sample.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { ground, pick } from "../../tests/support/page.ts";
import { collectGarbage, readPageMemory } from "./chromium_memory.ts";
import { onPage, untilStatus, warmServer } from "./served_page.ts";

/** Phrases of one press, and of one X-ray. */
const BATCH = 5;
const ON_XRAY = 10;

/** Returns a phrase that differs for every index. */
function phraseOf(index: number): string {
  return `${CLASSES[index % CLASSES.length]!.toLowerCase()}, number ${index}`;
}

/**
 * Measures memory: grounds different phrases by WebAssembly, and picks a new X-ray after every {@linkcode ON_XRAY}
 * phrases.
 *
 * @param count Number of phrases, a multiple of 5.
 * @returns The rows of the page's process after few phrases and after all.
 */
export async function measurePhraseMemory(count: number): Promise<string[]> {
  await using server = await warmServer("cpu");
  const samples = await onPage(server, async (page) => {
    await untilStatus(page, /^Ready\.$/);
    const samples: [phrases: number, bytes: number][] = [];
    for (let from = 0; from < count; from += BATCH) {
      if (from % ON_XRAY === 0) {
        const xray = drawPhantom({ seed: from });
        await pick(page, `${from}.png`, await grayImage(xray).encode());
        await page.locator("#xray", { hasText: `${from}.png, 420 x 512` }).waitFor();
      }
      await ground(page, Array.from({ length: BATCH }, (_, i) => phraseOf(from + i)));
      await untilStatus(page, /^Done\.$/);
      samples.push([from + BATCH, await collected(page)]);
    }
    return samples;
  });
  return [samples[0]!, samples.at(-1)!].map(([phrases, bytes]) =>
    `| the page's process after ${phrases} phrases | ${(bytes / 1e6).toFixed(0)} MB |`
  );
}

/** Bytes of the page's process, workers included, after garbage collection. */
async function collected(page: Page): Promise<number> {
  await collectGarbage(page);
  return (await readPageMemory(page)).now;
}
