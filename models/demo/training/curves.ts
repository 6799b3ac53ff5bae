/**
 * Draws the curves of a training: its losses, and the validation scores of the attention that is
 * read. Run by `deno task train:curves RUN FILE`.
 *
 * @module
 */

import * as Plot from "@observablehq/plot";
import { toSvg } from "../../../reports/figures/svg.ts";
import { runScript } from "./_script.ts";

/** Scores by part of attention, under train.py's names. */
type LayerScores = Readonly<Record<string, number>>;

/** A line of train.py's log of losses. */
type LossRow = { readonly step: number; readonly there: number; readonly heard: number };

/** A line of train.py's log of validations. */
type ScoreRow = { readonly step: number; readonly auc: LayerScores; readonly own: LayerScores };

/** The curves, which differ in colour and dash. */
const CURVES = [
  { label: "loss in findings", color: "#000000", dash: "none", loss: "there" },
  { label: "loss of attention", color: "#777777", dash: "4,2", loss: "heard" },
  { label: "AUC-ROC, layers 9, 10", color: "#0072b2", dash: "none", score: "auc" },
  { label: "own box, layers 9, 10", color: "#d55e00", dash: "8,3", score: "own" },
] as const;

/** Layers beside the output, whose scores the curves show. */
const SHOWN = "last two";

async function readLog<Row>(path: string): Promise<Row[]> {
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
  const losses = await readLog<LossRow>(`${run}/diffusion.jsonl`);
  const scores = await readLog<ScoreRow>(`${run}/validation.jsonl`);
  const lines = CURVES.map((curve) => ({
    ...curve,
    points: "score" in curve
      ? scores.map((row) => [row.step, row[curve.score][SHOWN]!] as const)
      : losses.map((row) => [row.step, row[curve.loss]] as const),
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
