// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { writeReport } from "../../web/report/write_report.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { withPage } from "../support/chromium.ts";
import { pixels } from "../support/page.ts";

/** Dataset text that breaks a page which interprets it as markup. */
const HOSTILE =
  '</script><script>document.title="broken"</script><!--<script> "\'&<img src=x onerror=a()>\u202e';

type Scored = Extract<SampleResult, { readonly status: "scored" }>;

/**
 * Opens a report for a test: of a dataset with two settings, a hostile phrase and a corrupt image.
 */
async function withReport(
  test: (page: Page, results: readonly SampleResult[]) => Promise<void>,
  options: Parameters<typeof withPage>[1] = {},
): Promise<void> {
  const { html, results } = await (made ??= makeReport());
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/report.html`, html);
    await withPage(async (page) => {
      await page.goto(`file://${folder}/report.html`);
      await test(page, results);
    }, { webgpu: false, ...options });
  });
}

/** A report with the results in it. */
interface Made {
  readonly html: string;
  readonly results: readonly SampleResult[];
}

/** The report of all tests. */
let made: Promise<Made> | undefined;

async function makeReport(): Promise<Made> {
  let report: Made;
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
    const html = await Deno.readTextFile(await writeReport(`${folder}/run`));
    report = { html, results: changed };
  });
  return report!;
}

const phrases = (page: Page) =>
  page.locator("#list tbody td:first-child").evaluateAll((cells) =>
    cells.map((cell) => cell.firstChild!.textContent)
  );

/** Returns the texts of a column of the list, from 1. */
const column = (page: Page, place: number) =>
  page.locator(`#list tbody td:nth-child(${place})`).allTextContents();

/** Returns a text in the form that the report shows as plain text. */
function shown(text = ""): string {
  return text.replace("\u202e", "\\u202e");
}

Deno.test("report sorts by its headers, filters and searches, and says how many samples are left", () =>
  withReport(async (page, results) => {
    const first = results.filter(({ setting }) => setting === undefined || setting === "as chosen");
    assertEquals(await phrases(page), first.map(({ phrase }) => shown(phrase)));
    const scored = first.filter((result): result is Scored => result.status === "scored");
    const failed = first.filter(({ status }) => status === "failed");
    assert(failed.length > 0 && scored.length > 4);

    const heading = page.locator('#list th[data-key="mIoU %"]');
    const numbers = scored.map(({ miou }) => (100 * miou).toFixed(1)).sort((a, b) => +b - +a);
    const empty = failed.map(() => "");
    await heading.getByRole("button").click();
    assertEquals(await heading.getAttribute("aria-sort"), "descending");
    assertEquals(await column(page, 3), [...numbers, ...empty]);
    await heading.getByRole("button").click();
    assertEquals(await heading.getAttribute("aria-sort"), "ascending");
    assertEquals(await column(page, 3), [...numbers.reverse(), ...empty]);
    await page.locator("#review summary").click();
    await page.getByLabel("Sort by").selectOption("phrase");
    assertEquals(await heading.getAttribute("aria-sort"), "none");

    await page.getByLabel("Status").selectOption("failed");
    const count = page.locator("#count");
    assertEquals(await count.textContent(), `${failed.length} of ${first.length} samples`);
    await page.getByLabel("Status").selectOption("");
    await page.getByLabel("Search", { exact: true }).fill("no such words");
    assertMatch((await count.textContent())!, /^0 of/);
    await page.getByLabel("Search", { exact: true }).fill(scored[1]!.id);
    assertEquals((await phrases(page)).length, 1);
    await page.getByLabel("Search", { exact: true }).fill("");
    assertEquals(await page.locator("#viewers figure").count(), 2);
    await page.locator("#column").selectOption("mine");
    await page.locator("#viewers figcaption b", { hasText: /^mine: / }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll("#viewers figure").length === 1);
  }));

Deno.test("report shows a hostile phrase as text, and asks no server", () =>
  withReport(async (page) => {
    assertEquals((await phrases(page))[0], shown(HOSTILE));
    assertMatch(await page.title(), /^Groundray report: /);
    assertEquals(await page.locator("img:not(#sheet img)").count(), 0);
    assertEquals(
      await page.locator("#viewers figcaption b").first().textContent(),
      `as chosen: ${shown(HOSTILE)}`,
    );
  }));

