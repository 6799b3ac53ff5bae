/**
 * Time from a press on an example to its heatmaps, and the time of the same phrases in Deno.
 *
 * @module
 */

import { drawPhantoms } from "../../datasets/phantom/phantom.ts";
import { groundImage, loadBundle, openModel, openRuntime } from "../../mod.ts";
import { median, seconds, timeInTurn } from "../harness.ts";
import { collectGarbage, type PageMemory, readPageMemory } from "./chromium_memory.ts";
import { onPage, pressExample, untilStatus, warmServer } from "./served_page.ts";

/** Counted rounds; the contenders take turns. */
const ROUNDS = 5;

/** The pressed example, and the same phantom of the page for Deno. */
const EXAMPLE = /^Phantom 4/;
const [, , , phantom] = [...drawPhantoms({ seed: 7, images: 4 })];

/** Returns the rows of a press in a newly opened page, by WebAssembly. */
export async function measurePress(): Promise<string[]> {
  await using server = await warmServer("cpu");
  let passes = 0;
  const times = await timeInTurn([
    () =>
      onPage(server, async (page) => {
        await untilStatus(page, /^Ready\.$/);
        const pressed = await pressExample(page, EXAMPLE);
        passes = pressed.passes;
        return pressed.seconds;
      }),
    groundInDeno,
  ], ROUNDS);
  const [page, deno] = times.map(median) as [number, number];
  return [
    `| a press on an example, by WebAssembly, ${passes} passes | ${page.toFixed(2)} s |`,
    `| the page against the same phrases in Deno, WebAssembly | ${(page / deno).toFixed(2)} x |`,
  ];
}

async function groundInDeno(): Promise<number> {
  const model = await openModel(await loadBundle("models/demo"), await openRuntime("wasm"));
  const phrases = phantom!.findings.map(({ phrase }) => phrase);
  const took = await seconds(() => groundImage(phantom!, phrases, { model }));
  await model.close();
  return took;
}

/**
 * Returns the rows of a press with model and heatmaps on WebGPU, which may be in software. They hold
 * its time, and memory before, after and without garbage.
 */
export async function measureGpuPress(): Promise<string[]> {
  await using server = await warmServer("gpu");
  return await onPage(server, async (page) => {
    await untilStatus(page, /^Ready\.$/);
    const place = (await page.locator("#place").textContent())!.replace(/: .*/, "");
    const kinds = ["renderer", "GPU"] as const;
    const read = () => Promise.all(kinds.map((kind) => readPageMemory(page, kind)));
    const before = await read();
    const { seconds, passes } = await pressExample(page, EXAMPLE);
    const after = await read();
    await collectGarbage(page);
    const collected = await read();
    const mega = ({ now }: PageMemory) => (now / 1e6).toFixed(0);
    return [
      `| the press; ${place}, ${passes} passes | ${seconds.toFixed(1)} s |`,
      ...["the page's", "the GPU's"].map((whose, i) =>
        `| ${whose} process before, after, and without garbage | ` +
        `${[before, after, collected].map((all) => mega(all[i]!)).join(", ")} MB |`
      ),
    ];
  });
}
