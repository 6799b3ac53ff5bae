import "../../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { grayImage } from "../../images/gray_image.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { groundImage } from "../../pipeline/ground.ts";
import { PAGE_FILES } from "../../web/server/page_files.ts";
import { ServedRun } from "../../web/server/served_run.ts";
import { startServer } from "../../web/server/server.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { withPage } from "../support/chromium.ts";
import {
  done,
  download,
  furthest,
  ground,
  openSettings,
  phantom,
  PHRASES,
  pick,
  pixels,
  pressSave,
  withXray,
} from "../support/page.ts";

Deno.test("page shows where phrases apply, as deno task ground does, and exports it", () =>
  withXray(async (page) => {
    // Record the steps in the page, because they pass faster than the test can look.
    await page.evaluate(`globalThis.seen = new Set();
      new MutationObserver(() => {
        for (const place of document.querySelectorAll("figcaption span")) {
          seen.add(place.textContent);
        }
      }).observe(document.getElementById("viewers"), { subtree: true, childList: true });`);
    await ground(page);
    await done(page);
    const seen = await page.evaluate("[...seen]") as string[];
    assert(
      seen.some((text) => /^forming, \d+ %$/.test(text)),
      "no heatmap was shown as it formed",
    );
    assertEquals(await page.locator("figcaption b").allTextContents(), PHRASES);
    const [expected] = await groundImage(phantom, [PHRASES[0]!], {
      bundle: await loadBundle("models/demo"),
      runtime: await openRuntime("native"),
    });
    assertAlmostEquals(await furthest(page, expected!), 0, 2e-3);
    const result = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
    assertEquals([result.phrase, result.box], [PHRASES[0], expected!.originalBox]);
    const csv = new TextDecoder().decode(await download(page, "boxes.csv"));
    assertEquals(csv.trim().split(/\r?\n/).length, 1 + PHRASES.length);
    assertEquals([...(await download(page, "PNG")).subarray(1, 4)], [80, 78, 71]);
  }, { acceptDownloads: true }));

Deno.test("page takes only a new phrase's passes, and obeys its controls at once", () =>
  withXray(async (page) => {
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    const passes = () => page.locator("#progress").getAttribute("max").then(Number);
    const first = await passes();
    await ground(page, PHRASES.slice(1));
    await page.locator("figcaption", { hasText: "finished" }).waitFor();
    await done(page);
    assert(await passes() < first);
    const set = (label: string, value: string) =>
      page.getByLabel(label, { exact: true }).fill(value);
    let before = await pixels(page);
    await openSettings(page);
    for (
      const change of [
        () => set("Opacity", "0.2"),
        () => set("Threshold", "0.8"),
        () => set("Sigma", "9"),
        () => set("Black", "60"),
        () => page.getByLabel("Outline").uncheck(),
        () => page.getByLabel("Box").uncheck(),
        () => page.locator("#viewers canvas").press("+"),
        () => page.locator("#viewers canvas").press("ArrowLeft"),
      ]
    ) {
      await change();
      const after = await pixels(page);
      assert(after !== before, `${change} changed nothing`);
      before = after;
    }
  }));

Deno.test("page shows attention by layer and step, and grounds by the chosen part", () =>
  withXray(async (page) => {
    await openSettings(page, "Layers and steps");
    await page.getByLabel("Phrases, one a line").fill(PHRASES[0]!);
    await page.getByRole("button", { name: "Show all for the first phrase" }).click();
    await done(page);
    const { crossAttentionSides } = await loadBundle("models/demo");
    const cells = page.locator(".maps button");
    assertEquals(await cells.count(), 10 * crossAttentionSides.length);
    await page.getByRole("button", { name: "layer 10, steps 15 to 19" }).click();
    assertEquals(await page.locator("figcaption b").allTextContents(), [
      "layer 10, steps 15 to 19",
    ]);
    const layer = (await download(page, "heatmap.npy")).toBase64();
    await page.getByLabel("9 (16 x 16)").uncheck();
    await page.getByLabel("First step").fill("15");
    await page.getByLabel("Last step").fill("19");
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    assertEquals(await page.locator("figcaption span").textContent(), "finished");
    assertEquals((await download(page, "heatmap.npy")).toBase64(), layer);
  }, { acceptDownloads: true }));

