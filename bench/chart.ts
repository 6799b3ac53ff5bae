/**
 * Charts of the measurements: a row for each case, a dot for each contender.
 *
 * @module
 */

import * as Plot from "@observablehq/plot";
import type { Measurement } from "./postprocess/measure.ts";
import type { MemorySample } from "./memory/memory.ts";
import { toSvg } from "../reports/figures/svg.ts";
import { TITLES } from "./postprocess/report.ts";

/**
 * Colours that colour-blind readers can tell apart (Okabe and Ito); each contender has its own
 * shape.
 */
const SERIES = [
  { column: "typescript", colour: "#0072b2", symbol: "circle" },
  { column: "shaders", colour: "#d55e00", symbol: "square" },
  { column: "gpuTime", colour: "#e69f00", symbol: "diamond" },
  { column: "released", colour: "#000000", symbol: "triangle" },
  { column: "best", colour: "#009e73", symbol: "star" },
] as const;

/**
 * Space above the plot for title and legend, space left of it, and width of a legend entry, in
 * pixels.
 */
const TOP = 74;
const LEFT = 160;
const LEGEND_STEP = 150;

/** A dot: its row, its place in milliseconds, its colour and its shape. */
interface Point {
  readonly row: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly colour: string;
  readonly symbol: string;
}

/**
 * Draws each median as a dot, on a line from the shortest to the longest time.
 *
 * @param title Subject, machine and date of the measurements.
 * @returns An SVG document.
 */
export function drawTimes(measurements: readonly Measurement[], title: string): string {
  const rows: string[] = [];
  const headings: string[] = [];
  for (const { group, name } of measurements) {
    const heading = group === "kernels" ? "by kernel" : `by ${group}`;
    if (!headings.includes(heading)) {
      headings.push(heading);
      rows.push(heading);
    }
    rows.push(name);
  }
  const points = measurements.flatMap(({ name, times, gpuTime }) =>
    SERIES.flatMap(({ column, colour, symbol }): Point[] => {
      const spread = column === "gpuTime" ? gpuTime : times[column];
      return spread ? [{ row: name, ...spread, colour, symbol }] : [];
    })
  );
  const shown = SERIES.filter(({ colour }) => points.some((point) => point.colour === colour));
  return toSvg({
    width: 860,
    height: TOP + 50 + 22 * rows.length,
    marginTop: TOP,
    marginLeft: LEFT,
    marginRight: 30,
    marginBottom: 44,
    x: {
      type: "log",
      label: "milliseconds, readback included (logarithmic)",
      labelAnchor: "center",
      labelArrow: "none",
      tickFormat: (value: number) => /^[15]/.test(value.toExponential()) ? String(value) : "",
    },
    y: { type: "band", domain: rows, label: null, tickSize: 0 },
    marks: [
      Plot.gridX({ stroke: "#dddddd", strokeOpacity: 1 }),
      Plot.gridY(rows.filter((row) => !headings.includes(row)), {
        stroke: "#eeeeee",
        strokeOpacity: 1,
      }),
      Plot.axisY({
        tickSize: 0,
        tickFormat: (row: string) => headings.includes(row) ? "" : row,
      }),
      Plot.text(headings, {
        y: (row: string) => row,
        text: (row: string) => row,
        frameAnchor: "left",
        textAnchor: "end",
        dx: -9,
        fontWeight: "bold",
      }),
      Plot.ruleY(points, { y: "row", x1: "min", x2: "max", stroke: "colour", strokeWidth: 1.5 }),
      Plot.dot(points, { y: "row", x: "median", fill: "colour", symbol: "symbol", r: 4.5 }),
      ...heading(title),
      ...shown.flatMap(({ column, colour, symbol }, i) =>
        legend(TITLES[column], colour, symbol, i)
      ),
    ],
  });
}

/**
 * Draws memory over the number of heatmaps.
 *
 * @param title Subject, machine and date of the measurements.
 * @returns An SVG document.
 */
export function drawMemory(samples: readonly MemorySample[], title: string): string {
  const lines = [
    { label: "process", colour: "#0072b2", of: "process" },
    { label: "live GPU buffers", colour: "#d55e00", of: "bufferBytes" },
  ] as const;
  return toSvg({
    width: 860,
    height: 340,
    marginTop: TOP,
    marginLeft: LEFT,
    marginRight: 30,
    marginBottom: 44,
    x: { label: "heatmaps", labelAnchor: "center", labelArrow: "none" },
    y: {
      label: "megabytes in memory",
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 60,
      zero: true,
    },
    marks: [
      Plot.gridY({ stroke: "#dddddd", strokeOpacity: 1 }),
      ...lines.map(({ colour, of }) =>
        Plot.line(samples, {
          x: "heatmaps",
          y: (sample: MemorySample) => sample[of] / 1e6,
          stroke: colour,
          strokeWidth: 1.8,
          ...(of === "bufferBytes" && { strokeDasharray: "6,3" }),
        })
      ),
      ...heading(title),
      ...lines.flatMap(({ label, colour }, i) =>
        legend(label, colour, i === 0 ? "circle" : "square", i)
      ),
    ],
  });
}

/** Writes a title into the space above a plot. */
function heading(title: string): Plot.Markish[] {
  const place = { frameAnchor: "top-left", textAnchor: "start", dx: 10 - LEFT } as const;
  return [Plot.text([title], { ...place, dy: 16 - TOP, fontSize: 14, fontWeight: "bold" })];
}

/** Draws one entry of the legend above a plot; `index` is its place, from 0. */
function legend(
  text: string,
  fill: string,
  symbol: string,
  index: number,
): Plot.Markish[] {
  const dx = index * LEGEND_STEP + 16 - LEFT;
  const dy = 42 - TOP;
  return [
    Plot.dot([0], { frameAnchor: "top-left", dx, dy, fill, symbol: symbol as "circle", r: 4.5 }),
    Plot.text([text], { frameAnchor: "top-left", textAnchor: "start", dx: dx + 9, dy }),
  ];
}
