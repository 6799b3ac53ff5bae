/** Checks that no picture of one X-ray is shown, grounded or saved under another X-ray's name. */
import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { groundImage } from "../../pipeline/ground.ts";
import { modelFiles, PAGE_FILES } from "../../web/server/page_files.ts";
import { startServer } from "../../web/server/server.ts";
import { withPage } from "../support/chromium.ts";
import {
  done,
  download,
  furthest,
  ground,
  openSettings,
  phantom,
  pick,
  unfold,
  withXray,
} from "../support/page.ts";

const PNG = await grayImage(phantom).encode();
const OTHER = drawPhantom({ seed: 4, width: 300, height: 260 });
const OTHER_PNG = await grayImage(OTHER).encode();
const BROKEN = new TextEncoder().encode("no picture");
const PHRASE = "left pleural effusion";

const xray = (page: Page) => page.locator("#xray").textContent();
const opened = (page: Page, text: string) => page.locator("#xray", { hasText: text }).waitFor();
const button = (page: Page) => page.getByRole("button", { name: "Show where" });

/** Sets the number of steps, which decides how many passes a run takes. */
async function setSteps(page: Page, steps: number): Promise<void> {
  await page.getByLabel("Steps of the trajectory").fill(String(steps));
  await page.getByLabel("Steps of the trajectory").press("Tab");
}

/** Drops or pastes a file; the page can read the file only after `slow` milliseconds. */
async function choose(
  page: Page,
  how: "drop" | "paste",
  name: string,
  bytes: Uint8Array,
  slow = 0,
): Promise<void> {
  await page.evaluate(`(() => {
    const file = new File([Uint8Array.fromBase64("${bytes.toBase64()}")], ${JSON.stringify(name)});
    const read = file.arrayBuffer.bind(file);
    const slow = ${slow};
    const transfer = new DataTransfer();
    transfer.items.add(file);
    const event = new ${how === "drop" ? "DragEvent" : "ClipboardEvent"}("${how}", {
      dataTransfer: transfer, clipboardData: transfer, bubbles: true });
    if (slow) {
      File.prototype.arrayBuffer = async function () {
        const isSlow = this.name === ${JSON.stringify(name)};
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, slow));
        return await Blob.prototype.arrayBuffer.call(this);
      };
    }
    document.body.dispatchEvent(event);
  })()`);
}

/** Checks that no X-ray is shown or can be grounded, and that the page says why. */
async function isClosed(page: Page, said: string): Promise<void> {
  await page.getByRole("alert").filter({ hasText: said }).waitFor();
  assertMatch((await page.getByRole("alert").textContent())!, /no X-ray is open/);
  assertEquals(await xray(page), "No X-ray is open.");
  assertEquals(await page.locator("figure").count(), 0);
  assertEquals(await page.locator(".maps").count(), 0);
  assert(await button(page).isDisabled());
  await openSettings(page, "Layers and steps");
  assert(await page.getByRole("button", { name: "Show all" }).isDisabled());
  await page.getByLabel("Phrases, one a line").press("Control+Enter");
  await page.getByRole("alert").filter({ hasText: "Pick an X-ray first" }).waitFor();
}

Deno.test("page has no X-ray open after one that cannot be read, however it was chosen", () =>
  withXray(async (page) => {
    await openSettings(page, "Layers and steps");
    await page.getByLabel("Noise").selectOption("sample");
    await setSteps(page, 5);
    const open = async () => {
      await pick(page, "phantom.png", PNG);
      await opened(page, "phantom.png, 420 x 512 pixels");
    };
    await ground(page, [PHRASE]);
    await done(page);
    assertEquals(await page.locator("figcaption small").allTextContents(), [
      "X-ray: phantom.png, 420 x 512 pixels",
    ]);
    await page.getByRole("button", { name: "Show all" }).click();
    await page.locator(".maps caption", { hasText: "phantom.png" }).waitFor();
    await done(page);
    await pick(page, "rand.png", BROKEN);
    await isClosed(page, "rand.png: ");
    await open();
    await choose(page, "drop", "cut.png", PNG.subarray(0, 5000));
    await isClosed(page, "cut.png: ");
    await open();
    await choose(page, "paste", "phantom.png", BROKEN);
    await isClosed(page, "phantom.png: ");
    // A file too large to be sent to the engine.
    await open();
    await page.evaluate(`(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(2 ** 26)], "huge.png"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
    })()`);
    await isClosed(page, 'Cannot read "huge.png": its 67108864 bytes are more than');
    await open();
    await ground(page, [PHRASE]);
    await done(page);
  }));