Deno.test("page shows heatmaps, small maps and the PNG in the colours that are chosen", () =>
  withXray(async (page) => {
    await openSettings(page, "Layers and steps");
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    await page.getByRole("button", { name: "Show all for the first phrase" }).click();
    await page.locator(".maps").waitFor();
    await done(page);
    const map = page.locator(".maps canvas").first();
    const seen = async () => [
      await map.evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL()),
      await pixels(page),
    ];
    const inferno = [...await seen(), (await download(page, "PNG")).toBase64()];
    const colors = page.getByLabel("Colour map");
    assertEquals(
      (await colors.locator("option").allTextContents()).filter((name) => /default/.test(name)),
      ["inferno (default)"],
    );
    await colors.selectOption("viridis");
    const viridis = [...await seen(), (await download(page, "PNG")).toBase64()];
    for (const [i, what] of ["a small map", "the picture", "the PNG"].entries()) {
      assert(viridis[i] !== inferno[i], `${what} has its colours still`);
    }
    await page.getByRole("img", { name: "Heat from 0 to 1 in viridis" }).waitFor();
    await colors.selectOption("inferno (default)");
    assertEquals([...await seen(), (await download(page, "PNG")).toBase64()], inferno);
  }, { acceptDownloads: true }));

Deno.test("page cancels, names the fault of a file, and goes on after a reload", () =>
  withXray(async (page) => {
    await ground(page);
    await page.keyboard.press("Escape");
    await page.locator("#status", { hasText: "Cancelled" }).waitFor();
    await pick(page, "notes.png", new TextEncoder().encode("no picture"));
    await page.getByRole("alert").filter({ hasText: "not a PNG, JPEG or DICOM" }).waitFor();
    await pick(page, "phantom.png", await grayImage(phantom).encode());
    await ground(page, [" "]);
    assertMatch((await page.getByRole("alert").textContent())!, /Type a phrase first/);
    await page.reload();
    await page.locator("#xray", { hasText: "phantom.png" }).waitFor();
    await page.getByRole("button", { name: /^Phantom 4/ }).click();
    await done(page);
    assertEquals(await page.getByRole("alert").isHidden(), true);
  }));

Deno.test("page stays in its place with phrases that are long, a single word, or hostile", () =>
  withXray(async (page) => {
    const piled = `\u202Ebackwards <img src=x onerror=alert(1)> ${"\u0301".repeat(300)}`;
    const phrases = ["left pleural effusion ".repeat(182).trim(), "x".repeat(4000), piled];
    await ground(page, phrases);
    await done(page);
    assertEquals(await page.locator("figcaption b").allTextContents(), phrases);
    const heights = await page.locator("figcaption").evaluateAll((captions) =>
      captions.map((caption) => (caption as unknown as { offsetHeight: number }).offsetHeight)
    );
    assert(Math.max(...heights) < 150, `captions are ${heights} pixels high`);
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
    assertEquals(await page.locator("figcaption img").count(), 0);
    const waiting = page.waitForEvent("download");
    await pressSave(page, "PNG");
    assertMatch((await waiting).suggestedFilename(), /^phantom--left-pleural-effusion.{59}\.png$/);
  }, { viewport: { width: 360, height: 740 }, acceptDownloads: true }));

