// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { writeReport } from "../../reports/html/write_report.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { withPage } from "../support/chromium.ts";

/** Dataset text that breaks a page which interprets it as markup. */
const HOSTILE =
  '</script><script>document.title="broken"</script><!--<script> "\'&<img src=x onerror=a()>\u202e';

type Scored = Extract<SampleResult, { readonly status: "scored" }>;

/**
 * Evaluates a dataset with two settings, a hostile phrase and a corrupt image. Opens the run's
 * report for a test.
 */
async function withReport(
  test: (page: Page, results: readonly SampleResult[]) => Promise<void>,
  options: Parameters<typeof withPage>[1] = {},
): Promise<void> {
  await inFolder(async (folder) => {
    const { csv } = await writePhantomSet(`${folder}/set`, { seed: 6, images: 5 });
    const image = /files\/[^,]*\.jpg/.exec((await Deno.readTextFile(csv)).split("\n").at(-2)!)![0];
    await Deno.writeFile(`${folder}/set/${image}`, new Uint8Array([0xff, 0xd8, 0xff]));
    const quick = ["--steps", "10", "--noise", "sample", "--device", "cpu", "--no-report"];
    const settings = ["--setting", "mine:3-7:all:none", "--out", "run"];
    const set = `${folder}/set`;
    const { code, stderr } = await runCommand(
      "eval",
      ["--dataset", set, ...quick, ...settings],
      folder,
    );
    assertEquals(code, 3, stderr);
    const path = `${folder}/run/results.jsonl`;
    const results: SampleResult[] = (await Deno.readTextFile(path)).trim().split("\n")
      .map((line) => JSON.parse(line));
    const changed = results.map((result, i) => i < 2 ? { ...result, phrase: HOSTILE } : result);
    await Deno.writeTextFile(path, changed.map((line) => JSON.stringify(line) + "\n").join(""));
    await Deno.remove(results.filter(({ status }) => status === "scored").at(-1)!.image!);
    const file = await writeReport(`${folder}/run`);
    await withPage(async (page) => {
      await page.goto(`file://${file}`);
      await test(page, changed);
    }, { webgpu: false, ...options });
  });
}

/** Returns the pixels of a drawn picture as text, for comparison. */
async function pixelsOf(page: Page, selector: string): Promise<string> {
  const canvas = page.locator(selector).first();
  await canvas.waitFor();
  // The page draws in the next frame or in the frame after.
  await page.evaluate(() =>
    new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))
  );
  return await canvas.evaluate((node) => (node as HTMLCanvasElement).toDataURL());
}

const SMALL = "#body canvas";

async function cells(page: Page, name: string): Promise<string[]> {
  return await page.locator(`#body ${name}`).allTextContents();
}

Deno.test("report sorts, filters and searches, and says how many samples are left", () =>
  withReport(async (page, results) => {
    const first = results.filter(({ setting }) => setting === undefined || setting === "as chosen");
    assertEquals(await cells(page, ".phrase"), first.map(({ phrase }) => shown(phrase)));
    const scored = first.filter((result): result is Scored => result.status === "scored");
    const failed = first.filter(({ status }) => status === "failed");
    assert(failed.length > 0 && scored.length > 4);

    const miou = page.getByRole("button", { name: "mIoU %" });
    const heading = page.locator('th[data-key="score2"]');
    const numbers = scored.map(({ miou }) => (100 * miou).toFixed(1)).sort((a, b) => +b - +a);
    const dashes = failed.map(() => "–");
    await miou.click();
    assertEquals(await heading.getAttribute("aria-sort"), "descending");
    assertEquals(await cells(page, '[data-label="mIoU %"]'), [...numbers, ...dashes]);
    await miou.click();
    assertEquals(await heading.getAttribute("aria-sort"), "ascending");
    assertEquals(await cells(page, '[data-label="mIoU %"]'), [...numbers.reverse(), ...dashes]);
    await page.getByLabel("Sort by", { exact: true }).selectOption("phrase");
    assertEquals(await heading.getAttribute("aria-sort"), "none");

    await page.getByLabel("Status", { exact: true }).selectOption("failed");
    const count = page.locator("#count");
    assertEquals(await count.textContent(), `${failed.length} of ${first.length} samples`);
    assertMatch((await cells(page, ".bad"))[0]!, /^decode: Cannot read image/);
    await page.getByRole("button", { name: "Show all" }).click();
    const category = scored[0]!.category!;
    await page.getByLabel("Class", { exact: true }).selectOption(category);
    assertEquals(new Set(await cells(page, ".class")), new Set([category]));
    await page.getByLabel("Class", { exact: true }).selectOption("");
    await page.getByLabel("Search", { exact: true }).fill("no such words");
    assertMatch((await count.textContent())!, /^No sample/);
    await page.getByLabel("Search", { exact: true }).fill(scored[1]!.id);
    assertEquals((await cells(page, ".phrase")).length, 1);

    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByLabel("Sort by", { exact: true }).selectOption("order");
    const before = await pixelsOf(page, SMALL);
    await page.getByLabel("Setting", { exact: true }).selectOption("mine");
    assert(await pixelsOf(page, SMALL) !== before);
  }));

/** Returns a phrase in the form that the report shows as plain text. */
function shown(phrase = ""): string {
  return phrase.replace("\u202e", "\\u202e") || "(no phrase)";
}

Deno.test("report shows a hostile phrase as text", () =>
  withReport(async (page) => {
    assertEquals((await cells(page, ".phrase"))[0], shown(HOSTILE));
    assertMatch(await page.title(), /^Groundray report: /);
    assertEquals(await page.locator("img").count(), 0);
    await page.locator(".open").first().click();
    assertEquals(await page.locator("#details-title").textContent(), shown(HOSTILE));
  }));

