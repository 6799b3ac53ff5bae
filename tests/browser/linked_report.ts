// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { reportSentences } from "../../base/report/report_sentences.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { grayImage } from "../../images/gray_image.ts";
import { linkedReportHtml } from "../../web/report/write_linked_report.ts";
import { assertAccessible, withPage } from "../support/chromium.ts";
import { inFolder } from "../support/command.ts";

const REPORT =
  "FINDINGS: Small left effusion. No pneumothorax. Also </style><script>alert(1)</script> seen.\n" +
  "IMPRESSION:\n1. Effusion.\n2. Cardiomegaly.";

/** Opens the page of a report with an X-ray of its own for each sentence; the last has no answer. */
function withReport(
  test: (page: Page) => Promise<void>,
  options: Parameters<typeof withPage>[1],
): Promise<void> {
  return inFolder(async (folder) => {
    const xray = async (seed: number) =>
      await grayImage(drawPhantom({ seed, width: 300, height: 360 })).encodeJPEG(80);
    const found = reportSentences(REPORT);
    const sentences = await Promise.all(found.map(async (sentence, i) => ({
      ...{ ...sentence, phrase: sentence.sentence },
      ...(i === found.length - 1 ? { error: "it cannot be read" } : {
        picture: await xray(i + 2),
        detected: { existence: { mean: i / 10, peak: 1 }, boxes: [], confidence: [] },
      }),
    })));
    const size = { width: 300, height: 360 };
    const about = { report: "r.txt", image: "x.png", size, notes: ["A note."] };
    const html = await linkedReportHtml({ ...about, plain: await xray(1), sentences });
    await Deno.writeTextFile(`${folder}/report.html`, html);
    await withPage(async (page) => {
      await page.goto(`file://${folder}/report.html`);
      await test(page);
    }, { webgpu: false, ...options });
  });
}

/** Captions of the pictures that are shown. */
function shown(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("figure")].filter((figure) => figure.checkVisibility())
      .map((figure) => figure.textContent!)
  );
}

Deno.test("a sentence shows its picture by keyboard", () =>
  withReport(async (page) => {
    assertEquals(await shown(page), ["The X-ray alone"]);
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowDown");
    assertEquals(await shown(page), ["Small left effusion. In pixels: no box."]);
    await page.keyboard.press("ArrowDown");
    assertEquals(await shown(page), ["No pneumothorax. In pixels: no box."]);
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown");
    assertEquals(await shown(page), ["Cardiomegaly. it cannot be read"]);
    const marked = page.locator("label", { hasText: "says that nothing is there" });
    assertEquals(await marked.allTextContents(), [
      "No pneumothorax.says that nothing is there · existence 0.100",
    ]);
    assertEquals(await page.locator("h2").allTextContents(), ["FINDINGS", "IMPRESSION"]);
    await assertAccessible(page, "linked report");
  }, { viewport: { width: 1280, height: 800 } }));

Deno.test("on a phone a tap shows the picture, which stays above the sentences", () =>
  withReport(async (page) => {
    await page.locator("label", { hasText: "Cardiomegaly." }).tap();
    await page.locator("label", { hasText: "Small left effusion." }).tap();
    assertEquals(await shown(page), ["Small left effusion. In pixels: no box."]);
    const [picture, list, width] = await page.evaluate(() => [
      document.querySelector("#p0 img")!.getBoundingClientRect().bottom,
      document.querySelector("label")!.getBoundingClientRect().top,
      document.documentElement.scrollWidth,
    ]);
    assert(picture! < list! && picture! < 500, `${picture} ${list}`);
    assertEquals(width, 390);
  }, { viewport: { width: 390, height: 844 }, hasTouch: true, colorScheme: "dark" }));
