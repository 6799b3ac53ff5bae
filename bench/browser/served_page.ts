// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

/**
 * The page that runs the model itself, served and opened in headless Chromium.
 *
 * @module
 */

import type { Page } from "playwright-core";
import { withPage } from "../../tests/support/chromium.ts";
import type { ServerFacts } from "../../web/review_api.ts";
import { modelFiles, PAGE_FILES } from "../../web/server/page_files.ts";
import type { ServedRun } from "../../web/server/served_run.ts";
import { type RunningServer, startServer } from "../../web/server/server.ts";

/** Timeout of every wait, in milliseconds. */
const PATIENCE = 600_000;

declare global {
  /** Time of each newly drawn heatmap, in milliseconds of the page's clock. */
  var drawn: number[];
  /** Time at which the page reported each pass of the model, by the number of the pass. */
  var passes: Map<number, number>;
  /** Collects garbage; Chromium defines it because of {@linkcode SWITCHES}. */
  var gc: () => void;
}

/** Exposes `gc()`, so that a memory reading does not count garbage. */
const SWITCHES = ["--js-flags=--expose-gc"];

/**
 * Records in the page when a heatmap is drawn and when a pass is reported. A square picture is a
 * heatmap.
 */
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
    const place = document.getElementById("passes")!;
    new MutationObserver(() => {
      const pass = /^Pass (\d+) /.exec(place.textContent)?.[1];
      if (pass !== undefined) globalThis.passes.set(Number(pass), performance.now());
    }).observe(place, { childList: true });
  });
}

/**
 * Starts a server and bundles the page's scripts before it returns.
 *
 * @param device Device on which the page computes.
 * @param run Run to review, in place of a model.
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

/** Opens the page in a browser of its own, and closes the browser after `use`. */
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
 * Waits until the page's status matches `text`.
 *
 * @throws {Error} With the page's alert as its message, if an alert appears first.
 */
export async function untilStatus(page: Page, text: RegExp): Promise<void> {
  const alert = page.getByRole("alert").filter({ hasText: /./ });
  const status = page.locator("#status", { hasText: text });
  await status.or(alert).first().waitFor();
  if (await alert.isVisible()) throw new Error((await alert.textContent())!);
}

/** Measurements of a press on an example. */
export interface Pressed {
  /** Seconds from the press until the last heatmap was drawn. */
  readonly seconds: number;
  /** Number of passes of the model. */
  readonly passes: number;
}

/** Presses an example and waits until its finished heatmaps are drawn. */
export async function pressExample(page: Page, name: RegExp): Promise<Pressed> {
  const began = await page.getByRole("button", { name }).evaluate((button) => {
    const now = performance.now();
    (button as HTMLElement).click();
    return now;
  });
  await untilStatus(page, /^Done\.$/);
  // The last heatmap is finished and drawn one or two frames after "Done.".
  await page.waitForTimeout(500);
  const last = await page.evaluate(() => globalThis.drawn.at(-1)!);
  const passes = Number(await page.locator("#progress").getAttribute("max"));
  return { seconds: (last - began) / 1000, passes };
}
