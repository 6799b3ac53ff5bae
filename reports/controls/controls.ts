/**
 * Controls of a run: does the method listen to the phrase? docs/method.md, "Does it listen?".
 *
 * @module
 */

import { isInputError } from "../../base/errors.ts";
import { controlId, siblingFor } from "../../datasets/controls/controls.ts";
import type { Question } from "../../datasets/sample.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { controlFolder, hasControls } from "../../runs/control_run.ts";
import { heatmapKey } from "../../runs/heatmap_file.ts";
import { unitsOf } from "../../runs/patients.ts";
import { finishStored, rescore } from "../../runs/rescore.ts";
import { resultTruth } from "../../runs/result_truth.ts";
import { Run } from "../../runs/run.ts";
import { hasHeatmap, type HeatmapResult, isGrounded, RECORD } from "../../runs/run_folder.ts";
import { methodsOf } from "../../runs/scoring_settings.ts";
import { boxIou, type BoxRule } from "../../scoring/box_iou.ts";
import { existenceOf, LARGEST } from "../../scoring/protocols.ts";
import { type ComparedNumber, compareProtocol, type Pair } from "../compare/compare.ts";
import { BOOTSTRAP, type Bootstrap } from "../tables/bootstrap.ts";
import { NO_CLASS } from "../tables/summary.ts";
import {
  type Floor,
  FLOORS,
  Floors,
  type GridSample,
  mapCells,
  scoreFloor,
  truthCells,
} from "./floors.ts";
import { PAPER_PROTOCOL } from "../statistics/scored_numbers.ts";

/** Questions of which the answer is scored against the ground truth of the sample. */
const SCORED = ["other-class", "other-side", "mirrored"] as const satisfies readonly Question[];

/** Controls, in the order of tables. */
export const CONTROLS = [...SCORED, ...FLOORS] as const;

/** A control, or the empty phrase, with which the existence score is contrasted. */
export type Control = Question | Floor;

/**
 * A number of the samples (`value`), of their control (`valueAgainst`), and the difference. For the
 * empty phrase `value` is by contrast, and `valueAgainst` without it.
 */
export interface ControlNumber extends Omit<ComparedNumber, "method" | "against" | "pHolm"> {
  readonly control: Control;
}

/** Controls of a run. */
export interface Controls {
  /** Version of the definitions, and seed by which phrases of other classes are chosen. */
  readonly version: number;
  readonly seed: number;
  /** Unit that intervals draw, and that floors leave out. */
  readonly unit: "patient" | "image";
  readonly bootstrap: Bootstrap;
  /** Numbers by the name of the setting or method. */
  readonly variants: Readonly<Record<string, readonly ControlNumber[]>>;
  /** Number of questions without an answer that can be scored, because they failed or did not run. */
  readonly unanswered: number;
  /** Number of results that could not be read again with their heatmap and ground truth. */
  readonly unread: number;
}

/** A result with its unit, and the position of its sample. */
interface Own {
  readonly result: HeatmapResult;
  readonly unit: string;
}

/**
 * Reads the controls of a run. Questions that another sample of the image asks are answered by that
 * sample's stored map or boxes; the other answers are in the folder of the controls. Floors are made
 * from the stored maps.
 *
 * @param run The run; its heatmaps are read one by one.
 * @param onProgress Called with the number of heatmaps done, and the total; not without controls.
 * @returns `undefined` if the run has no controls.
 * @throws {SyntaxError} If a file is corrupt.
 */
