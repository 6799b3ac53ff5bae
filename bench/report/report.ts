// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

/**
 * `deno task bench:report`: size and speed of the report of a run as large as MS-CXR.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { EXIT, runMain } from "../../cli/kit/exit.ts";
import { command, helpText, parseFlags } from "../../cli/kit/flags.ts";
import { findImages } from "../../cli/kit/images.ts";
import { writeReport } from "../../reports/html/write_report.ts";
import { withPage } from "../../tests/browser/_chromium.ts";
import { describeMachine, RESULTS } from "../environment.ts";
import { median } from "../median.ts";
import { makeRun } from "./made_up_run.ts";

const COMMAND = command({
  usage: "deno task bench:report --images PATH [options]",
  description:
    "Makes up a run as large as MS-CXR (random attention, X-rays that are given, over and over), " +
    "writes its page and opens it in headless Chromium.",
  flags: {
    images: {
      type: "list",
      placeholder: "PATH",
      required: true,
      description: "X-rays: a file, a folder or a pattern; may be given several times.",
    },
    samples: { type: "integer", min: 1, default: 1162, placeholder: "N", description: "Phrases." },
    xrays: { type: "integer", min: 1, default: 1047, placeholder: "N", description: "X-rays." },
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder to write to.",
      defaultText: "bench/results",
    },
  },
});

/** Number of times the page is opened. */
const OPENINGS = 5;

/** Milliseconds since the navigation began; for `sort` and `search`, since the action. */
interface Times {
  /** Until the controls and the first rows are shown and react. */
  readonly ready: number;
  /** Until the first X-ray with its heatmap is drawn. */
  readonly drawn: number;
  /** Until the whole file is read. */
  readonly whole: number;
  /** From a click that sorts the table until the next frame is on the screen. */
  readonly sort: number;
  /** From a typed search until the next frame is on the screen. */
  readonly search: number;
}

async function open(path: string): Promise<Times> {
  let times: Times | undefined;
  await withPage(async (page) => {
    await page.goto(`file://${path}`, { waitUntil: "commit" });
    await page.locator("#body tr").first().waitFor();
    await page.locator(".open").first().scrollIntoViewIfNeeded();
    await page.locator("#body canvas").first().waitFor();
    const drawn = await page.evaluate(() => performance.now());
    await page.waitForLoadState();
    const { ready, whole } = await page.evaluate(() => ({
      ready: performance.getEntriesByName("ready")[0]!.startTime,
      whole: (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming)
        .domContentLoadedEventEnd,
    }));
    /**
     * Clicks an element, or types `text` into it, and waits until the next frame is on the screen.
     */
    const timed = (selector: string, text?: string) =>
      page.locator(selector).evaluate(async (node, text) => {
        const began = performance.now();
        if (text === undefined) (node as HTMLElement).click();
        else {
          (node as HTMLInputElement).value = text;
          node.dispatchEvent(new Event("input"));
        }
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - began;
      }, text);
    const sort = await timed('th[data-key="score2"] button');
    const search = await timed("#search", "number 11");
    times = { ready, drawn, whole, sort, search };
  }, { webgpu: false, viewport: { width: 1280, height: 860 } });
  return times!;
}

async function main(args: string[]): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const { samples, xrays, out = RESULTS } = values;
  const folder = await Deno.makeTempDir({ prefix: "groundray-report-" });
  try {
    await makeRun(folder, await findImages(values.images), { samples, xrays });
    const began = performance.now();
    let peak = 0;
    const watch = setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), 50);
    const path = await writeReport(`${folder}/run`);
    clearInterval(watch);
    const seconds = (performance.now() - began) / 1000;
    const { size } = await Deno.stat(path);
    const all: Times[] = [];
    for (let i = 0; i < OPENINGS; i++) all.push(await open(path));
    const row = (what: string, name: keyof Times) => {
      const times = all.map((times) => times[name]);
      return `| ${what} | ${median(times).toFixed(0)} | ${Math.max(...times).toFixed(0)} |`;
    };
    const date = new Date().toISOString().slice(0, 10);
    const { cpu, cpus } = describeMachine();
    const lines = [
      `The page of ${samples} samples on ${xrays} X-rays, ${date}, ${cpus} x ${cpu}, Deno ` +
      `${Deno.version.deno}: ${(size / 1e6).toFixed(1)} MB, written in ${seconds.toFixed(0)} s ` +
      `(process at most ${(peak / 1e6).toFixed(0)} MB).`,
      "",
      `Opened ${OPENINGS} times in headless Chromium, milliseconds:`,
      "",
      "| | median | longest |",
      "| --- | --- | --- |",
      row("asked for, until controls and rows react", "ready"),
      row("until the first X-ray with its heatmap is drawn, scrolled to", "drawn"),
      row("until the whole file is read", "whole"),
      row("a press that sorts, until it is seen", "sort"),
      row("a search, until it is seen", "search"),
      "",
    ];
    console.log(lines.join("\n"));
    await Deno.mkdir(out, { recursive: true });
    await Deno.writeTextFile(`${out}/${date}-report.md`, lines.join("\n"));
    return EXIT.ok;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runMain(main);
