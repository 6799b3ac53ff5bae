import type { Page } from "playwright-core";

/** Memory of the process of a page and its workers, in bytes. */
export interface PageMemory {
  /** Resident memory now (`VmRSS`). */
  readonly now: number;
  /** Highest resident memory (`VmHWM`) since Chromium last reset the counter. */
  readonly peak: number;
}

/**
 * Reads the memory of the largest process of a kind. `renderer` is the page's own process with its
 * workers, and `GPU` runs WebGPU for the page.
 */
export async function readPageMemory(
  page: Page,
  kind: "renderer" | "GPU" = "renderer",
): Promise<PageMemory> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const chosen = processInfo.filter(({ type }) => type === kind);
  const all = await Promise.all(chosen.map(({ id }) => readProcess(id)));
  return all.reduce((most, each) => each.now > most.now ? each : most);
}

/** Collects the garbage of a page and its worker; the browser must expose `gc()`. */
export async function collectGarbage(page: Page): Promise<void> {
  // WebAssembly's threads are workers too, but are blocked while idle and would never answer.
  const worker = page.workers().find((worker) => worker.url().endsWith("/worker.js"))!;
  for (const scope of [page, worker]) await scope.evaluate(() => globalThis.gc());
  // Other threads free the buffers a little later.
  await page.waitForTimeout(1000);
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
    peak = Math.max(peak, (await readPageMemory(page)).peak);
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
async function readProcess(id: number): Promise<PageMemory> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${id}/status`] }).output();
  const status = new TextDecoder().decode(stdout);
  const bytes = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
}
