import { UsageError } from "../../base/options.ts";
import { nameOf, stat } from "../../base/paths.ts";
import { quote } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { Run } from "../../runs/run.ts";
import { isGrounded } from "../../runs/run_folder.ts";

/** A setting or method of a run, as a column of the comparison. */
export interface Column {
  /** Name in tables, such as `ldm` or `methods:biovil`. */
  readonly name: string;
  /** The run; its owner closes it. */
  readonly run: Run;
  /** Name of the setting or method within its run. */
  readonly setting: string;
}

/** Results of one sample, in the order of the columns. */
export type MatchedSample = readonly SampleResult[];

/** Samples that all columns have. */
export interface Matched {
  /** The samples in the order of the dataset. */
  readonly samples: readonly MatchedSample[];
  /** Sentences about samples that do not count. */
  readonly notes: readonly string[];
}

/**
 * Splits an operand such as `RUN` or `RUN:SETTING`. A folder comes first, even with a colon.
 *
 * @returns The folder, and the setting if the operand names one.
 */
export async function splitOperand(
  operand: string,
): Promise<{ readonly folder: string; readonly setting?: string }> {
  for (let at = operand.length; at > 0; at = operand.lastIndexOf(":", at - 1)) {
    const folder = operand.slice(0, at).replace(/(?<=.)\/+$/, "");
    if (!(await stat(folder))?.isDirectory) continue;
    return { folder, ...(at < operand.length && { setting: operand.slice(at + 1) }) };
  }
  return { folder: operand };
}

/**
 * Opens the runs of a comparison. An operand without a setting stands for all settings of its run.
 *
 * @param operands `RUN` or `RUN:SETTING` each; the first column is the one to compare with.
 * @throws {UsageError} If there are less than two columns, or a column is named twice.
 * @throws {RangeError} If a run has no such setting.
 * @throws {Error} As {@linkcode Run.open}.
 */
export async function openColumns(operands: readonly string[]): Promise<Column[]> {
  const runs = new Map<string, Run>();
  try {
    const found: { run: Run; setting: string; isAlone: boolean }[] = [];
    for (const operand of operands) {
      const { folder, setting } = await splitOperand(operand);
      const run = runs.get(folder) ?? await Run.open(folder, "compare");
      runs.set(folder, run);
      const settings = setting === undefined ? run.record.variants : [run.variant(setting)];
      const isAlone = run.record.variants.length === 1;
      for (const setting of settings) {
        if (found.some((column) => column.run === run && column.setting === setting)) {
          throw new UsageError(`Cannot compare "${operand}" with itself: it is named twice`);
        }
        found.push({ run, setting, isAlone });
      }
    }
    if (found.length < 2) {
      throw new UsageError(
        `Cannot compare "${operands[0]}" alone: it has one setting; expected another RUN`,
      );
    }
    const folders = [...runs.keys()];
    const isUnique = new Set(folders.map(nameOf)).size === folders.length;
    return found.map(({ run, setting, isAlone }) => {
      const folder = isUnique ? nameOf(run.folder) : run.folder;
      return { run, setting, name: isAlone ? folder : `${folder}:${setting}` };
    });
  } catch (error) {
    for (const run of runs.values()) run[Symbol.dispose]();
    throw error;
  }
}

/** A result of each sample, by id. */
async function resultsOf({ run, setting }: Column): Promise<Map<string, SampleResult>> {
  const results = new Map<string, SampleResult>();
  for await (const sample of run.samples()) {
    const own = sample.find((result) => (result.setting ?? setting) === setting);
    if (own) results.set(own.id, own);
  }
  return results;
}

/** Facts that a sample is known by; a result that dropped out states no ground truth. */
export interface Identity {
  readonly image: string;
  readonly phrase: string | undefined;
  readonly class: string | undefined;
  readonly "ground truth"?: string;
}

/** Identity of a result's sample: folders of images and masks may differ. */
export function identityOf(result: SampleResult): Identity {
  const { image = "", phrase, category } = result;
  return {
    ...{ image: nameOf(image), phrase, class: category },
    ...(isGrounded(result) && { "ground truth": truthText(result) }),
  };
}

/** Names the first fact in which two results are not of the same sample, if there is any. */
export function differenceOf(one: Identity, other: Identity): keyof Identity | undefined {
  const truth = "ground truth";
  const names = ["image", "phrase", "class", ...(one[truth] && other[truth] ? [truth] : [])];
  return (names as (keyof Identity)[]).find((name) => one[name] !== other[name]);
}

