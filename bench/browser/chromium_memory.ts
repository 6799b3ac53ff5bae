/**
 * Memory of Chromium's processes.
 *
 * @module
 */

import type { Page } from "playwright-core";

/** Bytes of a process. */
export interface ProcessMemory {
  /** In memory now. */
  readonly now: number;
  /** Most that were since Chromium last cleared the record. */
  readonly peak: number;
}

/** Bytes of the processes that a page takes. */
export interface PageMemory {
  /** That of the page and its workers. */
  readonly renderer: ProcessMemory;
  /** That of the GPU, which with a software driver holds its buffers. */
  readonly gpu: ProcessMemory;
}

/** Looks at the processes of a page's browser; the page's is the largest of their kind. */
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

/** Milliseconds between two looks at a peak. */
const LOOK = 500;

/**
 * Does something, and says the most bytes that the page's process had in memory meanwhile; the
 * system's own record of it is cleared by Chromium now and then.
 */
export async function withPeak<T>(
  page: Page,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly peak: number }> {
  let peak = 0;
  const look = async () => {
    peak = Math.max(peak, (await readPageMemory(page)).renderer.peak);
  };
  // A page that is gone is what the work says.
  const timer = setInterval(() => look().catch(() => {}), LOOK);
  try {
    const value = await work();
    await look();
    return { value, peak };
  } finally {
    clearInterval(timer);
  }
}

/** By a program, since Deno lets nobody read `/proc` who may not do everything. */
async function readProcess(id: number): Promise<ProcessMemory> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${id}/status`] }).output();
  const status = new TextDecoder().decode(stdout);
  const bytes = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
}
