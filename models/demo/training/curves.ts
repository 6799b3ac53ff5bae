/**
 * Draws the curves of a training: its loss, and the validation scores of several parts of
 * attention. Run by `deno task train:curves RUN FILE`.
 *
 * @module
 */

import * as Plot from "@observablehq/plot";
import { toSvg } from "../../../reports/figures/svg.ts";
import { runScript } from "./_script.ts";

/** One line of train.py's logs. */
type Row = { readonly step: number; readonly loss: number; readonly by_layer: LayerScores };

/** AUC-ROC by part of attention, under train.py's names. */
type LayerScores = Readonly<Record<string, number>>;

/** The curves, which differ in colour and dash. */
const CURVES = [
  { label: "loss", color: "#000000", dash: "none" },
  { label: "AUC-ROC, layers 8-10", color: "#0072b2", dash: "none", read: "8-10" },
  { label: "AUC-ROC, layer 9", color: "#009e73", dash: "8,3", read: "9" },
  { label: "AUC-ROC, layers 3,4,6,7", color: "#d55e00", dash: "6,3", read: "3467" },
  { label: "AUC-ROC, end token", color: "#e69f00", dash: "2,3", read: "end" },
] as const;

async function readLog(path: string): Promise<Row[]> {
  return (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
}

/** Returns a place for each label: its value, or higher, so that labels do not overlap. */
function placeLabels(values: readonly number[]): number[] {
  const places = [...values];
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
  order.forEach((index, i) => {
    const below = i === 0 ? -Infinity : places[order[i - 1]!]!;
    places[index] = Math.max(places[index]!, below + 0.04);
  });
  return places;
}

async function drawCurves(run: string, file: string): Promise<void> {
  const losses = await readLog(`${run}/diffusion.jsonl`);
  const scores = await readLog(`${run}/validation.jsonl`);
  const lines = CURVES.map((curve) => ({
    ...curve,
    points: "read" in curve
      ? scores.map(({ step, by_layer }) => [step, by_layer[curve.read]!] as const)
      : losses.map(({ step, loss }) => [step, loss] as const),
  }));
  const svg = toSvg({
    width: 760,
    height: 360,
    marginLeft: 50,
    marginRight: 170,
    marginBottom: 40,
    x: { label: "steps", labelAnchor: "center", labelArrow: "none" },
    y: { label: null, domain: [0.2, 1] },
    marks: [
      Plot.gridY({ stroke: "#dddddd", strokeOpacity: 1 }),
      ...lines.map(({ color, dash, points }) =>
        Plot.line(points, {
          stroke: color,
          strokeWidth: 1.8,
          ...(dash !== "none" && { strokeDasharray: dash }),
          clip: true,
        })
      ),
      Plot.text(placeLabels(lines.map(({ points }) => points.at(-1)![1])), {
        x: () => losses.at(-1)!.step,
        y: (place: number) => place,
        text: lines.map(({ label }) => label),
        fill: lines.map(({ color }) => color),
        textAnchor: "start",
        dx: 8,
      }),
    ],
  });
  await Deno.writeTextFile(file, svg);
}

if (import.meta.main) {
  await runScript(
    ["deno task train:curves", "RUN", "FILE"],
    ([run, file]) => ({ read: [run], write: [file] }),
    ([run, file]) => drawCurves(run, file),
  );
}