function truthText({ boxes, masks = [] }: Extract<SampleResult, { boxes: unknown }>): string {
  const own = masks.map((mask) =>
    mask.kind === "png" ? { ...mask, path: nameOf(mask.path) } : mask
  );
  return JSON.stringify([boxes, own]);
}

/**
 * Matches the samples of the columns by their ids. Samples are the same if image, phrase, class and
 * ground truth are; folders of images and masks may differ.
 *
 * @param columns At least two columns.
 * @param isCommon Leave out samples that not all columns have, or that differ.
 * @throws {Error} If samples differ and `isCommon` is false, or if no sample is shared.
 * @throws {SyntaxError} If a result is corrupt.
 */
export async function matchSamples(
  columns: readonly Column[],
  isCommon: boolean,
): Promise<Matched> {
  const all = await Promise.all(columns.map(resultsOf));
  const [first, ...others] = all as [Map<string, SampleResult>, ...Map<string, SampleResult>[]];
  const refuse = (other: number, reason: string, advice = "") =>
    new Error(
      `Cannot compare ${quote(columns[0]!.name)} with ${quote(columns[other + 1]!.name)}: ` +
        reason + advice,
    );
  const advice = "; --common compares the samples that they share";
  const samples: MatchedSample[] = [];
  const reasons = new Map<string, number>();
  for (const [id, result] of first) {
    const found = others.map((results) => results.get(id));
    if (found.includes(undefined)) continue;
    const sample = [result, ...found as SampleResult[]];
    const [own, ...rest] = sample.map(identityOf);
    const differences = [undefined, ...rest.map((other) => differenceOf(own!, other))];
    const at = differences.findIndex((difference) => difference !== undefined);
    if (at < 0) samples.push(sample);
    else if (!isCommon) {
      throw refuse(at - 1, `${differences[at]} of sample ${quote(id, 60)} differs`, advice);
    } else reasons.set(differences[at]!, (reasons.get(differences[at]!) ?? 0) + 1);
  }
  others.forEach((results, other) => {
    const lacking = [
      { name: columns[0]!.name, ids: [...first.keys()].filter((id) => !results.has(id)) },
      { name: columns[other + 1]!.name, ids: [...results.keys()].filter((id) => !first.has(id)) },
    ].find(({ ids }) => ids.length > 0);
    if (isCommon || !lacking) return;
    const { name, ids } = lacking;
    throw refuse(
      other,
      `only ${quote(name)} has ${ids.length === 1 ? "sample" : `${ids.length} samples, such as`} ` +
        quote(ids[0]!, 60),
      advice,
    );
  });
  if (samples.length === 0) throw refuse(0, "they share no sample");
  samples.sort(([one], [other]) => (one!.index ?? 0) - (other!.index ?? 0));
  return { samples, notes: describeSamples(columns, all, samples, reasons) };
}

/** Sentences about samples that do not count. */
function describeSamples(
  columns: readonly Column[],
  all: readonly ReadonlyMap<string, SampleResult>[],
  samples: readonly MatchedSample[],
  reasons: ReadonlyMap<string, number>,
): string[] {
  const differing = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  const alone = all.map((results) => results.size - samples.length - differing);
  const shared = alone.some((count) => count > 0) || differing > 0;
  return [
    ...(shared
      ? [
        `Only the ${samples.length} samples that all columns share are compared. Left out: ` +
        [
          ...columns.flatMap(({ name }, i) => alone[i]! > 0 ? [`${alone[i]} of ${name}`] : []),
          ...[...reasons].map(([reason, count]) => `${count} with another ${reason}`),
        ].join(", ") + ".",
      ]
      : []),
    ...columns.flatMap(({ name }, i) => {
      const own = Map.groupBy(samples, (sample) => sample[i]!.status);
      const parts = (["skipped", "failed", "grounded"] as const).flatMap((status) => {
        const count = own.get(status)?.length ?? 0;
        return count === 0
          ? []
          : [`${count} ${status === "grounded" ? "without ground truth" : status}`];
      });
      return parts.length > 0
        ? [`Of ${name} these samples have no scores and do not count: ${parts.join(", ")}.`]
        : [];
    }),
    ...columns.flatMap(({ name, run: { record } }, i) =>
      all[i]!.size < record.plan.length
        ? [`${name} has ${all[i]!.size} of ${record.plan.length} samples: it was broken off.`]
        : []
    ),
  ];
}
