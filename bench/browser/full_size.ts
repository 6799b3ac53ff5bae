/// <reference lib="dom" />

import "../../base/host/deno/mod.ts";
import type { Page } from "playwright-core";
import { gigabytes, inFolder, median } from "../harness.ts";
import { writeSeededBundle } from "../unet/seeded_bundle.ts";
import { withPeak } from "./chromium_memory.ts";
import { onPage, untilStatus, warmServer } from "./served_page.ts";

/** Passes to wait for. The first also encodes image and text, so it stays out of the median. */
const PASSES = 4;

/**
 * Writes the model to a temporary folder, opens it in the page and runs {@linkcode PASSES} passes.
 *
 * @returns Rows of the time and the memory that this takes.
 */
export function measureFullSize(): Promise<string[]> {
  return inFolder(async (folder) => {
    await writeSeededBundle(folder);
    await using server = await warmServer("cpu");
    const inPage = await onPage(server, (page) => openAndRun(page, folder));
    const bytes = await sizeOf(folder);
    const times = (peak: number) => `${(peak / bytes).toFixed(2)} x its files`;
    return [
      `| the published size, ${gigabytes(bytes)} GB, opens in | ${inPage.opened.toFixed(0)} s |`,
      `| the page's process at most | ${times(inPage.peak)} |`,
      `| a pass | ${inPage.pass.toFixed(1)} s |`,
    ];
  });
}

async function openAndRun(page: Page, folder: string) {
  await untilStatus(page, /^Ready\.$/);
  await page.getByText("Model", { exact: true }).click();
  await page.getByLabel("Model's folder").setInputFiles(folder);
  const { value, peak } = await withPeak(page, async () => {
    const opened = await open(page);
    return { opened, pass: await runPasses(page) };
  });
  return { ...value, peak };
}

/** Seconds until the picked folder is open. */
async function open(page: Page): Promise<number> {
  const began = performance.now();
  await page.getByRole("button", { name: "Open the folder" }).click();
  await untilStatus(page, /^Opening/);
  await untilStatus(page, /^Ready\.$/);
  return (performance.now() - began) / 1000;
}

/** Presses an example; returns the median seconds of a pass, once X-ray and text are encoded. */
async function runPasses(page: Page): Promise<number> {
  await page.getByRole("button", { name: /^Phantom 4/ }).click();
  await untilStatus(page, new RegExp(`^Pass ${PASSES} `));
  const told = await page.evaluate(() => Object.fromEntries(globalThis.passes));
  const times = Array.from({ length: PASSES }, (_, i) => told[i + 1]!);
  return median(times.slice(1).map((time, i) => (time - times[i]!) / 1000));
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? await sizeOf(path) : (await Deno.stat(path)).size;
  }
  return bytes;
}
