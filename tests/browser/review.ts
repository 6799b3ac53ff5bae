/** Looks at pages of runs of an earlier version: review, report, comparison and leaderboard. */
import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { decodeImage } from "../../pipeline/decode.ts";
import { writeReport } from "../../web/report/write_report.ts";
import { PAGE_FILES } from "../../web/server/page_files.ts";
import { ServedRun } from "../../web/server/served_run.ts";
import { startServer } from "../../web/server/server.ts";
import { assertAccessible, withPage } from "../support/chromium.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { copyRuns } from "../support/old_runs.ts";
import { pixels, pressSave } from "../support/page.ts";

/** Runs a test on the review of a run. */
async function withReview(
  folder: string,
  test: (page: Page) => Promise<void>,
  options: Parameters<typeof withPage>[1] = {},
): Promise<void> {
  using run = await ServedRun.open(folder);
  await using server = startServer({ port: 0, assets: PAGE_FILES, device: "cpu", run });
  await withPage(async (page) => {
    await page.goto(server.url);
    await page.locator("figure canvas").first().waitFor();
    await test(page);
  }, { webgpu: false, viewport: { width: 1280, height: 800 }, ...options });
}

/** Measures twenty pixels to the right of the middle by keys, and returns the length. */
async function measure(page: Page): Promise<string> {
  await page.locator("#viewers canvas").first().focus();
  const steps = Array(5).fill("Shift+ArrowRight");
  for (const key of ["m", "m", ...steps, "m"]) await page.keyboard.press(key);
  // The picture is drawn before the next frame.
  const readout = page.locator(".stage output", { hasText: /ruler [1-9]/ }).first();
  return /ruler (.*)/.exec((await readout.textContent())!)![1]!;
}

/** Twenty pixels of the runs' DICOM file, with columns 0.14 mm apart. */
const TWENTY = "2.8 mm";

Deno.test("review of several methods: mm, its own thresholds, and nothing serious by axe-core", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    const record = `${folder}/both/run.json`;
    const facts = JSON.parse(await Deno.readTextFile(record));
    facts.facts.methods.ldm.settings.otsu = 0.4;
    await Deno.writeTextFile(record, JSON.stringify(facts));
    await withReview(`${folder}/both`, async (page) => {
      const own = await pixels(page);
      const number = page.getByLabel("Threshold as a number");
      await number.fill("0.7");
      assert(await pixels(page) !== own);
      await number.fill("0.4");
      assertEquals(await pixels(page), own);
      assertEquals(await measure(page), TWENTY);
      await assertAccessible(page, "review");
      await page.locator("#review summary").click();
      await page.locator("#drawer-button").click();
      await assertAccessible(page, "review with filters and settings");
      await page.getByLabel("Search", { exact: true }).fill("pneumonia");
      await page.locator("#list tbody tr", { hasText: "failed" }).first().click();
      await page.getByRole("alert").filter({ hasText: "broken.png" }).waitFor();
      await assertAccessible(page, "failed sample");
    }, { expected: ["404"] });
  }));

Deno.test("report, comparison and leaderboard have nothing serious by axe-core", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    for (const [name, ...runs] of [["compare", "ldm", "both"], ["leaderboard", "ldm", "both"]]) {
      const { code, stderr } = await runCommand(name!, [...runs, "--out", name!], folder);
      assertEquals(code, 0, stderr);
    }
    const report = await writeReport(`${folder}/both`);
    await withPage(async (page) => {
      for (const path of [report, `${folder}/compare/comparison.html`]) {
        await page.goto(`file://${path}`);
        await page.locator("figure canvas").first().waitFor();
        await page.locator("#list tbody tr", { hasText: "left pleural effusion" }).first().click();
        await page.locator("figure b", { hasText: "left pleural effusion" }).first().waitFor();
        assertEquals(await measure(page), TWENTY);
        await assertAccessible(page, path);
      }
      const board = `${folder}/leaderboard/leaderboard.html`;
      await page.goto(`file://${board}`);
      await assertAccessible(page, board);
      await page.setViewportSize({ width: 390, height: 844 });
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 390);
    }, { webgpu: false, viewport: { width: 1280, height: 800 } });
  }));

Deno.test("a run of predicted boxes saves its pictures and its boxes", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    const found = "image,phrase,x,y,w,h\nwide.dcm,left pleural effusion,25,25,20,20\n";
    await Deno.writeTextFile(`${folder}/found.csv`, found);
    const args = ["--dataset", "set/rows.csv", "--images", "set", "--predictions", "found.csv"];
    const { stderr } = await runCommand(
      "eval",
      [...args, "--method", "boxes", "--no-report", "--out", "boxes"],
      folder,
    );
    assertMatch(stderr, /8\/8 samples/);
    await withReview(`${folder}/boxes`, async (page) => {
      const heads = await page.locator("#list th").allTextContents();
      assertEquals(heads, ["Phrase", "mIoU %"]);
      const save = async (name: string) => {
        const waiting = page.waitForEvent("download");
        await pressSave(page, name);
        const file = await waiting;
        return { name: file.suggestedFilename(), bytes: await Deno.readFile(await file.path()) };
      };
      assertEquals(await page.locator(".save button:visible").count(), 0);
      const { name, bytes } = await save("PNG");
      assertEquals(name, "wide--left-pleural-effusion.png");
      assert((await decodeImage(bytes)).width > 360);
      assertEquals(await page.locator(".save button:visible").allTextContents(), [
        "PNG",
        "boxes.csv",
      ]);
      const csv = new TextDecoder().decode((await save("boxes.csv")).bytes);
      assertMatch(csv, /left pleural effusion,25,25,20,20,.*Research only/);
    }, { acceptDownloads: true });
  }));
