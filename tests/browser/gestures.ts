import { assert, assertEquals } from "@std/assert";
import type { Locator, Page } from "playwright-core";
import { done, ground, pixels, withXray } from "../support/page.ts";

/** Shows two pictures of the X-ray, without heatmap, outline and box. */
async function showTwo(page: Page): Promise<void> {
  await ground(page);
  await done(page);
  await page.getByLabel("Opacity", { exact: true }).fill("0");
  for (const name of ["Outline", "Boxes"]) await page.getByLabel(name, { exact: true }).uncheck();
}

/** The part of a canvas that the tests use; Deno has no such type. */
interface Canvas {
  readonly width: number;
  readonly height: number;
  getContext(kind: "2d"): {
    getImageData(x: number, y: number, width: number, height: number): {
      readonly data: Uint8ClampedArray;
    };
  };
}

/**
 * Returns the grey values of a square around a point; `x` and `y` are shares of the picture's size.
 */
async function grayAt(canvas: Locator, x: number, y: number): Promise<number[]> {
  await canvas.page().waitForTimeout(150);
  return await canvas.evaluate((element, [x, y]) => {
    const canvas = element as unknown as Canvas;
    const [left, top] = [canvas.width * x - 4, canvas.height * y - 4].map(Math.round);
    const { data } = canvas.getContext("2d").getImageData(left!, top!, 9, 9);
    return [...data].filter((_, i) => i % 4 === 0);
  }, [x, y] as const);
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Fails unless both pictures show the same pixels, and different pixels than before. */
async function assertLinked(page: Page, before: string): Promise<string> {
  // The picture beside the mouse's shows a cross.
  await page.mouse.move(0, 0);
  const [one, other] = [await pixels(page, 0), await pixels(page, 1)];
  assertEquals(one, other, "pictures are not linked");
  assert(one !== before, "nothing moved");
  return one;
}

Deno.test("a wheel zooms every picture about the pointer, and a double click resets", () =>
  withXray(async (page) => {
    await showTwo(page);
    const whole = await pixels(page);
    const canvas = page.locator("#viewers canvas").first();
    const { x, y, width, height } = (await canvas.boundingBox())!;
    // The phantom's white disc, which is larger than the sampled square.
    const disc = [0.84, 0.35] as const;
    assert(mean(await grayAt(canvas, ...disc)) > 250);
    await page.mouse.move(x + disc[0] * width, y + disc[1] * height);
    for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -100);
    const closer = await assertLinked(page, whole);
    assert(mean(await grayAt(canvas, ...disc)) > 250, "the disc is not under the pointer still");
    const below = [disc[0], 0.7] as const;
    assert(mean(await grayAt(canvas, ...below)) < 200);
    await page.mouse.move(x + disc[0] * width, y + disc[1] * height);
    await page.mouse.down();
    await page.mouse.move(x + below[0] * width, y + below[1] * height, { steps: 4 });
    await page.mouse.up();
    await assertLinked(page, closer);
    assert(mean(await grayAt(canvas, ...below)) > 250, "the disc is not where it was dragged to");
    await canvas.dblclick();
    // The cursor's cross shows only while the mouse is over a picture.
    await page.mouse.move(0, 0);
    assertEquals(await pixels(page), whole);
    // Chromium warns because the test itself reads pixels.
  }, { viewport: { width: 1000, height: 900 }, expected: ["willReadFrequently"] }));

Deno.test("a drag with Shift moves the grey levels, which keys move by one afterwards", () =>
  withXray(async (page) => {
    const whole = await pixels(page);
    const canvas = page.locator("#viewers canvas").first();
    const { x, y } = (await canvas.boundingBox())!;
    await page.mouse.move(x + 50, y + 50);
    await page.keyboard.down("Shift");
    await page.mouse.down();
    // Two pixels of the drag move the grey level by one.
    await page.mouse.move(x + 50, y + 91, { steps: 41 });
    await page.mouse.up();
    await page.keyboard.up("Shift");
    const black = page.getByLabel("Black", { exact: true });
    assertEquals(await black.inputValue(), "21");
    assert(await pixels(page) !== whole);
    await black.press("ArrowDown");
    assertEquals(await black.inputValue(), "20");
  }, { viewport: { width: 1000, height: 900 } }));

Deno.test("two fingers zoom and move every picture, one scrolls the page, a double tap resets", () =>
  withXray(async (page) => {
    await showTwo(page);
    const whole = await pixels(page);
    const canvas = page.locator("#viewers canvas").first();
    await canvas.scrollIntoViewIfNeeded();
    const session = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...places: [number, number][]) =>
      session.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: places.map(([x, y], id) => ({ x, y, id })),
      });
    const box = (await canvas.boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await touch("touchStart", [x - 20, y - 20]);
    await touch("touchStart", [x - 20, y - 20], [x + 20, y + 20]);
    for (let by = 25; by <= 80; by += 5) {
      await touch("touchMove", [x - by, y - by], [x + by, y + by]);
    }
    await touch("touchEnd");
    const closer = await assertLinked(page, whole);
    // One finger moves a picture that is larger than its frame; the page does not scroll.
    const scrolled = () => page.evaluate("scrollY") as Promise<number>;
    const before = await scrolled();
    await touch("touchStart", [x, y]);
    for (let by = 5; by <= 60; by += 5) await touch("touchMove", [x, y - by]);
    await touch("touchEnd");
    await assertLinked(page, closer);
    assertEquals(await scrolled(), before);
    for (let tap = 0; tap < 2; tap++) {
      await touch("touchStart", [x, y]);
      await touch("touchEnd");
    }
    assertEquals(await pixels(page), whole);
    await touch("touchStart", [x, y]);
    for (let by = 5; by <= 60; by += 5) await touch("touchMove", [x, y - by]);
    await touch("touchEnd");
    await page.waitForTimeout(150);
    assert(await scrolled() > before, "the page does not scroll");
    assertEquals(await pixels(page), whole);
  }, { viewport: { width: 360, height: 640 }, hasTouch: true }));
