import * as Plot from "@observablehq/plot";
import { printable } from "../../base/text.ts";
import { quantile } from "../../base/sort_floats.ts";
import { BINS, type PixelCounts } from "./pixel_counts.ts";
import { formatScore, SCORE_STYLES } from "../tables/result_table.ts";
import type { ScoreName } from "../../scoring/score_heatmap.ts";
import { toSvg } from "./svg.ts";

/** Colours that colour-blind readers distinguish (Okabe and Ito), and dashes for more curves. */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#000000"] as const;
const DASHES = ["none", "7,3", "2,3", "9,3,2,3"] as const;

/** Most curves of a chart, since each curve needs its own combination of colour and dash. */
const MAX_CURVES = COLORS.length * DASHES.length;

/** Most characters of a class's name. */
const MAX_NAME = 22;

/** Margins left and right of a plot in pixels. */
const LEFT = 60;
const RIGHT = 290;

/** Limit for values on the axis: contrast without noise is larger, and would squeeze the others. */
const HUGE = 1e6;

/** The thresholds that mIoU averages. */
const MIOU_THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5];

/** A curve with its label in the legend. */
interface Curve {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Sums over the samples of a class. */
interface ClassSums {
  count: number;
  readonly inside: Float64Array;
  readonly outside: Float64Array;
  /** Sums of the samples' IoU by threshold. */
  readonly iou: Float64Array;
}

/** Sums pixel counts by class, and draws curves of the sums. */
export class PixelCurves {
  readonly #classes = new Map<string, ClassSums>();
  readonly #truth: string;

  /** @param truth Word for the ground truth in the titles. */
  constructor(truth: "boxes" | "ground truth" = "boxes") {
    this.#truth = truth;
  }

  /** Adds the pixels of one sample. */
  add(category: string, { inside, outside, boxPixels }: PixelCounts): void {
    const zeros = () => new Float64Array(BINS);
    const sums = this.#classes.getOrInsertComputed(category, () => ({
      count: 0,
      inside: zeros(),
      outside: zeros(),
      iou: zeros(),
    }));
    sums.count++;
    for (let bin = 0; bin < BINS; bin++) {
      sums.inside[bin]! += inside[bin]!;
      sums.outside[bin]! += outside[bin]!;
      sums.iou[bin]! += inside[bin]! / (boxPixels + outside[bin]!);
    }
  }

  /** Draws the curves as SVG documents, by file name. */
  draw(): Record<string, string> {
    const all = [...this.#classes].map(([name, sums]) => ({ name, ...sums }));
    const shown = new Set(all.toSorted((a, b) => b.count - a.count).slice(0, MAX_CURVES));
    const classes = all.filter((sums) => shown.has(sums));
    const truth = this.#truth;
    const pooled = "pixels of a class pooled, heatmaps as scored";
    const hidden = all.length - classes.length;
    return {
      "roc.svg": drawCurves({
        title: `ROC: ${pooled}`,
        x: `share of the pixels outside the ${truth} (false positive rate)`,
        y: `share of the pixels inside the ${truth} (true positive rate)`,
        heading: "area under the curve",
        curves: classes.map(({ name, inside, outside }) => rocCurve(name, inside, outside)),
        hidden,
        diagonal: true,
      }),
      "pr.svg": drawCurves({
        title: `Precision and recall: ${pooled}`,
        x: "recall",
        y: "precision",
        heading: `average precision (share of ${truth === "boxes" ? "box" : truth} pixels)`,
        curves: classes.map(({ name, inside, outside }) => precisionCurve(name, inside, outside)),
        hidden,
        shape: "step-before",
      }),
      "iou.svg": drawCurves({
        title: `IoU of ${truth} and heatmap above a threshold: mean over the samples of a class`,
        x: "threshold; mIoU is the mean over those marked",
        y: "IoU",
        heading: "highest",
        curves: classes.map(({ name, count, iou }) => iouCurve(name, count, iou)),
        hidden,
        marked: MIOU_THRESHOLDS,
      }),
    };
  }
}

/** Computes a ROC curve from the highest threshold to the lowest, and its area by trapezoids. */
function rocCurve(name: string, inside: Float64Array, outside: Float64Array): Curve {
  const points: (readonly [number, number])[] = [[0, 0]];
  let area = 0;
  for (let bin = BINS - 1; bin >= 0; bin--) {
    const [x, y] = [share(outside[bin]!, outside[0]!), share(inside[bin]!, inside[0]!)];
    const [lastX, lastY] = points.at(-1)!;
    area += (x - lastX) * (y + lastY) / 2;
    points.push([x, y]);
  }
  return { label: `${printable(name, MAX_NAME)} ${area.toFixed(3)}`, points };
}

/**
 * Computes precision by recall. The average precision is scikit-learn's `average_precision_score`:
 * the sum of each threshold's precision, weighted by its gain in recall.
 */
function precisionCurve(name: string, inside: Float64Array, outside: Float64Array): Curve {
  const points: (readonly [number, number])[] = [];
  let [average, last] = [0, 0];
  for (let bin = BINS - 1; bin >= 0; bin--) {
    const found = inside[bin]! + outside[bin]!;
    if (found === 0) continue;
    const [recall, precision] = [share(inside[bin]!, inside[0]!), inside[bin]! / found];
    if (points.length === 0) points.push([0, precision]);
    average += (recall - last) * precision;
    last = recall;
    points.push([recall, precision]);
  }
  const chance = share(inside[0]!, inside[0]! + outside[0]!);
  return {
    label: `${printable(name, MAX_NAME)} ${average.toFixed(3)} (${chance.toFixed(3)})`,
    points,
  };
}

