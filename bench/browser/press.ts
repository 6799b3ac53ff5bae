/**
 * Time from a press on an example to its heatmaps, and the time of the same phrases in Deno.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { drawPhantoms } from "../../datasets/phantom/phantom.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { groundImage } from "../../pipeline/ground.ts";
import { type PageMemory, readPageMemory } from "./chromium_memory.ts";
import { onPage, type Pressed, pressExample, untilStatus, warmServer } from "./served_page.ts";

/** Runs of each contender; the contenders take turns. */
const ROUNDS = 5;

/** The pressed example, and the same phantom of the page for Deno. */
const EXAMPLE = /^Phantom 4/;
const [, , , phantom] = [...drawPhantoms({ seed: 7, images: 4 })];

/** Seconds of each round, by contender. */
export interface PressTimes {
  /** In a newly opened page, by WebAssembly. */
  readonly page: readonly Pressed[];
  /** In Deno, by WebAssembly. */
  readonly wasm: readonly number[];
  /** In Deno, by native code. */
  readonly native: readonly number[];
}

/**
 * Presses the example in a new browser each round, and grounds its phrases in Deno after each
 * press.
 */
export async function measurePress(): Promise<PressTimes> {
  await using server = await warmServer("cpu");
  const times = { page: [] as Pressed[], wasm: [] as number[], native: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.page.push(
      await onPage(server, async (page) => {
        await untilStatus(page, /^Ready\.$/);
        return await pressExample(page, EXAMPLE);
      }),
    );
    times.wasm.push(await groundIn("wasm"));
    times.native.push(await groundIn("native"));
  }
  return times;
}

async function groundIn(name: "wasm" | "native"): Promise<number> {
  const model = await openModel(await loadBundle("models/demo"), await openRuntime(name));
  const began = performance.now();
  await groundImage(phantom!, phantom!.findings.map(({ phrase }) => phrase), { model });
  const seconds = (performance.now() - began) / 1000;
  await model.close();
  return seconds;
}

/** A press with the model and the heatmaps on WebGPU, which may be a software driver. */
export interface GpuPress extends Pressed {
  /** The page's own text about the device that it uses. */
  readonly place: string;
  /** Memory before the press and after it. */
  readonly memory: readonly [before: PageMemory, after: PageMemory];
}

/** Presses the example once. */
export async function measureGpuPress(): Promise<GpuPress> {
  await using server = await warmServer("gpu");
  return await onPage(server, async (page) => {
    await untilStatus(page, /^Ready\.$/);
    const place = (await page.locator("#place").textContent())!;
    const before = await readPageMemory(page);
    const pressed = await pressExample(page, EXAMPLE);
    return { ...pressed, place, memory: [before, await readPageMemory(page)] };
  });
}
