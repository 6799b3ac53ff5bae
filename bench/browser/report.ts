/**
 * Renders the page's measurements as Markdown.
 *
 * @module
 */

import { median } from "../median.ts";
import type { FirstLook } from "./first_look.ts";
import type { FullSize } from "./full_size.ts";
import type { NextSample } from "./next_sample.ts";
import type { PhraseMemory } from "./phrase_memory.ts";
import type { GpuPress, PressTimes } from "./press.ts";
import type { SliderTimes } from "./sliders.ts";

/** All measurements of the page. */
export interface Measured {
  readonly look: FirstLook;
  readonly press: PressTimes;
  readonly gpuPress?: GpuPress;
  readonly memory: PhraseMemory;
  readonly sliders: readonly SliderTimes[];
  readonly next: readonly NextSample[];
  readonly fullSize?: FullSize;
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
const spread = (values: readonly number[], digits: number, unit: string) =>
  `${median(values).toFixed(digits)} ${unit} (least ${Math.min(...values).toFixed(digits)})`;

/** Returns the lines of the tables, with a budget beside each value that has a budget. */
export function tables(measured: Measured): string[] {
  const { look, press, gpuPress, memory, sliders, next, fullSize } = measured;
  return [
    ...["| the page | | budget |", "| --- | --- | --- |"],
    ...lookRows(look),
    "",
    ...["| a press on an example, until its heatmaps are drawn | |", "| --- | --- |"],
    ...pressRows(press),
    ...(gpuPress ? gpuRows(gpuPress) : []),
    "",
    ...memoryRows(memory),
    "",
    "| a slider's move to the new heatmap of 512x512, median (longest) | sigma | threshold | opacity |",
    "| --- | --- | --- | --- |",
    ...sliders.map(sliderRow),
    "",
    "| the next sample of a run, X-rays of 2544x3056 in JPEG, median (longest) | | budget |",
    "| --- | --- | --- |",
    ...next.map(({ pace, median, max }) =>
      `| a key every ${pace} ms | ${median.toFixed(0)} ms (${max.toFixed(0)} ms) | 100 ms |`
    ),
    ...(fullSize ? ["", ...fullSizeRows(fullSize)] : []),
  ];
}

function lookRows({ bytes, paint }: FirstLook): string[] {
  const { "/worker.js": worker = 0, ...page } = bytes;
  const total = Object.values(page).reduce((sum, size) => sum + size, 0);
  return [
    `| page, style and script, in gzip | ${kilobytes(total)} | 200 kB |`,
    `| the worker's script, in gzip | ${kilobytes(worker)} | |`,
    `| first paint, median (longest) | ${paint.median.toFixed(0)} ms (${
      paint.max.toFixed(0)
    } ms) | 1000 ms |`,
  ];
}

function pressRows({ page, wasm, native }: PressTimes): string[] {
  const seconds = page.map(({ seconds }) => seconds);
  const { passes } = page[0]!;
  const ratio = (others: readonly number[]) =>
    `${spread(others, 2, "s")}; the page takes ${(median(seconds) / median(others)).toFixed(2)} ` +
    `times as long (of the least: ${(Math.min(...seconds) / Math.min(...others)).toFixed(2)})`;
  return [
    `| WebAssembly, model open, nothing grounded before | ${spread(seconds, 2, "s")} |`,
    `| its passes | ${passes}, of ${spread(seconds.map((s) => s / passes), 3, "s")} each |`,
    `| the same phrases in Deno, WebAssembly | ${ratio(wasm)} |`,
    `| the same phrases in Deno, native | ${ratio(native)} |`,
  ];
}

function gpuRows({ seconds, passes, place, memory: [before, after] }: GpuPress): string[] {
  return [
    `| ${place.replace(/: .*/, "")} | ${seconds.toFixed(1)} s, ${passes} passes of ${
      (seconds / passes).toFixed(2)
    } s |`,
    `| the GPU's process meanwhile | ${megabytes(before.gpu.now)} to ${megabytes(after.gpu.now)} |`,
  ];
}

function memoryRows({ samples, slope }: PhraseMemory): string[] {
  const { phrases: all } = samples.at(-1)!;
  const shown = samples.filter(({ phrases }, i) => i === 0 || phrases % (all / 5) === 0);
  const cells = (of: (sample: typeof shown[number]) => string) => shown.map(of).join(" | ");
  return [
    `| after phrases | ${cells(({ phrases }) => String(phrases))} | a phrase adds, from 20 on |`,
    `| --- |${" --- |".repeat(shown.length + 1)}`,
    `| the page's process | ${cells(({ bytes }) => megabytes(bytes))} | ${
      (slope / 1000).toFixed(0)
    } kB |`,
  ];
}

function sliderRow({ place, times }: SliderTimes): string {
  const cells = [times.sigma, times.threshold, times.opacity].map(({ median, max }) =>
    `${median.toFixed(0)} ms (${max.toFixed(0)})`
  );
  return `| ${[place.replace(/\.$/, ""), ...cells].join(" | ")} |`;
}

function fullSizeRows(size: FullSize): string[] {
  const { bytes, opened, openPeak, openBytes, first, pass, denoPass, peak } = size;
  const of = (value: number) => `${(value / 1e9).toFixed(2)} GB, ${(value / bytes).toFixed(2)} x`;
  const head = [
    `| the published size, ${(bytes / 1e9).toFixed(2)} GB, by WebAssembly | |`,
    "| --- | --- |",
    `| opens in | ${typeof opened === "string" ? opened : `${opened.toFixed(0)} s`} |`,
    `| the page's process at most | ${of(openPeak)} its files |`,
    `| in memory once it is open | ${of(openBytes)} |`,
  ];
  if (first === undefined || pass === undefined || denoPass === undefined || !peak) return head;
  return [
    ...head,
    `| at most with passes | ${of(peak)} |`,
    `| X-ray, phrase and first pass | ${first.toFixed(0)} s |`,
    `| a pass | ${pass.toFixed(1)} s; in Deno, WebAssembly, right after it ${
      denoPass.toFixed(1)
    } s |`,
  ];
}
