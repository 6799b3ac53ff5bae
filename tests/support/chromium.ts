/**
 * Debian's Chromium without a screen. A test fails if its page contacts another host, or logs an
 * error or a warning.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import axe from "axe-core";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Path of the executable in Debian's package. */
const EXECUTABLE = "/usr/bin/chromium";

/** Switches for WebGPU on the processor, for machines without a GPU. */
const SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Options of {@linkcode withPage}. */
export interface PageOptions extends BrowserContextOptions {
  /**
   * Whether the browser has WebGPU.
   *
   * @default {true}
   */
  webgpu?: boolean;
  /**
   * Complaints that the test expects, by a part of their text.
   *
   * @default {None}
   */
  expected?: readonly string[];
  /**
   * Additional switches of the browser's command line.
   *
   * @default {None}
   */
  switches?: readonly string[];
}

/**
 * Opens a page in a new browser, runs a test on it, and closes the browser.
 *
 * @param test Test that receives the page.
 * @param options Window, language and colours of the page; features of the browser.
 * @throws {AssertionError} If the page threw, logged an error or a warning, or contacted another
 * host.
 */
export async function withPage(
  test: (page: Page) => Promise<void>,
  { webgpu = true, expected = [], switches = [], ...context }: PageOptions = {},
): Promise<void> {
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    // The sandbox needs a kernel feature that containers commonly lack.
    args: [
      "--no-sandbox",
      ...(webgpu ? SOFTWARE_WEBGPU : ["--disable-features=WebGPU"]),
      ...switches,
    ],
  });
  try {
    const page = await browser.newPage(context);
    // On a busy machine a software GPU can take longer than the default of half a minute.
    page.setDefaultTimeout(300_000);
    const complaints: string[] = [];
    const foreign: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (/^(http|ws)s?:$/.test(protocol) && hostname !== "127.0.0.1") foreign.push(request.url());
    });
    await test(page);
    assertEquals(foreign, [], "requests to other hosts");
    const unexpected = complaints.filter((text) => !expected.some((part) => text.includes(part)));
    assertEquals(unexpected, [], "complaints of the page");
  } finally {
    await browser.close();
  }
}

/** Fails if axe-core finds a serious fault in the page's present state, in light or in dark. */
export async function assertAccessible(page: Page, state: string): Promise<void> {
  await page.evaluate(axe.source);
  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    const faults = await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(
      ({ violations }) => violations.filter(({ impact }) => /serious|critical/.test(impact))
        .map(({ id, nodes }) =>
          id + ": " + nodes.map(({ html }) => html.slice(0, 90)).join(" | ")))`);
    assertEquals(faults, [], `${state}, ${colorScheme}`);
  }
}
