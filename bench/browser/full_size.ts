/// <reference lib="dom" />

/**
 * A model of the published size in the page.
 *
 * @module
 */

import type { Page } from "playwright-core";
import { loadBundle, openModel, openRuntime } from "../../mod.ts";
import { median } from "../median.ts";
import { writeSeededBundle } from "../unet/seeded_bundle.ts";
import { readPageMemory, withPeak } from "./chromium_memory.ts";
import { onPage, untilStatus, warmServer } from "./served_page.ts";

/** Passes that are waited for; of the first, which encodes image and text too, no time is taken. */
const PASSES = 4;

/** What came of it. */
export interface FullSize {
  /** Bytes of its files. */
  readonly bytes: number;
  /** Seconds from the press until it is open, or why it does not open. */
  readonly opened: number | string;
  /** Most bytes of the page's process by then. */
  readonly openPeak: number;
  /** Bytes of it that are in memory once it is open. */
  readonly openBytes: number;
  /** Seconds from the press on an example until the first pass is done. */
  readonly first?: number;
  /** Median seconds of the next passes. */
  readonly pass?: number;
  /** The same in Deno by WebAssembly, after it. */
  readonly denoPass?: number;
  /** Most bytes of the page's process after all. */
  readonly peak?: number;
}

/** Writes the model, opens it, and lets it run a few passes. */
export async function measureFullSize(): Promise<FullSize> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
  try {
    await writeSeededBundle(folder);
    await using server = await warmServer("cpu");
    const inPage = await onPage(server, (page) => openAndRun(page, folder));
    const bytes = await sizeOf(folder);
    if (typeof inPage.opened === "string") return { bytes, ...inPage };
    return { bytes, ...inPage, denoPass: await passInDeno(folder) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function openAndRun(page: Page, folder: string): Promise<Omit<FullSize, "bytes">> {
  await untilStatus(page, /^Ready\.$/);
  await page.getByText("Model", { exact: true }).click();
  await page.getByLabel("Model's folder").setInputFiles(folder);
  const { value: opened, peak: openPeak } = await withPeak(page, () => open(page));
  const { now: openBytes } = (await readPageMemory(page)).renderer;
  if (typeof opened === "string") return { opened, openBytes, openPeak };
  const { value: times, peak } = await withPeak(page, () => runPasses(page));
  return { opened, openBytes, openPeak, ...times, peak: Math.max(openPeak, peak) };
}

/** Seconds until the folder that was picked is open, or what the page says is wrong with it. */
async function open(page: Page): Promise<number | string> {
  const began = performance.now();
  await page.getByRole("button", { name: "Open the folder" }).click();
  try {
    await untilStatus(page, /^Opening/);
    await untilStatus(page, /^Ready\.$/);
    return (performance.now() - began) / 1000;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Seconds of the first passes after a press on an example. */
async function runPasses(page: Page): Promise<{ first: number; pass: number }> {
  const pressed = await page.getByRole("button", { name: /^Phantom 4/ }).evaluate((button) => {
    (button as HTMLElement).click();
    return performance.now();
  });
  await untilStatus(page, new RegExp(`^Pass ${PASSES} `));
  const told = await page.evaluate(() => Object.fromEntries(globalThis.passes));
  const times = [pressed, ...Array.from({ length: PASSES }, (_, i) => told[i + 1]!)];
  const [first, ...next] = times.slice(1).map((time, i) => (time - times[i]!) / 1000);
  return { first: first!, pass: median(next) };
}

async function passInDeno(folder: string): Promise<number> {
  const model = await openModel(await loadBundle(folder), await openRuntime("wasm"));
  const empty = await model.condition(model.bundle.tokenizer.encode(""));
  const seconds: number[] = [];
  let latent = new Float32Array(model.latentLength).fill(0.1);
  for (let i = 0; i < PASSES; i++) {
    const began = performance.now();
    latent = await model.step(latent, i, i + 1, empty) as Float32Array<ArrayBuffer>;
    seconds.push((performance.now() - began) / 1000);
  }
  await model.close();
  return median(seconds.slice(1));
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? await sizeOf(path) : (await Deno.stat(path)).size;
  }
  return bytes;
}