export async function readControls(
  run: Run,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Controls | undefined> {
  if (!await hasControls(run.folder)) return undefined;
  using asked = await Run.open(controlFolder(run.folder), "read");
  const answers = new Map<string, SampleResult>();
  const answered = new Set<string>();
  const dropped = new Set<string>();
  for await (const result of asked.results()) {
    answers.set(heatmapKey(result), result);
    (isGrounded(result) ? answered : dropped).add(result.id);
  }
  const { version, seed } = (asked.record.facts.controls ?? {}) as Partial<Controls>;
  if (typeof version !== "number" || typeof seed !== "number") {
    throw new SyntaxError(
      `Cannot read "${asked.folder}/${RECORD}": expected version and seed of the controls`,
    );
  }
  const unanswered = asked.record.plan.length - answered.difference(dropped).size;
  // A row that failed may not tell its patient.
  const samples = (await Array.fromAsync(run.samples()))
    .filter((results) => results.some(isGrounded))
    .sort(([one], [other]) => (one!.index ?? 0) - (other!.index ?? 0));
  const { unit, names } = unitsOf(samples.map(([first]) => first!));
  const { variants } = run.record;
  const found: Record<string, readonly ControlNumber[]> = {};
  let unread = 0;
  for (const [place, name] of variants.entries()) {
    const own = samples.flatMap((results, i): Own[] => {
      const result = results.find(({ setting = name }) => setting === name);
      return result && isGrounded(result) ? [{ result, unit: names[i]! }] : [];
    });
    const { pairs, unread: more } = await readPairs(
      run,
      asked,
      own,
      answers,
      (done) => onProgress(place * samples.length + done, variants.length * samples.length),
    );
    unread += more;
    const groups = new Map(
      own.flatMap(({ result: { category, group } }) =>
        category !== undefined && group !== undefined ? [[category, group] as const] : []
      ),
    );
    const numbers = [...CONTROLS, "empty" as const].flatMap((control) =>
      compareProtocol(
        control === "empty" ? "existence" : PAPER_PROTOCOL,
        pairs.get(control) ?? [],
        groups,
      ).map((number) => ({ control, ...number }))
    );
    if (numbers.length > 0) found[name] = numbers;
  }
  return { version, seed, unit, bootstrap: BOOTSTRAP, variants: found, unanswered, unread };
}

/** Results of one method beside those of each control. */
async function readPairs(
  run: Run,
  asked: Run,
  all: readonly Own[],
  answers: ReadonlyMap<string, SampleResult>,
  onSample: (done: number) => void,
): Promise<{ readonly pairs: ReadonlyMap<Control, readonly Pair[]>; readonly unread: number }> {
  const pairs = new Map<Control, Pair[]>();
  const add = (control: Control, { result, unit }: Own, against: SampleResult | undefined) => {
    if (against?.status !== "scored" && control !== "empty" || !against) return;
    pairs.getOrInsert(control, []).push({
      method: result,
      against,
      category: result.category ?? NO_CLASS,
      unit,
    });
  };
  const isPositive = (result: HeatmapResult) => result.status === "scored" || !result.negative;
  const images = Map.groupBy(all, ({ result: { image = "" } }) => image);
  const grids: { readonly own: Own; readonly grid: GridSample }[] = [];
  const read = async (own: Own) => {
    const { result, unit } = own;
    const others = images.get(result.image ?? "")!.map(({ result }) => result).filter(isPositive);
    const answerTo = (question: Question) => {
      const id = controlId(result.id, question);
      const { setting } = result;
      return answers.get(heatmapKey({ id, ...(setting && { setting }) })) ??
        answers.get(heatmapKey({ id }));
    };
    if (result.status === "scored") {
      for (const question of SCORED) {
        const sibling = siblingFor<HeatmapResult>(result, question, others);
        add(question, own, sibling ? await scoreSibling(run, result, sibling) : answerTo(question));
      }
      if (hasHeatmap(result)) {
        const { category = NO_CLASS } = result;
        const { image, view, normalised, crop } = await run.get(result.id, result.setting);
        const truth = await resultTruth(result, image, run.folder);
        const maps = { map: mapCells(normalised), region: truthCells(truth, crop) };
        const facts = { unit, category, crop, image, truth, view: JSON.stringify(view ?? null) };
        grids.push({ own, grid: { ...facts, ...maps } });
      }
    }
    const empty = answerTo("empty");
    if (empty && hasHeatmap(empty) && hasHeatmap(result)) {
      const [contrast, plain] = await existenceBoth(run, asked, result, empty);
      add("empty", { result: contrast, unit }, plain);
    }
  };
  let unread = 0;
  for (const [done, own] of all.entries()) {
    onSample(done);
    await read(own).catch((error) => {
      const isDamage = isInputError(error) || error instanceof SyntaxError ||
        error instanceof RangeError;
      if (!isDamage) throw error;
      unread++;
    });
  }
  const floors = new Floors(grids.map(({ grid }) => grid));
  for (const { own, grid } of grids) {
    const { margin, otsu } = run.settingsOf(own.result.setting);
    for (const floor of FLOORS) {
      const map = floors.of(floor, grid);
      if (!map) continue;
      const scores = scoreFloor(map, grid, { margin, otsu });
      add(floor, own, { ...own.result, ...scores, status: "scored" });
    }
  }
  return { pairs, unread };
}

/** Scores the answer to another sample's phrase against the ground truth of a sample. */
async function scoreSibling(
  run: Run,
  result: HeatmapResult,
  sibling: HeatmapResult,
): Promise<SampleResult | undefined> {
  const { predicted } = sibling;
  if (!predicted) {
    const stored = await run.stored(sibling);
    const truth = await resultTruth(result, stored.image, run.folder);
    return rescore(result, stored, { ...run.settingsOf(result.setting), protocols: [] }, truth);
  }
  const { imageSize = sibling.imageSize, masks, setting } = result;
  if (masks && !imageSize) return undefined;
  const methods = methodsOf(run.record);
  const { rule } = (setting ? methods[setting] : Object.values(methods)[0]) ?? {};
  const image = imageSize ?? LARGEST;
  const truth = await resultTruth(result, image, run.folder);
  const miou = boxIou(predicted, truth, image, rule as BoxRule | undefined);
  return { ...result, status: "scored", absCnr: NaN, cnr: NaN, miou, aucRoc: NaN };
}

/**
 * The result with its existence score by contrast with the empty phrase, and without. The contrast is
 * the difference of both maps before they are scaled to 0..1.
 */
async function existenceBoth(
  run: Run,
  asked: Run,
  result: HeatmapResult,
  empty: HeatmapResult,
): Promise<[HeatmapResult, HeatmapResult]> {
  const settings = run.settingsOf(result.setting);
  const stored = await asked.stored(empty);
  const [own, none] = [await run.stored(result), stored]
    .map((stored) => finishStored(stored, settings).smoothed) as [Float32Array, Float32Array];
  // Methods that scale their maps themselves answer with the contrast.
  const contrast = stored.view ? none : own.map((value, i) => value - none[i]!);
  const isPresent = result.status === "scored" || !result.negative;
  const withScore = (map: Float32Array): HeatmapResult => ({
    ...result,
    protocols: { existence: [{ present: Number(isPresent), ...existenceOf(map) }] },
  });
  return [withScore(contrast), withScore(own)];
}
