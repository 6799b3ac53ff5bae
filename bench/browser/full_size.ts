/// <reference lib="dom" />

/**
 * A model of the published size in the page.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import type { Page } from "playwright-core";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { median } from "../median.ts";
import { writeSeededBundle } from "../unet/seeded_bundle.ts";
import { readPageMemory, withPeak } from "./chromium_memory.ts";
import { onPage, untilStatus, warmServer } from "./served_page.ts";

/** Passes to wait for. The first also encodes image and text, so it stays out of the median. */
const PASSES = 4;

/** Measurements of the model in the page. */
export interface FullSize {
  /** Bytes of the model's files. */
  readonly bytes: number;
  /** Seconds from the press until the model is open, or the reason why it does not open. */
  readonly opened: number | string;
  /** Peak memory of the page's process while the model opens, in bytes. */
  readonly openPeak: number;
  /** Memory of the page's process once the model is open, in bytes. */
  readonly openBytes: number;
  /** Seconds from the press on an example until the first pass is done. */
  readonly first?: number;
  /** Median seconds of the next passes. */
  readonly pass?: number;
  /** Median seconds of a pass in Deno by WebAssembly, measured right after the page. */
  readonly denoPass?: number;
  /** Peak memory of the page's process over opening and passes, in bytes. */
  readonly peak?: number;
}

/**
 * Writes the model to a temporary folder, opens it in the page and runs {@linkcode PASSES} passes.
 */
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

/** Seconds until the picked folder is open, or the page's error message. */
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

/** Seconds of the first pass after a press on an example, and the median of the next passes. */
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