Deno.test("page cancels a run when another X-ray is chosen, and takes nothing more of it", () =>
  withXray(async (page) => {
    await openSettings(page, "Layers and steps");
    await ground(page, [PHRASE]);
    await page.locator("#status", { hasText: "Working" }).waitFor();
    await choose(page, "drop", "rand.png", BROKEN);
    await page.getByRole("alert").filter({
      hasText: "The run in phantom.png was cancelled, since another X-ray was chosen",
    }).waitFor();
    await isClosed(page, "rand.png");
    await pick(page, "phantom.png", PNG);
    await opened(page, "phantom.png");
    await ground(page, [PHRASE]);
    await page.locator("#status", { hasText: "Working" }).waitFor();
    // The same name with another content.
    await choose(page, "paste", "phantom.png", OTHER_PNG);
    await opened(page, "phantom.png, 300 x 260 pixels");
    await page.getByRole("alert").filter({ hasText: "The run in phantom.png was" }).waitFor();
    await page.getByLabel("Noise").selectOption("sample");
    await setSteps(page, 10);
    await ground(page, [PHRASE]);
    await done(page);
    const [expected] = await groundImage(OTHER, [PHRASE], {
      ...{ bundle: await loadBundle("models/demo"), runtime: await openRuntime("native") },
      ...{ steps: 10, noise: "sample" },
    });
    assert(await furthest(page, expected!) < 2e-3);
    const json = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
    assertEquals([json.width, json.height, json.image], [300, 260, "phantom.png"]);
  }, { acceptDownloads: true }));

Deno.test("page opens the X-ray that was chosen last, never the one that came last", () =>
  withXray(async (page) => {
    await choose(page, "drop", "slow.png", PNG, 600);
    await page.locator("#xray", { hasText: "Reading slow.png" }).waitFor();
    assertEquals(await page.locator("figure").count(), 0);
    await pick(page, "quick.png", OTHER_PNG);
    await opened(page, "quick.png, 300 x 260 pixels");
    await page.waitForTimeout(900);
    assertEquals(await xray(page), "quick.png, 300 x 260 pixels");
    assertEquals(await page.locator("figcaption small").allTextContents(), [
      "X-ray: quick.png, 300 x 260 pixels",
    ]);
    // If another X-ray replaces a slow example, the example's phrases must not be grounded in it.
    await page.evaluate(`(() => {
      const encode = OffscreenCanvas.prototype.convertToBlob;
      OffscreenCanvas.prototype.convertToBlob = async function (...options) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        return await encode.apply(this, options);
      };
    })()`);
    await unfold(page);
    await page.getByRole("button", { name: /^Phantom 2/ }).click();
    await pick(page, "next.png", PNG);
    await opened(page, "next.png");
    await page.waitForTimeout(800);
    assertEquals(await page.locator("figcaption :is(b, small)").allTextContents(), [
      ...["No phrase yet", "X-ray: next.png, 420 x 512 pixels"],
    ]);
  }));

Deno.test("page with its own engine opens again the X-ray that it shows, after its worker ended", async () => {
  await using server = startServer({
    ...{ port: 0, assets: new Map([...PAGE_FILES, ...modelFiles()]), device: "cpu" },
  });
  await server.prepare();
  await withPage(async (page) => {
    await page.addInitScript(`globalThis.Worker = class extends Worker {
      constructor(...options) {
        super(...options);
        globalThis.engines = [...globalThis.engines ?? [], this];
      }
    };`);
    let release = () => {};
    const held = new Promise<void>((resolve) => release = resolve);
    await page.route("**/models/demo/config.json", async (route) => {
      await held;
      await route.continue();
    }, { times: 1 });
    await page.goto(server.url);
    await page.locator("#ground").waitFor();
    // While the model is being opened, pick a broken file after a good file.
    await pick(page, "a.png", PNG);
    await pick(page, "b.png", BROKEN);
    release();
    await page.getByRole("alert").filter({ hasText: "b.png" }).waitFor();
    await page.locator("#place", { hasText: "Running on" }).waitFor({ state: "attached" });
    const crash = async () => {
      await page.evaluate(
        `engines.at(-1).dispatchEvent(new MessageEvent("message", { data: "lost" }))`,
      );
      await page.locator("#status", { hasText: "Ready." }).waitFor();
    };
    await crash();
    assertEquals(await xray(page), "No X-ray is open.");
    assert(await button(page).isDisabled());
    await pick(page, "c.png", OTHER_PNG);
    await opened(page, "c.png, 300 x 260 pixels");
    await openSettings(page, "Layers and steps");
    await page.getByLabel("Noise").selectOption("sample");
    await setSteps(page, 10);
    await crash();
    assertEquals(await xray(page), "c.png, 300 x 260 pixels");
    await page.getByLabel("Noise").selectOption("sample");
    await setSteps(page, 10);
    await ground(page, [PHRASE]);
    await done(page);
    const [expected] = await groundImage(OTHER, [PHRASE], {
      ...{ bundle: await loadBundle("models/demo"), runtime: await openRuntime("native") },
      ...{ steps: 10, noise: "sample" },
    });
    assert(await furthest(page, expected!) < 2e-3);
  }, { webgpu: false, acceptDownloads: true });
});