Deno.test("page keeps the colours that were chosen over a reload, without a flash of others", () =>
  withXray(async (page) => {
    const back = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const button = page.getByRole("button", { name: "Dark" });
    const [light, isLight] = [await back(), await button.getAttribute("aria-pressed")];
    await button.click();
    const dark = await back();
    assertEquals([light !== dark, isLight], [true, "false"]);
    await page.route("**/main.js", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await route.continue();
    });
    await page.reload();
    assertEquals([await back(), await button.getAttribute("aria-pressed")], [dark, "true"]);
    const [themed, painted] = await page.evaluate(`[
      themed, performance.getEntriesByType("paint")[0].startTime]`) as [number, number];
    assert(themed < painted, `painted after ${painted} ms, and dark after ${themed} ms`);
    await button.click();
    await page.emulateMedia({ colorScheme: "dark" });
    assertEquals(await back(), light);
  }, {
    colorScheme: "light",
    before: `new MutationObserver(() => globalThis.themed = performance.now())
      .observe(document, { subtree: true, attributeFilter: ["data-theme"] })`,
  }));

Deno.test("page is used by keyboard alone, on a phone, in dark", () =>
  withXray(async (page) => {
    await page.getByLabel("Phrases, one a line").focus();
    await page.keyboard.type(PHRASES[0]!);
    await page.keyboard.press("Control+Enter");
    await done(page);
    await page.locator("#viewers canvas").focus();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    const width = await page.evaluate("document.documentElement.scrollWidth");
    assertEquals(width, 360);
    const unnamed = await page.evaluate(
      `[...document.querySelectorAll("button, input, select, textarea, canvas")]
      .filter((element) => !(element.labels?.length || element.textContent.trim() ||
        element.getAttribute("aria-label"))).map((element) => element.id)`,
    );
    assertEquals(unnamed, []);
  }, { viewport: { width: 360, height: 740 }, colorScheme: "dark" }));

