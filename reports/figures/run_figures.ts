import { printable, quote } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { Random } from "../../base/random.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { inClassOrder } from "../tables/class_means.ts";
import { originalImage } from "../original_image.ts";
import { renderOverlay, withoutHeat } from "./overlay.ts";
import { countPixels } from "./pixel_counts.ts";
import type { VariantOptions } from "../reader_options.ts";
import { methodLabels } from "../tables/method_notes.ts";
import { formatScore, SCORE_STYLES } from "../tables/result_table.ts";
import { resultOutline, resultTruth } from "../../runs/result_truth.ts";
import { Run, type RunHeatmap } from "../../runs/run.ts";
import { hasHeatmap, type HeatmapResult, isGrounded } from "../../runs/run_folder.ts";
import { coverOf } from "../../base/geometry.ts";
import { drawDistribution, PixelCurves } from "./score_curves.ts";
import { drawSheet, type Panel, PANEL_SIDE } from "./sheet.ts";
import { NO_CLASS } from "../tables/summary.ts";

/** Options of {@linkcode drawRun}. */
export interface FigureOptions extends VariantOptions {
  /**
   * Most panels per sheet.
   *
   * @default {12}
   */
  readonly count?: number;
  /**
   * Seed for the choice of random samples.
   *
   * @default {0}
   */
  readonly seed?: number;
}

/** A figure and the name of its file. */
export interface Figure {
  /** File name, such as `gallery-pleural-effusion.svg`. */
  readonly name: string;
  /** An SVG document. */
  readonly svg: string;
}

type Scored = Extract<SampleResult, { readonly status: "scored" }>;

/** Longer side of a panel's picture in pixels: more than its size in the SVG, for fine screens. */
const PIXELS = 1.5 * PANEL_SIDE;

/** Most corners of an outline, some 30 KB. */
const MAX_CORNERS = 2000;

/** Results of one sheet. */
interface Choice {
  readonly name: string;
  readonly heading: string;
  /** Results in the order of the panels; a place is empty where a method has no result. */
  readonly results: readonly (HeatmapResult | undefined)[];
  /** Labels of the methods, if each sample has a row with a panel for each method. */
  readonly labels?: readonly string[];
}

/**
 * Draws the figures of a run. Curves show ROC, precision and recall, and IoU by threshold for each
 * class. Further charts show the distribution of each score. Sheets show X-rays with heatmap and
 * ground truth. A method that gives boxes has no curves, and its sheets show the boxes. There are
 * sheets of the best, the worst and random samples, and of each class. All but the random samples
 * show one setting; the random samples show each method of a run side by side, by default.
 *
 * @example Usage
 * ```ts
 * import { drawRun } from "./run_figures.ts";
 *
 * async function drawInto(folder: string, run: string): Promise<void> {
 *   for await (const { name, svg } of drawRun(run, { count: 8 })) {
 *     await Deno.writeTextFile(`${folder}/${name}`, svg);
 *   }
 * }
 * ```
 *
 * @param folder The run's folder; images are read from the paths in its results.
 * @param options Setting, number of panels, seed and callbacks.
 * @throws {RangeError} If the run has no such setting.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function* drawRun(
  folder: string,
  options: FigureOptions = {},
): AsyncIterableIterator<Figure> {
  const { setting, count = 12, seed = 0, signal, onNotice = () => {}, onProgress } = options;
  using run = await Run.open(folder, "draw");
  const chosen = run.variant(setting);
  const { variants } = run.record;
  const methods = setting === undefined && variants.length > 1
    ? methodLabels(run.record)
    : undefined;
  const all = (await Array.fromAsync(run.results(methods ? undefined : chosen))).filter(isGrounded);
  const results = all.filter((result) => (result.setting ?? chosen) === chosen);
  const scored = results.filter((result) => result.status === "scored");
  const found = Map.groupBy(scored, ({ category = NO_CLASS }) => category);
  const classes = new Map(inClassOrder(found.keys()).map((name) => [name, found.get(name)!]));
  const random = new Random(seed);
  const samples = methods && pick([...Map.groupBy(all, ({ id }) => id).values()], count, random);
  const choices = choose(scored, classes, count, {
    name: "random.svg",
    heading: `Random samples, seed ${seed}`,
    results: samples?.flatMap((own) =>
      variants.map((name) => own.find((a) => a.setting === name))
    ) ??
      pick(results, count, random),
    ...(methods && { labels: variants.map((name) => methods[name] ?? name) }),
  });
  const mapped = scored.filter(hasHeatmap).length;
  const total = choices.reduce((sum, { results }) => sum + results.filter(Boolean).length, mapped);
  let done = 0;
  const onHeatmap = () => {
    signal?.throwIfAborted();
    onProgress?.(++done, total);
  };
  if (scored.length > 0) yield* drawCurves(classes, run, onHeatmap, onNotice);
  const missing = new Set<string>();
  for (const { name, heading, results: shown, labels } of choices) {
    const panels: (Panel | undefined)[] = [];
    for (const result of shown) {
      if (!result) {
        panels.push(undefined);
        continue;
      }
      try {
        panels.push(
          await makePanel(
            result,
            result.predicted ? undefined : await run.get(result.id, result.setting),
            folder,
          ),
        );
      } catch (error) {
        // The panels of a sample stay below the labels.
        if (labels) panels.push(undefined);
        if (missing.has(result.id)) continue;
        missing.add(result.id);
        const reason = printable((error as Error).message, 500);
        onNotice(`No panel of ${quote(result.id)}: ${reason}`);
      } finally {
        onHeatmap();
      }
    }
    if (panels.some(Boolean)) {
      const title = chosen && !labels ? `${heading} (${chosen})` : heading;
      yield { name, svg: drawSheet(title, panels, labels) };
    }
  }
}

async function* drawCurves(
  classes: ReadonlyMap<string, readonly Scored[]>,
  run: Run,
  onHeatmap: () => void,
  onNotice: (notice: string) => void,
): AsyncIterableIterator<Figure> {
  const hasMasks = [...classes.values()].some((results) => results.some(({ masks }) => masks));
  const curves = new PixelCurves(hasMasks ? "ground truth" : "boxes");
  for (const [category, results] of classes) {
    for (const result of results.filter(hasHeatmap)) {
      const { heatmap, size, image, crop } = await run.get(result.id, result.setting);
      const { margin } = run.settings;
      try {
        const truth = await resultTruth(result, image, run.folder);
        curves.add(category, countPixels(heatmap, size, image, truth, margin, coverOf(crop)));
      } catch (error) {
        if (!result.masks) throw error;
        onNotice(`No curve of ${quote(result.id)}: ${printable((error as Error).message, 500)}`);
      }
      onHeatmap();
    }
  }
  const hasMaps = [...classes.values()].some((results) => results.some(hasHeatmap));
  if (hasMaps) {
    for (const [name, svg] of Object.entries(curves.draw())) yield { name, svg };
  }
  for (const score of SCORES) {
    // Predicted boxes have no contrast and no ROC.
    if (score !== "miou" && !hasMaps) continue;
    const values = [...classes].map(([category, results]): [string, number[]] => [
      category,
      results.map((result) => result[score]),
    ]);
    const name = `distribution-${SCORE_STYLES[score].key}.svg`;
    yield { name, svg: drawDistribution(score, new Map(values)) };
  }
}

/** Chooses the results of each sheet. */
function choose(
  scored: readonly Scored[],
  classes: ReadonlyMap<string, readonly Scored[]>,
  count: number,
  random: Choice,
): Choice[] {
  const ranked = byMiou(scored);
  const names = new Set<string>();
  return [
    { name: "best.svg", heading: "Highest mIoU", results: ranked.slice(0, count) },
    { name: "worst.svg", heading: "Lowest mIoU", results: ranked.toReversed().slice(0, count) },
    random,
    ...[...classes].map(([category, all]): Choice => ({
      name: `${fileName(`gallery-${category}`, names)}.svg`,
      heading: all.length > count
        ? `${category}: ${count} of ${all.length} samples, evenly from highest to lowest mIoU`
        : `${category}: all samples from highest to lowest mIoU`,
      results: spread(byMiou(all), count),
    })),
  ];
}

