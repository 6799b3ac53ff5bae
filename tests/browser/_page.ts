/**
 * The page of `deno task serve` with an X-ray in it, as tests use it.
 *
 * @module
 */

import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { decodeImage, drawPhantom, loadBundle, openRuntime, type ScoredPhrase } from "../../mod.ts";
import { createEngine } from "../../web/engine.ts";
import type { ServerFacts } from "../../web/results.ts";
import { PAGE_FILES } from "../../web/server/page_files.ts";
import { startServer } from "../../web/server/server.ts";
import { type PageOptions, withPage } from "./_chromium.ts";

/** Two phrases; a browser must not read the second as HTML. */
export const PHRASES = ["left pleural effusion", "the heart is <b>enlarged</b>"];

/** The X-ray. */
export const phantom = drawPhantom({ seed: 3 });

const engine = () =>
  createEngine({
    openBundle: () => loadBundle("models/demo"),
    openRuntime: () => openRuntime("native"),
    decode: (bytes) => decodeImage(bytes),
  });

/** What {@linkcode withXray} takes beside the window's options. */
export interface XrayOptions extends PageOptions {
  /**
   * Where the page is to compute.
   *
   * @default {"auto"}
   */
  device?: ServerFacts["device"];
  /**
   * A script that runs before those of the page.
   *
   * @default {None}
   */
  before?: string;
}

/** Has a test use the page with the X-ray of a phantom picked. */
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
    // The page hears of a file once it shows where to put one.
    await page.locator("#ground").waitFor();
    await pick(page, "phantom.png", buffer);
    await page.locator("#status", { hasText: "420 x 512 pixels" }).waitFor();
    await test(page);
  }, options);
}

/** Picks a file. */
export async function pick(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const { Buffer } = await import("node:buffer");
  const file = { name, mimeType: "image/png", buffer: Buffer.from(bytes) };
  await page.getByLabel("X-ray (PNG").setInputFiles(file);
}

/** Starts to ground phrases. */
export async function ground(page: Page, phrases = PHRASES): Promise<void> {
  await page.getByLabel("Phrases, one a line").fill(phrases.join("\n"));
  await page.getByRole("button", { name: "Show where" }).click();
}

/** Waits for the end of what was started. */
export const done = (page: Page) => page.locator("#status", { hasText: /^Done\.$/ }).waitFor();

/** Waits until every picture is finished and drawn as the controls say. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(`new Promise((done) => {
    const look = () =>
      document.querySelector("canvas[aria-busy=true]")
        ? setTimeout(look, 10)
        : requestAnimationFrame(() => setTimeout(done));
    look();
  })`);
}

/** The pixels of a picture, as a text that differs where they do. */
export const pixels = async (page: Page, index = 0) => {
  await settled(page);
  return await page.locator("canvas").nth(index).evaluate((canvas) =>
    (canvas as unknown as { toDataURL(): string }).toDataURL()
  );
};

/** What the first button of that name saves. */
export async function download(page: Page, name: string): Promise<Uint8Array> {
  await settled(page);
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name, exact: true }).first().click();
  return await Deno.readFile(await (await waiting).path());
}

/** The furthest that the first heatmap's export is from another, off the mask's edge. */
export async function furthest(page: Page, { heatmap }: ScoredPhrase): Promise<number> {
  const npy = await download(page, "heatmap.npy");
  const exported = new Float32Array(npy.slice(-4 * heatmap.length).buffer);
  return exported.reduce((most, value, i) => {
    const isEdge = (value > 0) !== (heatmap[i]! > 0);
    return isEdge ? most : Math.max(most, Math.abs(value - heatmap[i]!));
  }, 0);
}
