import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import {
  done,
  download,
  ground,
  openSettings,
  PHRASES,
  pixels,
  settled,
  withXray,
  type XrayOptions,
} from "../support/page.ts";

/** Records the page's devices for the test, and counts submissions to the GPU. */
const WATCHED = `
  globalThis.devices = [];
  globalThis.submits = 0;
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    const device = await requestDevice.apply(this, given);
    devices.push(device);
    return device;
  };
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (...given) {
    submits++;
    return submit.apply(this, given);
  };`;

const onGpu: XrayOptions = { device: "gpu", before: WATCHED, acceptDownloads: true };
const place = (page: Page) => page.locator("#finished-on").textContent();
const set = (page: Page, label: string, value: string) =>
  page.getByLabel(label, { exact: true }).fill(value);

/** Returns a phrase's heatmaps at several sigmas and at a fixed threshold. */
async function heatmaps(page: Page): Promise<Float32Array[]> {
  await ground(page, PHRASES.slice(0, 1));
  await done(page);
  await openSettings(page);
  const made: Float32Array[] = [];
  const keep = async () => {
    await settled(page);
    made.push(new Float32Array((await download(page, "heatmap.npy")).slice(128).buffer));
  };
  await keep();
  for (const sigma of ["0", "7.3"]) {
    await set(page, "Sigma", sigma);
    await keep();
  }
  await set(page, "Threshold", "0.3");
  await keep();
  return made;
}

Deno.test("the page's GPU finishes heatmaps as the processor does", async () => {
  const made: Float32Array[][] = [];
  const adapter = { gpu: /^Heatmaps are finished on .*SwiftShader/i, cpu: /the processor\.$/ };
  for (const device of ["gpu", "cpu"] as const) {
    await withXray(async (page) => {
      made.push(await heatmaps(page));
      assertMatch((await place(page))!, adapter[device]);
      const submits = await page.evaluate("submits") as number;
      assertEquals(submits > 0, device === "gpu");
    }, { ...onGpu, device });
  }
  const [gpu, cpu] = made as [Float32Array[], Float32Array[]];
  assertEquals(gpu.length, 4);
  gpu.forEach((heatmap, i) => {
    const other = cpu[i]!;
    assertEquals(heatmap.length, other.length);
    let edge = 0;
    let furthest = 0;
    heatmap.forEach((value, at) => {
      if ((value > 0) !== (other[at]! > 0)) edge++;
      else furthest = Math.max(furthest, Math.abs(value - other[at]!));
    });
    assertAlmostEquals(furthest, 0, 2e-3);
    assert(edge < heatmap.length / 1000, `${edge} values are in one mask alone`);
  });
});

Deno.test("a slider that moves fast asks the GPU only for the newest value", () =>
  withXray(async (page) => {
    await ground(page);
    await done(page);
    await settled(page);
    const before = await page.evaluate("submits") as number;
    await page.evaluate(`
      const sigma = document.getElementById("sigma");
      for (let i = 1; i <= 60; i++) {
        sigma.value = String(i / 10);
        sigma.dispatchEvent(new Event("input", { bubbles: true }));
      }`);
    await settled(page);
    const submits = await page.evaluate("submits") as number - before;
    assert(submits >= 1 && submits <= 3, `${submits} submits for one slider and two pictures`);
    const result = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
    assertEquals(result.settings.sigma, 6);
    // A new threshold applies to the existing heatmap and needs no GPU work.
    await set(page, "Threshold", "0.9");
    await settled(page);
    assertEquals(await page.evaluate("submits"), before + submits);
  }, onGpu));

Deno.test("the processor goes on where the page's GPU is lost, and says so", () =>
  withXray(async (page) => {
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    await settled(page);
    assertMatch((await place(page))!, /SwiftShader/i);
    const before = await pixels(page);
    await openSettings(page);
    await page.evaluate("devices[0].destroy()");
    await set(page, "Sigma", "8");
    await page.locator("#finished-on", { hasText: "the processor: " }).waitFor();
    assert(await pixels(page) !== before);
    const sentence = await place(page);
    await set(page, "Sigma", "3");
    await settled(page);
    assertEquals([await place(page), await page.evaluate("devices.length")], [sentence, 1]);
  }, onGpu));

Deno.test("the processor finishes where nothing else was asked for or there is no GPU", async () => {
  await withXray(async (page) => {
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    assertEquals(await place(page), "Heatmaps are finished on the processor.");
  });
  await withXray(async (page) => {
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    assertMatch((await place(page))!, /on the processor: there is no WebGPU/);
    assertEquals((await download(page, "heatmap.npy")).length > 128, true);
  }, {
    device: "gpu",
    webgpu: false,
    acceptDownloads: true,
    expected: ["No available adapters"],
  });
});