function byMiou(results: readonly Scored[]): Scored[] {
  return results.toSorted((a, b) => b.miou - a.miou);
}

/** Takes `count` entries at even distances, from the first to the last. */
function spread<T>(entries: readonly T[], count: number): T[] {
  if (entries.length <= count) return [...entries];
  const step = (entries.length - 1) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, i) => entries[Math.round(i * step)]!);
}

/** Takes `count` random entries, without changing their order. */
function pick<T>(entries: readonly T[], count: number, random: Random): T[] {
  let left = Math.min(count, entries.length);
  return entries.filter((_, i) => {
    const isPicked = random.uniform() * (entries.length - i) < left;
    if (isPicked) left--;
    return isPicked;
  });
}

/** Makes a file name that every system accepts, and that differs from the names in `taken`. */
function fileName(text: string, taken: Set<string>): string {
  const plain = text.normalize("NFKD").toLowerCase().match(/[a-z0-9]+/g)!.join("-").slice(0, 80);
  let name = plain;
  for (let number = 2; taken.has(name); number++) name = `${plain}-${number}`;
  taken.add(name);
  return name;
}

/**
 * Draws the panel of one sample: with its heatmap, or with its predicted boxes.
 *
 * @throws {Error} If the image is missing or invalid, or has another size than the grounded image.
 */
async function makePanel(
  result: HeatmapResult,
  heatmap: RunHeatmap | undefined,
  folder: string,
): Promise<Panel> {
  const { predicted = [], confidence, boxes } = result;
  const gray = await originalImage(folder, result.image, heatmap?.image);
  const covered = heatmap ?? withoutHeat(gray);
  const overlay = await renderOverlay({ ...covered, gray, maxSide: PIXELS });
  const miou = result.status === "scored" && `IoU ${formatScore("miou", result.miou)} %`;
  const scores = heatmap
    ? miou ? `|CNR| ${formatScore("absCnr", result.absCnr)} · m${miou}` : ""
    : [...(miou ? [miou] : []), ...(predicted.length === 0 ? ["no box"] : [])].join(" · ");
  const { width, height } = heatmap?.image ?? gray;
  // A quarter of the panel's pixel, which no reader sees.
  const tolerance = Math.max(width, height) / PANEL_SIDE / 4;
  const image = { width, height };
  const outline = await resultOutline(result, image, folder, { tolerance, most: MAX_CORNERS });
  return {
    ...{ ...titleOf(result), boxes, scores, overlay, image },
    ...(outline && { outline }),
    ...(!heatmap && { predicted, ...(confidence && { confidence }) }),
  };
}

function titleOf({ id, phrase = "", category }: HeatmapResult) {
  return { phrase, name: category ? `${category} · ${id}` : id };
}
