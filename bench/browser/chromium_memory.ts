/**
 * Memory of Chromium's processes.
 *
 * @module
 */

import type { Page } from "playwright-core";

/** Memory of one process, in bytes. */
export interface ProcessMemory {
  /** Resident memory now (`VmRSS`). */
  readonly now: number;
  /** Highest resident memory (`VmHWM`) since Chromium last reset the counter. */
  readonly peak: number;
}

/** Memory of the processes behind a page, in bytes. */
export interface PageMemory {
  /** Process of the page and its workers. */
  readonly renderer: ProcessMemory;
  /** GPU process; with a software driver it holds the GPU buffers as well. */
  readonly gpu: ProcessMemory;
}

/**
 * Reads the memory of the page's browser. Of several processes of a kind, the largest is taken: the
 * page's own.
 */
export async function readPageMemory(page: Page): Promise<PageMemory> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const of = async (type: string) => {
    const chosen = processInfo.filter((process) => process.type === type);
    const all = await Promise.all(chosen.map(({ id }) => readProcess(id)));
    return all.reduce((most, each) => each.now > most.now ? each : most);
  };
  return { renderer: await of("renderer"), gpu: await of("GPU") };
}

/** Milliseconds between two readings of the peak. */
const LOOK = 500;

/**
 * Runs `work` and returns the highest resident memory of the page's process during it, in bytes.
 * The peak is read every {@linkcode LOOK} ms, because Chromium resets the system's counter at
 * times.
 */
export async function withPeak<T>(
  page: Page,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly peak: number }> {
  let peak = 0;
  const look = async () => {
    peak = Math.max(peak, (await readPageMemory(page)).renderer.peak);
  };
  // Ignore a failed reading: if the page is gone, `work` itself throws.
  const timer = setInterval(() => look().catch(() => {}), LOOK);
  try {
    const value = await work();
    await look();
    return { value, peak };
  } finally {
    clearInterval(timer);
  }
}

/** Reads a process with `cat`, because Deno itself reads `/proc` only with all permissions. */
async function readProcess(id: number): Promise<ProcessMemory> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${id}/status`] }).output();
  const status = new TextDecoder().decode(stdout);
  const bytes = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
}
