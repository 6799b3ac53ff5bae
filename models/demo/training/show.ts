/**
 * Makes again all that shows the bundled model: the pictures of README.md and docs, `scores.txt`
 * beside the model card, and the table of what faster settings give up. Run by `deno task train:show DATA
 * SEED` in the root of the repository; needs Debian's chromium.
 *
 * @module
 */

import "../../../base/host/deno/mod.ts";
import type { Page } from "playwright-core";
import {
  onPage,
  pressExample,
  untilStatus,
  warmServer,
} from "../../../bench/browser/served_page.ts";
import { UsageError } from "../../../cli/kit/flags.ts";
import { runMain } from "../../../cli/kit/exit.ts";
import { writeWhole } from "../../../base/write_whole.ts";
import { withPage } from "../../../tests/support/chromium.ts";
import { ServedRun } from "../../../web/server/served_run.ts";

/** Text output of `deno task train:report`, beside the model card. */
const SCORES = "models/demo/scores.txt";

/** Folder of the run that pictures show; a relative path, since pictures name it. */
const RUN = "out/show";

/** The X-ray and the phrases of the first picture. */
const [XRAY, PHRASES] = ["phantom:29", [
  "the heart is enlarged",
  "left pneumothorax with a visible pleural line",
]] as const;

/** The X-ray and the phrase of the attention by layer and step. */
const [SHEET_XRAY, SHEET_PHRASE] = ["phantom:12", "focal consolidation of the right upper lobe"];

/** The page's example with findings of two sizes in different places. */
const EXAMPLE = /^Phantom 3/;

/** Runs a task of the project and returns its output without colours. */
async function task(...args: string[]): Promise<string> {
  console.log(`deno task ${args.join(" ")}`);
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["task", "--quiet", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(`deno task ${args.join(" ")}: ${text(stderr).trim()}`);
  return text(stdout);
}

/** Saves a picture of the whole page, or of the window alone. */
async function save(page: Page, path: string, fullPage = true): Promise<void> {
  await page.screenshot({ path, fullPage, animations: "disabled" });
}

/** Puts pictures side by side into one, `width` pixels wide. */
async function join(pictures: readonly string[], path: string, width: number): Promise<void> {
  const sources = await Promise.all(
    pictures.map(async (picture) =>
      `data:image/png;base64,${(await Deno.readFile(picture)).toBase64()}`
    ),
  );
  const images = sources.map((source) => `<img src="${source}" style="flex:1;min-width:0">`);
  await withPage(async (page) => {
    await page.setContent(
      '<body style="margin:0"><div style="display:flex;gap:8px;align-items:start">' +
        `${images.join("")}</div></body>`,
    );
    await page.locator("div").screenshot({ path });
  }, { webgpu: false, viewport: { width, height: 800 } });
}

/** Draws the pictures of a run on the default phantoms: figures, report and review. */
async function showRun(folder: string): Promise<void> {
  await task("eval", "--out", RUN);
  await task("figures", RUN, "--count", "4", "--out", `${folder}/figures`);
  await join([`${folder}/figures/random.png`], "docs/samples.png", 1100);
  await withPage(async (page) => {
    await page.goto(`file://${await Deno.realPath(RUN)}/report.html`);
    await page.locator("#viewers canvas").first().waitFor();
    await page.waitForTimeout(500);
    await save(page, "docs/report.png");
  }, { webgpu: false, viewport: { width: 1280, height: 800 } });
  using run = await ServedRun.open(RUN);
  await using server = await warmServer("cpu", run);
  await withPage(async (page) => {
    await page.goto(server.url);
    await page.locator("#list th").getByRole("button", { name: "mIoU %" }).click();
    await page.locator("#list tbody tr").first().click();
    await page.locator("#viewers canvas").first().waitFor();
    // The picture is drawn in a frame after its canvas is there.
    await page.waitForTimeout(500);
    await save(page, "docs/review.png", false);
  }, { webgpu: false, viewport: { width: 1280, height: 800 } });
}

/** Draws the pictures of single X-rays. */
async function showXrays(folder: string): Promise<void> {
  const phrases = PHRASES.flatMap((phrase) => ["--phrase", phrase]);
  await task("ground", "--image", XRAY, ...phrases, "--out", `${folder}/pair`);
  const parts = [...Deno.readDirSync(`${folder}/pair`)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => `${folder}/pair/${name}/overlay.png`).sort();
  await join(parts, "docs/overlay.png", 1032);
  const sheet = ["--phrase", SHEET_PHRASE, "--attention", "all", "--out", `${folder}/sheet`];
  await task("ground", "--image", SHEET_XRAY, ...sheet);
  await join([`${folder}/sheet/attention.png`], "docs/attention.png", 1100);
}

/** Draws the page after a press on an example, in a wide window and on a phone. */
async function showPage(): Promise<void> {
  await using server = await warmServer("cpu");
  await onPage(server, async (page) => {
    await untilStatus(page, /^Ready\.$/);
    await pressExample(page, EXAMPLE);
    await page.setViewportSize({ width: 1280, height: 800 });
    await save(page, "docs/page.png", false);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 390, height: 844 });
    await save(page, "docs/page-phone.png", false);
  });
}

async function main(args: string[]): Promise<number> {
  const [data, seed] = args;
  if (args.length !== 2 || !data || !/^\d+$/.test(seed!)) {
    throw new UsageError("Usage: deno task train:show DATA SEED");
  }
  const folder = await Deno.makeTempDir({ prefix: "groundray-show-" });
  // A run of an earlier model would not go on with this model.
  await Deno.remove(RUN, { recursive: true }).catch(() => {});
  try {
    await showXrays(folder);
    await showRun(folder);
    await showPage();
    await task("bench:fidelity", "--images", "6", "--out", "bench/results");
    await writeWhole(SCORES, await task("train:report", "--data", data, "--seed", seed!));
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runMain(main);