Deno.test("report obeys its controls", () =>
  withReport(async (page) => {
    const asScored = await pixelsOf(page, SMALL);
    const seen = new Set([asScored]);
    const isNew = async (what: string) => {
      const pixels = await pixelsOf(page, SMALL);
      assert(!seen.has(pixels), what);
      seen.add(pixels);
    };
    await page.getByLabel("Threshold", { exact: true }).fill("0.8");
    assertEquals(
      await page.getByLabel("Mask as scored (Otsu)", { exact: true }).isChecked(),
      false,
    );
    await isNew("a threshold");
    await page.getByLabel("Threshold", { exact: true }).fill("0.2");
    await isNew("another threshold");
    await page.getByLabel("Mask as scored (Otsu)", { exact: true }).check();
    assertEquals(await pixelsOf(page, SMALL), asScored);
    await page.getByLabel("Outline", { exact: true }).uncheck();
    await isNew("no outline");
    await page.getByLabel("Ground truth", { exact: true }).uncheck();
    await isNew("no boxes");
    await page.getByLabel("Opacity", { exact: true }).fill("100");
    await isNew("full opacity");
    await page.getByLabel("Opacity", { exact: true }).fill("0");
    await isNew("no heatmap");
  }));

Deno.test("report is used without a mouse", () =>
  withReport(async (page, results) => {
    const focused = () =>
      page.evaluate(() => (document.activeElement as HTMLElement).dataset.n ?? "");
    await page.keyboard.press("Tab");
    assertEquals(await page.evaluate(() => document.activeElement!.textContent), "To the samples");
    await page.keyboard.press("Enter");
    for (let i = 0; i < 40 && await focused() === ""; i++) await page.keyboard.press("Tab");
    assertEquals(await focused(), "0");
    await page.keyboard.press("ArrowDown");
    assertEquals(await focused(), "2");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    assert(await dialog.isVisible());
    await page.locator("#large-place canvas").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowLeft");
    assertMatch((await page.locator("#position").textContent())!, /^2 of /);
    assertEquals(await page.locator("#details-title").textContent(), shown(results[2]!.phrase));
    // In a slider, the arrow keys move the slider and not the sample.
    const opacity = page.getByLabel("Opacity", { exact: true });
    const before = Number(await opacity.inputValue());
    await opacity.focus();
    await page.keyboard.press("ArrowRight");
    assertEquals(Number(await opacity.inputValue()), before + 1);
    assertMatch((await page.locator("#position").textContent())!, /^2 of /);
    await page.keyboard.press("Escape");
    assert(!await dialog.isVisible());
    assertEquals(await focused(), "2");
    const outline = await page.evaluate(() =>
      getComputedStyle(document.activeElement!).outlineStyle
    );
    assertEquals(outline, "solid");
  }));

Deno.test("report names every control", () =>
  withReport(async (page) => {
    await page.locator(SMALL).first().waitFor();
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const roles = new Set(["button", "combobox", "slider", "checkbox", "searchbox", "image"]);
    const controls = nodes.filter(({ role, ignored }) => !ignored && roles.has(role?.value));
    assert(controls.length > 20);
    const nameless = controls.filter(({ name }) => !name?.value);
    assertEquals(nameless.map(({ role }) => role?.value), []);
  }));

/** Returns the contrast ratio of an element's text and background, as WCAG 2.2 defines it. */
async function contrastOf(page: Page, selector: string): Promise<number> {
  return await page.locator(selector).first().evaluate((node) => {
    const parts = (color: string) => color.match(/[\d.]+/g)!.map(Number);
    const luminance = (color: string) => {
      const [red, green, blue] = parts(color).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      }) as [number, number, number];
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    let ground: Element | null = node;
    while (ground && parts(getComputedStyle(ground).backgroundColor)[3] === 0) {
      ground = ground.parentElement;
    }
    const pair = [getComputedStyle(node).color, getComputedStyle(ground!).backgroundColor];
    const [dark, light] = pair.map(luminance).sort((a, b) => a - b) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  });
}

for (const colorScheme of ["light", "dark"] as const) {
  Deno.test(`report is legible on ${colorScheme}, and on the other at a press`, () =>
    withReport(async (page) => {
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const before = await ground();
      assertEquals(before, colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(20, 23, 26)");
      for (let i = 0; i < 2; i++) {
        const texts = ["h1", ".warning", ".caption", ".scores small", ".phrase", ".about .quiet"];
        for (const selector of [...texts, ".state.bad", "#list td.number", "#theme", "dt"]) {
          const contrast = await contrastOf(page, selector);
          assert(contrast >= 4.5, `${selector}: ${contrast.toFixed(2)}`);
        }
        await page.getByRole("button", { name: "Dark" }).click();
      }
      assertEquals(await ground(), before);
      await page.getByRole("button", { name: "Dark" }).click();
      assert(await ground() !== before);
    }, { colorScheme }));
}

Deno.test("report fits a phone", () =>
  withReport(async (page) => {
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.locator(".open").first().scrollIntoViewIfNeeded();
    await page.locator(SMALL).first().waitFor();
    assertEquals(await page.locator("#missing li").count(), 1);
    assertEquals(await overflow(), 0);
    await page.locator(".open").first().tap();
    await page.locator("#large-place canvas").waitFor();
    assertEquals(await overflow(), 0);
    const dialog = await page.getByRole("dialog").boundingBox();
    assert(dialog!.width <= 360);
    assert(
      await page.locator("dialog").evaluate((node) => node.scrollWidth <= node.clientWidth),
    );
  }, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }));