Deno.test("page reviews a run: its table, list, filters, next sample and ground truth", () =>
  inFolder(async (folder) => {
    const { code, stderr } = await runCommand(
      "eval",
      [
        "--limit",
        "6",
        "--steps",
        "10",
        "--noise",
        "sample",
        "--no-report",
        "--out",
        `${folder}/run`,
      ],
      folder,
    );
    assertEquals(code, 0, stderr);
    using run = await ServedRun.open(`${folder}/run`);
    await using server = startServer({ port: 0, assets: PAGE_FILES, run });
    await withPage(async (page) => {
      await page.goto(server.url);
      await page.locator("figure").waitFor();
      assertEquals(await page.locator("#list tbody tr").count(), 6);
      const table = (await page.locator("#tables").textContent())!;
      assert(table.includes("AUC-ROC"));
      // The confidence intervals that the table's caption mentions.
      const { tables } = await run.overview();
      const intervals = tables.flatMap(({ groups }) =>
        groups.flatMap(({ rows }) =>
          rows.flatMap(({ cells }) => cells.flatMap(({ interval }) => interval ?? []))
        )
      );
      assert(intervals.length > 0, "no class has two samples");
      assertEquals(await page.locator("#tables small").allTextContents(), intervals);
      const title = () => page.locator("figcaption b").textContent();
      const first = await title();
      const shown = await pixels(page);
      await page.getByLabel("Ground truth").uncheck();
      assert(await pixels(page) !== shown);
      await openSettings(page);
      await page.getByLabel("Sigma").fill("5");
      await page.locator("#list").focus();
      await page.keyboard.press("j");
      await page.locator("figcaption b").filter({ hasNotText: first! }).waitFor();
      assertEquals(await page.getByLabel("Sigma").inputValue(), "5");
      // A sample that arrives late must not replace a sample that was chosen later.
      await page.locator("#sample-0").click();
      const caption = (index: number) => {
        const { phrase, image } = run.result(index)!;
        return [phrase, `X-ray: ${image}`];
      };
      const shownOf = async () => {
        const texts = await page.locator("figcaption :is(b, small)").allTextContents();
        assertMatch(texts[1]!, /, \d+ x \d+ pixels$/);
        return texts.map((text) => text.replace(/, \d+ x \d+ pixels$/, ""));
      };
      const shows = ([phrase, image]: (string | undefined)[]) =>
        page.locator("figcaption").filter({ hasText: phrase! }).filter({ hasText: image! })
          .waitFor();
      await shows(caption(0));
      assertEquals(await shownOf(), caption(0));
      const late = /\/api\/samples\/1[/?]/;
      await page.route(late, async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        await route.continue();
      });
      const settledLate = page.waitForResponse((response) => late.test(response.url()));
      await page.locator("#list").focus();
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await shows(caption(2));
      await settledLate;
      await pixels(page);
      assertEquals(await shownOf(), caption(2));
      assertEquals(await page.locator("#list [aria-selected=true]").getAttribute("id"), "sample-2");
      const kept = await page.evaluate(`(() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["x"], "x.png"));
        const drop = new DragEvent("drop", { dataTransfer, cancelable: true, bubbles: true });
        return !document.body.dispatchEvent(drop);
      })()`);
      assert(kept, "a file that is dropped would take the page's place");
      const ids = () =>
        page.locator("#list [data-place]").evaluateAll((rows) => rows.map(({ id }) => id));
      const inOrder = await ids();
      const miou = await page.locator("#list tbody tr > :nth-child(4)").allTextContents();
      // Set the range by keyboard alone.
      await page.locator("#review summary").click();
      const range = page.getByRole("group", { name: "Range of a score" });
      await range.getByRole("combobox").selectOption("mIoU %");
      await range.getByRole("combobox").focus();
      await page.keyboard.press("Tab");
      await page.keyboard.type("5");
      await page.keyboard.press("Tab");
      await page.keyboard.type("30.5");
      const isWithin = (text: string) => Number(text) >= 5 && Number(text) <= 30.5;
      const within = inOrder.filter((_, i) => miou[i] !== "" && isWithin(miou[i]!));
      assert(within.length > 0 && within.length < 6, `a range of ${miou} that tells nothing`);
      assertEquals(await ids(), within);
      assertMatch(
        (await page.locator("#count").textContent())!,
        new RegExp(`^${within.length} of 6 samples`),
      );
      for (const bound of ["from", "to"]) await range.getByLabel(bound).fill("");
      assertEquals(await ids(), inOrder);
      const active = () => page.locator("#list").getAttribute("aria-activedescendant");
      const chosen = await active();
      await page.getByLabel("Search").fill("no such phrase");
      assertEquals(await page.locator("#count").textContent(), "0 of 6 samples");
      assertEquals(await active(), null);
      await page.getByLabel("Search").fill("");
      assertEquals([await active(), chosen !== null], [chosen, true]);
      const foreign = await page.evaluate(`fetch("/api/samples").then(({ status }) => status)`);
      assertEquals(foreign, 403);
    }, { expected: ["403"] });
  }));

Deno.test("page grounds the sentences of a report, and marks those that deny", () =>
  withXray(async (page) => {
    await page.getByRole("checkbox", { name: /report/i }).check();
    await ground(page, [
      "FINDINGS: There is a left pleural effusion.",
      "No pneumothorax. IMPRESSION: 1. The heart is <b>enlarged</b>.",
    ]);
    await done(page);
    const sentences = page.locator("#sentences button");
    assertEquals(await sentences.count(), 3);
    assertEquals(await page.locator("#sentences h2").allTextContents(), ["FINDINGS", "IMPRESSION"]);
    assertMatch(await sentences.nth(1).textContent() ?? "", /No pneumothorax\..*nothing is there/);
    assertEquals(await page.locator("#sentences b").count(), 0);
    const shown = () => page.locator("figcaption b:visible").allTextContents();
    assertEquals(await shown(), ["There is a left pleural effusion."]);
    const first = await pixels(page);
    await sentences.nth(2).click();
    assertEquals(await shown(), ["The heart is <b>enlarged</b>."]);
    assert(await pixels(page) !== first, "another sentence shows the same picture");
    await page.keyboard.press("k");
    assertEquals(await shown(), ["No pneumothorax."]);
    assertEquals(await sentences.nth(1).getAttribute("aria-pressed"), "true");
  }));
