import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { modelFiles, PAGE_FILES } from "../../web/server/page_files.ts";
import { startServer } from "../../web/server/server.ts";
import { type PageOptions, withPage } from "../support/chromium.ts";
import {
  done,
  download,
  ground,
  openSettings,
  phantom,
  PHRASES,
  pick,
  pressSave,
} from "../support/page.ts";

const ASSETS = new Map([...PAGE_FILES, ...modelFiles()]);

const PNG = await grayImage(phantom).encode();

/**
 * Opens the page that runs the model itself, in a browser without WebGPU; the test loads the page.
 */
async function withServed(
  test: (page: Page, url: string, stop: () => PromiseLike<void>) => Promise<void>,
  options: PageOptions = {},
): Promise<void> {
  await using server = startServer({ port: 0, assets: ASSETS, device: "cpu" });
  await withPage((page) => test(page, server.url, server[Symbol.asyncDispose]), {
    webgpu: false,
    ...options,
  });
}

const opened = (page: Page) => page.locator("#status", { hasText: "Ready." }).waitFor();

const said = (page: Page, hasText: string | RegExp) =>
  page.getByRole("alert").filter({ hasText }).waitFor();

/** Lets the first `times` requests for a file fail. */
async function breakFile(page: Page, file: string, times: number): Promise<void> {
  await page.route(`**/${file}`, (route) => route.fulfill({ status: 500, body: "" }), { times });
}

Deno.test("page says which of its files does not load, and works once it does", () =>
  withServed(async (page, url) => {
    await breakFile(page, "main.js", 1);
    await page.goto(url);
    await said(page, "script does not run");
    await breakFile(page, "worker.js", 3);
    await page.goto(url);
    await said(page, /its script does not load\): reload the page/);
    await openSettings(page, "Model");
    const again = async () => {
      await page.getByRole("button", { name: "Open the bundled model" }).click();
      await opened(page);
      assertEquals(await page.getByRole("alert").isHidden(), true);
    };
    await again();
    // A worker never loads a file that it once failed to load, so the page needs a new worker.
    for (const file of ["ort/ort.wasm.js", "models/demo/config.json"]) {
      await breakFile(page, file, 1);
      await page.reload();
      await said(page, file);
      assert(await page.getByRole("button", { name: /^Phantom 1/ }).isDisabled());
      await openSettings(page, "Model");
      await again();
    }
    await breakFile(page, "packages/imagescript/wasm/any/png.wasm", 1);
    await pick(page, "xray.png", PNG);
    await said(page, /xray.png: Cannot load ".*png.wasm"/);
    await pick(page, "xray.png", PNG);
    await page.locator("#xray", { hasText: "420 x 512 pixels" }).waitFor();
  }, { expected: ["500"] }));

Deno.test("page keeps its pictures when steps, phrases or files are wrong, and says why", () =>
  withServed(async (page, url, stop) => {
    await page.route("**/models/demo/config.json", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await route.continue();
    }, { times: 1 });
    await page.goto(url);
    await openSettings(page, "Layers and steps");
    const set = async (label: string, value: string) => {
      await page.getByLabel(label).fill(value);
      await page.getByLabel(label).press("Tab");
    };
    // Set the steps before a model is open.
    await set("Steps of the trajectory", "12");
    await opened(page);
    await pick(page, "xray.png", PNG);
    await page.locator("#xray", { hasText: "420 x 512 pixels" }).waitFor();
    assertEquals(await page.locator(".save:visible").count(), 0);
    await page.getByLabel("Noise").selectOption("sample");
    await set("Steps of the trajectory", "4");
    await ground(page, PHRASES);
    await done(page);
    const titles = () => page.locator("figcaption b").allTextContents();
    for (const [steps, message] of [["", "Type how many"], ["5000", "from 1 to 1000"]] as const) {
      await set("Steps of the trajectory", steps);
      await ground(page, ["another"]);
      await said(page, message);
      await page.getByRole("button", { name: "Show all for the first phrase" }).click();
      await said(page, message);
      assertEquals(await titles(), PHRASES);
    }
    await set("Steps of the trajectory", "4");
    await ground(page, Array(257).fill("effusion"));
    await said(page, "257 phrases at a time: expected at most 256");
    await page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      for (const name of ["a", "b"]) dataTransfer.items.add(new File([name], name));
      document.dispatchEvent(new DragEvent("drop", { dataTransfer }));
    })()`);
    await said(page, "Cannot read 2 files");
    assertEquals(await titles(), PHRASES);
    // The page must not attribute an earlier model's heatmap to the new model.
    await openSettings(page, "Model");
    await page.getByRole("button", { name: "Open the bundled model" }).click();
    await opened(page);
    await pressSave(page, "result.json");
    await said(page, "Cannot name the model that made this heatmap");
    await ground(page, PHRASES);
    await done(page);
    const json = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
    assertMatch(json.model.sha256, /^[0-9a-f]{64}$/);
    // Escape closes the dialog and must not cancel the run behind it.
    await set("Steps of the trajectory", "30");
    await ground(page, PHRASES);
    await page.getByRole("button", { name: "Keys" }).click();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await done(page);
    await stop();
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    await page.getByRole("button", { name: "Open the bundled model" }).click();
    await said(page, 'Cannot load "/models/demo/config.json": its server does not answer');
    assertEquals(await titles(), PHRASES.slice(0, 1));
  }, { acceptDownloads: true, expected: ["ERR_CONNECTION_REFUSED"] }));

Deno.test("page waits for an X-ray that is being read before it grounds in it", () =>
  withServed(async (page, url) => {
    await page.goto(url);
    await opened(page);
    let release = () => {};
    const held = new Promise<void>((resolve) => release = resolve);
    await page.route("**/png.wasm", async (route) => {
      await held;
      await route.continue();
    });
    await pick(page, "xray.png", PNG);
    await page.locator("#xray", { hasText: "Reading xray.png" }).waitFor();
    assert(await page.getByRole("button", { name: "Show where" }).isDisabled());
    release();
    await ground(page, PHRASES);
    await done(page);
    assertEquals(await page.locator("figcaption b").allTextContents(), PHRASES);
  }));

Deno.test("page works where the browser keeps nothing for it", () =>
  withServed(async (page, url) => {
    await page.addInitScript(`for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(globalThis, name, {
        get() { throw new DOMException("denied", "SecurityError"); },
      });
    }`);
    await page.goto(url);
    await opened(page);
    const dark = page.getByRole("button", { name: "Dark" });
    const before = await dark.getAttribute("aria-pressed");
    await dark.click();
    assert(await dark.getAttribute("aria-pressed") !== before);
    assertEquals(await page.getByRole("alert").isHidden(), true);
  }));
