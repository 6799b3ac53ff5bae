// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

/** Looks at the page as a radiologist: sizes of pictures, tools, keys, exports and reloads. */
import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { decodeImage } from "../../pipeline/decode.ts";
import { assertAccessible } from "../support/chromium.ts";
import { dicomFile, RADIOGRAPH } from "../support/dicom_file.ts";
import {
  done,
  download,
  ground,
  openSettings,
  phantom,
  PHRASES,
  pixels,
  pressSave,
  settled,
  unfold,
  withXray,
} from "../support/page.ts";

/** Windows of a laptop, of a large screen, and of a phone. */
const WINDOWS = [[1280, 800], [1920, 1080], [390, 844]] as const;

/** Returns left, top, width and height of each picture in CSS pixels. */
const places = (page: Page) =>
  page.locator(".stage canvas").evaluateAll((canvases) =>
    canvases.map((canvas) => {
      const { x, y, width, height } = canvas.getBoundingClientRect();
      return [x, y, width, height] as const;
    })
  );

for (const [width, height] of WINDOWS) {
  Deno.test(`the pictures of two phrases fill a window of ${width}x${height}`, () =>
    withXray(async (page) => {
      await ground(page);
      await done(page);
      await settled(page);
      const found = await places(page);
      assertEquals(await page.evaluate("scrollY"), 0);
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
      if (width > 500) {
        const seen = found.map(([x, y, w, h]) =>
          (Math.min(x + w, width) - x) * (Math.min(y + h, height) - y)
        );
        const share = seen.reduce((sum, area) => sum + area) / (width * height);
        assert(share >= 0.65, `the pictures fill ${(100 * share).toFixed(1)} %`);
      } else {
        const [[, top, , tall]] = found as [readonly [number, number, number, number]];
        assert(top + tall <= height, `the first picture ends at ${top + tall} of ${height}`);
        assert(tall >= height / 3, `the first picture is ${tall} high`);
      }
    }, { viewport: { width, height } }));
}

Deno.test("every tool has its key, and undo takes the last change back", () =>
  withXray(async (page) => {
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    await page.locator("#viewers canvas").focus();
    const value = (label: string) => page.getByLabel(label, { exact: true }).inputValue();
    const levels = async () => [await value("Black"), await value("White")];
    for (
      const [key, expected] of [["2", "150"], ["3", "255"], ["4", "255"], ["1", "255"]] as const
    ) {
      const before = await pixels(page);
      await page.keyboard.press(key);
      assertEquals((await levels())[1], expected);
      assert(await pixels(page) !== before, `key ${key} changes nothing`);
    }
    const whole = await pixels(page);
    await page.waitForTimeout(400);
    for (const key of ["i", "b", "x", "]", "z", "+"]) {
      await page.keyboard.press(key);
      assert(await pixels(page) !== whole, `key ${key} changes nothing`);
      await page.waitForTimeout(400);
      await page.keyboard.press("u");
      assertEquals(await pixels(page), whole, `key ${key} is not undone`);
    }
    await page.keyboard.down("h");
    const hidden = await pixels(page);
    await page.keyboard.up("h");
    assert(hidden !== whole);
    assertEquals(await pixels(page), whole);
    // The cursor by keys: grey and heat, then a ruler of 8 pixels.
    await page.keyboard.press("Shift+ArrowRight");
    await page.locator(".stage output", {
      hasText: /at 214, 256: grey \d+, heat [01]\.\d\d$/,
    }).waitFor();
    await page.keyboard.press("m");
    for (let i = 0; i < 2; i++) await page.keyboard.press("Shift+ArrowRight");
    const unmeasured = await pixels(page);
    await page.keyboard.press("m");
    assert(await pixels(page) !== unmeasured);
    await page.keyboard.press("?");
    assert(await page.getByRole("dialog", { name: "Keys" }).isVisible());
    await page.keyboard.press("Escape");
    await page.keyboard.press("f");
    assert(await page.locator("header").isHidden());
    await page.keyboard.press("f");
    await page.keyboard.press("0");
    await page.getByLabel("Threshold as a number").fill("0.73");
    await settled(page);
    await pressSave(page, "result.json").catch(() => {});
    assertEquals(await page.getByLabel("Threshold", { exact: true }).inputValue(), "0.73");
  }, { viewport: { width: 1280, height: 800 } }));

