// What runs in the page has its types.
/// <reference lib="dom" />

/**
 * The page that runs the model itself, served and opened in headless Chromium.
 *
 * @module
 */

import type { Page } from "playwright-core";
import { withPage } from "../../tests/browser/_chromium.ts";
import type { ServerFacts } from "../../web/results.ts";
import { modelFiles, PAGE_FILES } from "../../web/server/page_files.ts";
import type { ServedRun } from "../../web/server/served_run.ts";
import { type RunningServer, startServer } from "../../web/server/server.ts";

/** Most milliseconds that anything waited for may take. */
const PATIENCE = 600_000;

declare global {
  /** When each new heatmap was drawn, in milliseconds of the page's clock. */
  var drawn: number[];
  /** When each pass of the model was told of, by its number. */
  var passes: Map<number, number>;
  /** Collects garbage. */
  var gc: () => void;
}

/** Lets garbage be collected when memory is looked at. */
const SWITCHES = ["--js-flags=--expose-gc"];

/** Notes in the page when heatmaps, which are the square pictures in it, are drawn and passes told of. */
function watch(): void {
  globalThis.drawn = [];
  globalThis.passes = new Map();
  const seen = new WeakSet<object>();
  const { prototype } = CanvasRenderingContext2D;
  const { drawImage } = prototype;
  prototype.drawImage = function (source: CanvasImageSource, ...place: number[]) {
    Reflect.apply(drawImage, this, [source, ...place]);
    if (!(source instanceof OffscreenCanvas) || source.width !== source.height) return;
    if (!seen.has(source)) globalThis.drawn.push(performance.now());
    seen.add(source);
  };
  addEventListener("DOMContentLoaded", () => {
    const status = document.getElementById("status")!;
    new MutationObserver(() => {
      const pass = /^Pass (\d+) /.exec(status.textContent)?.[1];
      if (pass !== undefined) globalThis.passes.set(Number(pass), performance.now());
    }).observe(status, { childList: true });
  });
}

/**
 * Starts a server whose scripts are made.
 *
 * @param device Where the page is to compute.
 * @param run A run to review, in place of a model.
 */
export async function warmServer(
  device: ServerFacts["device"],
  run?: ServedRun,
): Promise<RunningServer> {
  const assets = new Map([...PAGE_FILES, ...modelFiles()]);
  const server = startServer({ port: 0, assets, device, ...(run && { run }) });
  await server.prepare();
  return server;
}

/** Opens the page in a browser of its own, which is closed at the end. */
export async function onPage<T>(
  { url }: RunningServer,
  use: (page: Page) => Promise<T>,
): Promise<T> {
  let result: { readonly value: T } | undefined;
  await withPage(async (page) => {
    page.setDefaultTimeout(PATIENCE);
    await page.addInitScript(watch);
    await page.goto(url);
    result = { value: await use(page) };
  }, { switches: SWITCHES, viewport: { width: 1280, height: 860 } });
  return result!.value;
}

/**
 * Waits until the page says something.
 *
 * @throws {Error} If it says what went wrong instead.
 */
export async function untilStatus(page: Page, text: RegExp): Promise<void> {
  const alert = page.getByRole("alert").filter({ hasText: /./ });
  const status = page.locator("#status", { hasText: text });
  await status.or(alert).first().waitFor();
  if (await alert.isVisible()) throw new Error((await alert.textContent())!);
}

/** What a press on an example came to. */
export interface Pressed {
  /** Seconds from the press until the last heatmap was drawn. */
  readonly seconds: number;
  /** Passes of the model. */
  readonly passes: number;
}

/** Presses an example, and waits for its finished heatmaps. */
export async function pressExample(page: Page, name: RegExp): Promise<Pressed> {
  const began = await page.getByRole("button", { name }).evaluate((button) => {
    const now = performance.now();
    (button as HTMLElement).click();
    return now;
  });
  await untilStatus(page, /^Done\.$/);
  // The last heatmap is finished and drawn after that, within a frame or two.
  await page.waitForTimeout(500);
  const last = await page.evaluate(() => globalThis.drawn.at(-1)!);
  const passes = Number(await page.locator("#progress").getAttribute("max"));
  return { seconds: (last - began) / 1000, passes };
}
