/**
 * Helpers for tests of `deno task serve`'s page with an X-ray in it.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import type { Heatmap } from "../../pipeline/postprocess.ts";
import { createEngine } from "../../web/engine.ts";
import type { ServerFacts } from "../../web/review_api.ts";
import { PAGE_FILES } from "../../web/server/page_files.ts";
import { startServer } from "../../web/server/server.ts";
import { type PageOptions, withPage } from "./chromium.ts";

/** Two phrases; a browser must not interpret the second as HTML. */
export const PHRASES = ["left pleural effusion", "the heart is <b>enlarged</b>"];

/** The X-ray of the tests. */
export const phantom = drawPhantom({ seed: 3 });

const engine = () =>
  createEngine({
    openBundle: () => loadBundle("models/demo"),
    openRuntime: () => openRuntime("native"),
    decode: (bytes) => decodeImage(bytes),
  });

/** Options of {@linkcode withXray}, in addition to the window's options. */
export interface XrayOptions extends PageOptions {
  /**
   * Device on which the page computes.
   *
   * @default {"auto"}
   */
  device?: ServerFacts["device"];
  /**
   * Script that runs before the page's own scripts.
   *
   * @default {None}
   */
  before?: string;
}

/** Runs a test on the page, with a phantom as the picked X-ray. */
export async function withXray(
  test: (page: Page) => Promise<void>,
  { device = "auto", before = "", ...options }: XrayOptions = {},
): Promise<void> {
  await using server = startServer({ port: 0, assets: PAGE_FILES, device, createEngine: engine });
  const buffer = await grayImage(phantom).encode();
  await server.prepare();
  await withPage(async (page) => {
    await page.addInitScript(before);
    await page.goto(server.url);
    // The page listens for files only after it shows the form.
    await page.locator("#ground").waitFor();
    await pick(page, "phantom.png", buffer);
    await page.locator("#status", { hasText: "420 x 512 pixels" }).waitFor();
    await test(page);
  }, options);
}

/** Picks a file as the X-ray. */
export async function pick(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const { Buffer } = await import("node:buffer");
  const file = { name, mimeType: "image/png", buffer: Buffer.from(bytes) };
  await page.getByLabel("X-ray (PNG").setInputFiles(file);
}

/** Starts grounding phrases. */
export async function ground(page: Page, phrases = PHRASES): Promise<void> {
  await page.getByLabel("Phrases, one a line").fill(phrases.join("\n"));
  await page.getByRole("button", { name: "Show where" }).click();
}

/** Waits until the page reports that it is done. */
export const done = (page: Page) => page.locator("#status", { hasText: /^Done\.$/ }).waitFor();

/** Waits until every picture is finished and drawn with the present controls. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(`new Promise((done) => {
    const look = () =>
      document.querySelector("canvas[aria-busy=true]")
        ? setTimeout(look, 10)
        : requestAnimationFrame(() => setTimeout(done));
    look();
  })`);
}

/** Returns the pixels of a picture as text, for comparison. */
export const pixels = async (page: Page, index = 0) => {
  await settled(page);
  return await page.locator("canvas").nth(index).evaluate((canvas) =>
    (canvas as unknown as { toDataURL(): string }).toDataURL()
  );
};

/** Clicks the first button with a name and returns the downloaded file. */
export async function download(page: Page, name: string): Promise<Uint8Array> {
  await settled(page);
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name, exact: true }).first().click();
  return await Deno.readFile(await (await waiting).path());
}

/**
 * Largest difference between the first heatmap's export and a heatmap. Pixels in only one of the
 * masks are left out.
 */
export async function furthest(page: Page, { heatmap }: Pick<Heatmap, "heatmap">): Promise<number> {
  const npy = await download(page, "heatmap.npy");
  const exported = new Float32Array(npy.slice(-4 * heatmap.length).buffer);
  return exported.reduce((most, value, i) => {
    const isEdge = (value > 0) !== (heatmap[i]! > 0);
    return isEdge ? most : Math.max(most, Math.abs(value - heatmap[i]!));
  }, 0);
}