Deno.test("a finger moves the window and the ruler, and holds the overlay away", () =>
  withXray(async (page) => {
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    const before = await pixels(page);
    await page.getByLabel("Window", { exact: true }).last().tap();
    const box = (await page.locator("#viewers canvas").boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const session = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...at: [number, number][]) =>
      session.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: at.map(([x, y]) => ({ x, y })),
      });
    const drag = async () => {
      await touch("touchStart", [x, y]);
      for (let by = 10; by <= 60; by += 10) await touch("touchMove", [x - by, y]);
      await touch("touchEnd");
    };
    await drag();
    assertEquals(await page.getByLabel("White", { exact: true }).inputValue(), "225");
    assertMatch((await page.locator(".stage output").textContent())!, /window 195 at 128/);
    assert(await pixels(page) !== before);
    await page.getByLabel("Ruler", { exact: true }).tap();
    const unmeasured = await pixels(page);
    await drag();
    assert(await pixels(page) !== unmeasured);
  }, { viewport: { width: 390, height: 844 }, hasTouch: true }));

Deno.test("examples show their true boxes, the first are right, and the last says that it is wrong", () =>
  withXray(async (page) => {
    const press = async (name: RegExp) => {
      await unfold(page);
      await page.getByRole("button", { name }).click();
      await done(page);
      return await page.locator("figcaption span").allTextContents();
    };
    const right = await press(/^Phantom 1/);
    assert(right.length > 0 && right.every((text) => /; right: /.test(text)), `${right}`);
    const green = await pixels(page);
    await page.getByLabel("Ground truth").uncheck();
    assert(await pixels(page) !== green);
    const last = await press(/^Phantom 4.*the model errs/);
    assert(last.some((text) => /; wrong: /.test(text)), `${last}`);
  }));

Deno.test("a reload keeps X-ray, phrases and settings, until they are forgotten", () =>
  withXray(async (page) => {
    await openSettings(page, "Layers and steps");
    await page.getByLabel("Steps of the trajectory").fill("20");
    await page.getByLabel("Steps of the trajectory").press("Tab");
    await page.getByLabel("Opacity").fill("0.3");
    await page.getByLabel("Open a report").setInputFiles({
      ...{ name: "report.txt", mimeType: "text/plain", buffer: Buffer.from("No effusion.") },
    });
    // A word processor adds a picture of the copied text, which must not replace the X-ray.
    await page.getByLabel("Phrases, one a line").evaluate((place) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "copied");
      clipboardData.items.add(new File(["x"], "copied.png"));
      place.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    });
    await page.waitForTimeout(500);
    await page.reload();
    await page.locator("#xray", { hasText: "phantom.png, 420 x 512 pixels" }).waitFor();
    assertEquals(await page.getByLabel("Phrases, one a line").inputValue(), "No effusion.");
    assert(await page.getByRole("checkbox", { name: /report/i }).isChecked());
    assertEquals(await page.getByLabel("Opacity").inputValue(), "0.3");
    assertEquals(await page.locator("#total-steps").inputValue(), "20");
    await page.getByRole("button", { name: "Forget all" }).click();
    await page.locator("#xray", { hasText: "No X-ray is open." }).waitFor();
    // The page loads anew; its model then states the steps.
    for (let i = 0; i < 100 && await page.locator("#total-steps").inputValue() === ""; i++) {
      await page.waitForTimeout(100);
    }
    assertEquals(await page.getByLabel("Phrases, one a line").inputValue(), "");
    assertEquals(await page.locator("#total-steps").inputValue(), "50");
  }));

/** The phantom as a DICOM file whose pixels are 0.2 mm by 0.1 mm. */
const DICOM = dicomFile({
  ...RADIOGRAPH,
  "00080016": "1.2.840.10008.5.1.4.1.1.1.1",
  "00080018": "1.2.3.1",
  "0020000d": "1.2.3.2",
  "0020000e": "1.2.3.3",
  "00280010": phantom.height,
  "00280011": phantom.width,
  "00280030": "0.2\\0.1 ",
  "7fe00010": new Uint8Array(Uint16Array.from(phantom.data, (level) => 16 * level).buffer),
});