function iouCurve(name: string, count: number, iou: Float64Array): Curve {
  const points = Array.from(iou, (sum, bin) => [bin / BINS, sum / count] as const);
  const [x, y] = points.reduce((best, point) => point[1] > best[1] ? point : best);
  return { label: `${printable(name, MAX_NAME)} ${y.toFixed(2)} at ${x.toFixed(2)}`, points };
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** Content of a chart of curves. */
interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Heading of the legend: the meaning of the numbers after the curves' names. */
  readonly heading: string;
  readonly curves: readonly Curve[];
  /** Number of classes without a curve, since there are too few colours. */
  readonly hidden: number;
  /** How lines join the points; straight lines by default. */
  readonly shape?: "step-before";
  /** Whether the chart has a diagonal, the curve of random guesses. */
  readonly diagonal?: boolean;
  /** Values on the x axis to mark. */
  readonly marked?: readonly number[];
}

/** Draws a chart. Both axes are always 0..1, so that readers can compare charts of several runs. */
function drawCurves(chart: Chart): string {
  const { curves, hidden, shape = "linear", diagonal = false, marked = [] } = chart;
  const styles = curves.map((_, i) => ({
    stroke: COLORS[i % COLORS.length]!,
    strokeWidth: 1.8,
    ...(i >= COLORS.length && {
      strokeDasharray: DASHES[Math.floor(i / COLORS.length) % DASHES.length]!,
    }),
  }));
  // Vertical position of line `i` of the legend, in units of the y axis.
  const line = (i: number) => 0.9 - 0.05 * i;
  const axis = { domain: [0, 1], labelAnchor: "center", labelArrow: "none" } as const;
  return toSvg({
    width: LEFT + 420 + RIGHT,
    height: 500,
    marginTop: 40,
    marginBottom: 40,
    marginLeft: LEFT,
    marginRight: RIGHT,
    x: { ...axis, label: chart.x },
    y: { ...axis, label: chart.y },
    marks: [
      Plot.gridX({ stroke: "#eeeeee", strokeOpacity: 1 }),
      Plot.gridY({ stroke: "#eeeeee", strokeOpacity: 1 }),
      Plot.ruleX(marked, { stroke: "#999999", strokeDasharray: "3,3" }),
      ...(diagonal
        ? [Plot.line([[0, 0], [1, 1]], { stroke: "#999999", strokeDasharray: "3,3" })]
        : []),
      ...curves.map(({ points }, i) => Plot.line(points, { ...styles[i]!, curve: shape })),
      ...heading(chart.title),
      ...note(chart.heading, line(-1)),
      ...(hidden > 0 ? note(`and ${hidden} smaller classes`, line(curves.length)) : []),
      ...curves.flatMap(({ label }, i) => [
        Plot.line([[1.04, line(i)], [1.11, line(i)]], styles[i]!),
        Plot.text([[1.13, line(i)]], { text: [label], textAnchor: "start" }),
      ]),
    ],
  });
}

/** Makes a text to the right of a plot, in the legend. */
function note(text: string, y: number): Plot.Markish[] {
  return [Plot.text([[1.04, y]], { text: [text], textAnchor: "start", fill: "#555555" })];
}

/**
 * Draws the distribution of a score by class. Each sample is a line; a box shows the quartiles and
 * the median.
 *
 * @param values Values of the score by class.
 * @returns An SVG document.
 */
export function drawDistribution(
  score: ScoreName,
  values: ReadonlyMap<string, readonly number[]>,
): string {
  const { label, factor } = SCORE_STYLES[score];
  const all = [...values].flatMap(([category, list]) =>
    list.map((value) => ({ category, value: factor * value }))
  );
  const shown = all.filter(({ value }) => Math.abs(value) < HUGE);
  const left = shown.length < all.length
    ? `; ${all.length - shown.length} without noise, beyond the axis`
    : "";
  const rows = [...values].map(([category, list]) => ({
    category,
    text: `${formatScore(score, quantile(Float64Array.from(list).sort(), 0.5))} (${list.length})`,
  }));
  return toSvg({
    width: 760,
    height: 100 + 34 * values.size,
    marginTop: 54,
    marginBottom: 40,
    marginLeft: 150,
    marginRight: 90,
    x: { label, labelAnchor: "center", labelArrow: "none", nice: true },
    y: { domain: [...values.keys()], label: null, tickSize: 0 },
    marks: [
      Plot.gridX({ stroke: "#eeeeee", strokeOpacity: 1 }),
      Plot.boxX(shown, { x: "value", y: "category", r: 0, fill: "#cfe3f1", stroke: "#222222" }),
      Plot.tickX(shown, { x: "value", y: "category", stroke: "#0072b2", strokeOpacity: 0.5 }),
      Plot.axisY({ tickSize: 0, tickFormat: (name: string) => printable(name, MAX_NAME) }),
      Plot.text(rows, {
        y: "category",
        text: "text",
        frameAnchor: "right",
        textAnchor: "start",
        dx: 10,
      }),
      Plot.text(["median (n)"], {
        frameAnchor: "top-right",
        textAnchor: "start",
        dx: 10,
        dy: -12,
        fill: "#555555",
      }),
      ...heading(`${label} of the samples by class${left}`),
    ],
  });
}

/** Makes a title above a plot. */
function heading(title: string): Plot.Markish[] {
  const place = { frameAnchor: "top-left", textAnchor: "start", dy: -24 } as const;
  return [Plot.text([title], { ...place, fontSize: 13, fontWeight: "bold" })];
}