Deno.test("report obeys its controls, and its mask as scored is the run's", () =>
  withReport(async (page) => {
    const seen = new Set([await pixels(page)]);
    const isNew = async (what: string) => {
      const now = await pixels(page);
      assert(!seen.has(now), what);
      seen.add(now);
    };
    const asScored = await pixels(page);
    await page.getByLabel("Threshold", { exact: true }).fill("0.8");
    assertEquals(await page.getByLabel("Automatic", { exact: true }).isChecked(), false);
    await isNew("a threshold");
    await page.getByLabel("Automatic", { exact: true }).check();
    assertEquals(await pixels(page), asScored);
    for (const name of ["Outline", "Ground truth"]) {
      await page.getByLabel(name, { exact: true }).uncheck();
      await isNew(name);
    }
    await page.getByLabel("Opacity", { exact: true }).fill("0");
    await isNew("no heatmap");
  }));

Deno.test("report is used without a mouse, and its address names sample and view", () =>
  withReport(async (page, results) => {
    await page.locator("#list").focus();
    await page.keyboard.press("ArrowDown");
    const title = page.locator("#viewers figcaption b").first();
    await title.filter({ hasText: shown(results[2]!.phrase) }).waitFor();
    await page.locator("#viewers canvas").first().focus();
    for (const key of ["+", "+", "ArrowLeft"]) await page.keyboard.press(key);
    const zoomed = await pixels(page);
    const readout = page.locator(".stage output").first();
    const zoom = /zoom \d+ %/.exec((await readout.textContent())!)![0];
    await page.waitForFunction(() => location.hash.includes("view="));
    const link = page.url();
    await page.goto("about:blank");
    await page.goto(link);
    await title.filter({ hasText: shown(results[2]!.phrase) }).waitFor();
    // The view follows the sample.
    await readout.filter({ hasText: zoom }).waitFor();
    assertEquals(await pixels(page), zoomed);
  }));

Deno.test("report names every control", () =>
  withReport(async (page) => {
    await page.locator("#viewers canvas").first().waitFor();
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const roles = new Set(["button", "combobox", "slider", "checkbox", "searchbox", "image"]);
    const controls = nodes.filter(({ role, ignored }) => !ignored && roles.has(role?.value));
    assert(controls.length > 20);
    const nameless = controls.filter(({ name }) => !name?.value);
    assertEquals(nameless.map(({ role }) => role?.value), []);
  }));

Deno.test("report shows tables and first pictures without scripts, and prints them", () =>
  withReport(async (page, results) => {
    assert(await page.locator("table.scores").first().isVisible());
    const grounded = results.filter(({ status }) => status === "scored").length;
    const images = page.locator("#sheet img");
    // One X-ray is missing.
    assert(await images.count() >= Math.min(8, grounded - 2));
    const widths = await images.evaluateAll((images) =>
      images.map((image) => (image as HTMLImageElement).naturalWidth)
    );
    assert(widths.every((width) => width > 100), `${widths}`);
    assertEquals(await page.locator("#sheet img").first().isVisible(), true);
    const pdf = new TextDecoder("latin1").decode(await page.pdf({ format: "A4" }));
    assert([...pdf.matchAll(/\/Type \/Page\b/g)].length <= 4, "a few samples fill many pages");
  }, { javaScriptEnabled: false }));

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
      assertEquals(before, colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(16, 20, 24)");
      for (let i = 0; i < 2; i++) {
        const texts = ["h1", ".warning", ".caption", ".scores small", "#list td", "#list small"];
        for (const selector of [...texts, "#viewers figcaption span", "#count", "#theme", "dt"]) {
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

Deno.test("report fits a phone, and its average stays in sight at every width", () =>
  withReport(async (page) => {
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.locator("#viewers canvas").first().waitFor();
    assertEquals(await page.locator("#about #missing li").count(), 1);
    for (const [width, height] of [[360, 740], [390, 844], [1280, 800], [1920, 1080]] as const) {
      await page.setViewportSize({ width, height });
      assertEquals(await overflow(), 0);
      const average = page.locator(".scores th", { hasText: /^Avg$/ }).first();
      const { x, width: wide } = (await average.boundingBox())!;
      assert(x >= 0 && x + wide <= width, `Avg is at ${x} of ${width}`);
    }
  }, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }));