Deno.test("a DICOM file gives a ruler in mm and a DICOM SEG, and each export names itself", () =>
  withXray(async (page) => {
    await page.getByLabel("X-ray (PNG").setInputFiles({
      ...{ name: "chest.dcm", mimeType: "application/dicom", buffer: Buffer.from(DICOM) },
    });
    await page.locator("#xray", { hasText: "chest.dcm, 420 x 512" }).waitFor();
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    const seg = await download(page, "DICOM SEG");
    assertEquals(new TextDecoder().decode(seg.subarray(128, 132)), "DICM");
    const text = new TextDecoder("latin1").decode(seg);
    for (const part of ["1.2.3.1", PHRASES[0]!]) assert(text.includes(part), part);
    const result = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
    assertEquals([result.phrase, result.image], [PHRASES[0], "chest.dcm"]);
    assertMatch(result.model.sha256, /^[0-9a-f]{64}$/);
    assertMatch(result.use, /^Research only/);
    const csv = new TextDecoder().decode(await download(page, "boxes.csv"));
    assertMatch(csv, /model .*demo.*50 steps.*layers.*Research only/);
    await page.getByLabel("Size of the PNG").selectOption("X-ray's size");
    const waiting = page.waitForEvent("download");
    await pressSave(page, "PNG");
    assertEquals((await waiting).suggestedFilename(), "chest--left-pleural-effusion.png");
    const png = await decodeImage(await Deno.readFile(await (await waiting).path()));
    assertEquals(png.width, 420);
    assert(png.height > 512);
    await page.locator("#viewers canvas").focus();
    for (const key of ["m", "m"]) await page.keyboard.press(key);
    for (let i = 0; i < 5; i++) await page.keyboard.press("Shift+ArrowRight");
    const before = await pixels(page);
    await page.keyboard.press("m");
    assert(await pixels(page) !== before);
  }, { acceptDownloads: true, viewport: { width: 1280, height: 800 } }));

Deno.test("axe-core finds nothing serious in any state, in light and in dark", () =>
  withXray(async (page) => {
    const steps = async (count: string) => {
      await page.getByLabel("Steps of the trajectory").fill(count);
      await page.getByLabel("Steps of the trajectory").press("Tab");
    };
    await assertAccessible(page, "image loaded");
    await openSettings(page, "Layers and steps");
    await assertAccessible(page, "settings");
    await steps("900");
    await ground(page);
    await page.locator("figcaption", { hasText: "forming" }).first().waitFor();
    await assertAccessible(page, "running");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#status", { hasText: "Cancelled." }).waitFor();
    await steps("10");
    await page.getByLabel("Last step").fill("70");
    await ground(page);
    await page.getByRole("alert").filter({ hasText: "Cannot select steps" }).waitFor();
    await assertAccessible(page, "failed run");
    await steps("12");
    await page.keyboard.press("Escape");
    assert(await page.locator("#drawer").isHidden());
    await ground(page);
    await done(page);
    await page.locator(".save summary").first().click();
    await assertAccessible(page, "done");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await assertAccessible(page, "keys");
    await page.keyboard.press("Escape");
    await unfold(page);
    await page.getByRole("checkbox", { name: /report/i }).check();
    await ground(page, ["FINDINGS: The heart is large. No pneumothorax."]);
    await done(page);
    await assertAccessible(page, "report");
    await page.getByLabel("X-ray (PNG").setInputFiles({
      ...{ name: "notes.png", mimeType: "image/png", buffer: Buffer.from("no picture") },
    });
    await page.getByRole("alert").filter({ hasText: "no X-ray is open" }).waitFor();
    await assertAccessible(page, "failed read");
    await page.getByRole("button", { name: "Forget all" }).click();
    await page.locator("#status", { hasText: "Ready." }).waitFor();
    await assertAccessible(page, "empty");
    // An engine that does not answer is an engine whose model is still being opened.
    await page.routeWebSocket(/engine/, () => {});
    await page.reload();
    await page.locator("#status", { hasText: "Opening the model" }).waitFor();
    await assertAccessible(page, "model loading");
  }, { viewport: { width: 1280, height: 800 } }));
