/**
 * Ranks runs by protocol. Only runs on the same samples of the same dataset share a ranking.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { isObject } from "../../base/json.ts";
import { nameOf } from "../../base/paths.ts";
import { METHODS, SEED } from "../../methods/registry.ts";
import { methodsOf } from "../../runs/scoring_settings.ts";
import { Run } from "../../runs/run.ts";
import type { RunRecord } from "../../runs/run_folder.ts";
import type { NumberName } from "../../scoring/protocols.ts";
import type { ScoreName } from "../../scoring/score_heatmap.ts";
import { differenceOf, type Identity, identityOf } from "../compare/read_columns.ts";
import {
  ALL,
  ALL_PROTOCOLS,
  LOWER,
  numbersBy,
  PAPER_PROTOCOL,
} from "../statistics/scored_numbers.ts";
import type { Interval } from "../tables/bootstrap.ts";
import { labelOf, leakOf, type MethodLeak } from "../tables/method_notes.ts";
import { AVERAGE, categories, meansOf } from "../tables/result_table.ts";
import { type Summary, SummaryByVariant } from "../tables/summary.ts";
import { OTHER_PROTOCOL, PUBLISHED_SCORES, type PublishedScore } from "./published_scores.ts";

/** Numbers of a protocol; the first ranks, which is the mIoU if there is one. */
function scoresOf(protocol: string): readonly NumberName[] {
  return numbersBy(protocol).scores.toSorted((one, other) =>
    Number(other === "miou") - Number(one === "miou")
  );
}

/** A run as a leaderboard reads it. */
export interface BoardRun {
  readonly folder: string;
  readonly record: RunRecord;
  /** Number of samples with results. */
  readonly done: number;
  readonly summaries: Readonly<Record<string, Summary>>;
  /** Identity of each sample by its id, in the order of the dataset. */
  readonly samples: ReadonlyMap<string, Identity>;
}

/** A method or setting of a run in a ranking. */
export interface Entry {
  /** Place from 1, equal values share it; absent without a value to rank by. */
  readonly rank?: number;
  readonly method: string;
  /** Name of the setting or method within its run; empty if the run has one. */
  readonly setting: string;
  readonly run: BoardRun;
  /** SHA-256 of the model, or of the module or predictions that take its place; may be unknown. */
  readonly model?: string;
  readonly summary: Summary;
  /** Scored samples that were in the training of the method. */
  readonly leak: MethodLeak;
}

/** Methods by one protocol on the same samples. */
export interface Ranking {
  readonly protocol: string;
  /** Version of the protocol's definition; absent without one. */
  readonly version?: number;
  /** Pixels outside the model's square: left out, or 0. */
  readonly margin: string;
  readonly scores: readonly NumberName[];
  /** Column that ranks by the first score: `Avg`, or `All` if no entry has an average. */
  readonly by: string;
  /** Entries, best first. */
  readonly entries: readonly Entry[];
  /** Published numbers by this protocol on this dataset, maybe on other samples. */
  readonly published: readonly PublishedScore[];
}

/** Runs on the same samples of the same dataset. */
export interface Division {
  /** Layout of the dataset, such as `ms-cxr`. */
  readonly dataset: string;
  /** SHA-256 of the dataset's files; absent if a record lacks it. */
  readonly sha256?: string;
  readonly split?: string;
  readonly samples: number;
  /** SHA-256 over ids, images' names, phrases, classes and ground truth of the samples. */
  readonly samplesSha256: string;
  readonly runs: readonly BoardRun[];
  readonly rankings: readonly Ranking[];
  /** Published numbers on this dataset by protocols that no run has. */
  readonly others: readonly PublishedScore[];
}

/**
 * Reads a run for a leaderboard.
 *
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function readBoardRun(folder: string): Promise<BoardRun> {
  using run = await Run.open(folder, "rank");
  const { record } = run;
  const sums = new SummaryByVariant(record.variants);
  const found: { index: number; id: string; identity: Identity }[] = [];
  for await (const results of run.samples()) {
    for (const result of results) sums.add(result);
    const all = results.map(identityOf);
    const identity = all.find((own) => own["ground truth"] !== undefined) ?? all[0]!;
    found.push({ index: results[0]!.index ?? 0, id: results[0]!.id, identity });
  }
  found.sort((one, other) => one.index - other.index);
  return {
    ...{ folder, record, done: found.length, summaries: sums.toJSON() },
    samples: new Map(found.map(({ id, identity }) => [id, identity])),
  };
}

/** The facts of a run's dataset. */
function datasetOf({ record: { facts } }: BoardRun) {
  const { kind, sha256, split } = isObject(facts.dataset) ? facts.dataset : {};
  const text = (value: unknown) => typeof value === "string" ? value : undefined;
  return { kind: text(kind) ?? "a dataset", sha256: text(sha256), split: text(split) };
}

/** Two runs share a ranking if the files of their datasets, the split and all samples are equal. */
function isAlike(one: BoardRun, other: BoardRun): boolean {
  if (JSON.stringify(datasetOf(one)) !== JSON.stringify(datasetOf(other))) return false;
  if (one.samples.size !== other.samples.size) return false;
  return [...one.samples].every(([id, identity]) => {
    const own = other.samples.get(id);
    return own !== undefined && differenceOf(identity, own) === undefined;
  });
}

/**
 * Sorts runs into divisions, and ranks the methods and settings of each division by every protocol.
 * Runs of other samples, also of a part of the same samples, get a division of their own.
 *
 * @param runs The runs, in the order of the page.
 */
export function makeBoard(runs: readonly BoardRun[]): Division[] {
  const groups: BoardRun[][] = [];
  for (const run of runs) {
    // Ground truth that one run lacks may tell two others apart, so each member is compared.
    const group = groups.find((members) => members.every((member) => isAlike(member, run)));
    if (group) group.push(run);
    else groups.push([run]);
  }
  return groups.map(divisionOf);
}

function divisionOf(runs: readonly BoardRun[]): Division {
  const { kind, sha256, split } = datasetOf(runs[0]!);
  const rankings = rankingsOf(runs, kind);
  const hash = createHash("sha256");
  for (const [id, own] of runs[0]!.samples) {
    const truth = runs.map(({ samples }) => samples.get(id)!["ground truth"])
      .find((text) => text !== undefined);
    hash.update(JSON.stringify([id, own.image, own.phrase, own.class, truth]) + "\n");
  }
  const shown = new Set(rankings.map(({ protocol }) => protocol));
  return {
    ...{ dataset: kind, ...(sha256 && { sha256 }), ...(split && { split }) },
    ...{ samples: runs[0]!.samples.size, samplesSha256: hash.digest("hex"), runs, rankings },
    others: PUBLISHED_SCORES.filter(({ dataset, protocol }) =>
      dataset === kind && (protocol === OTHER_PROTOCOL || !shown.has(protocol))
    ),
  };
}

/** A ranking of each protocol, version and margin that any of the runs has. */
function rankingsOf(runs: readonly BoardRun[], kind: string): Ranking[] {
  const entries = runs.flatMap((run) => {
    const { margin = "", protocolVersions: versions = {} } = run.record.facts;
    return Object.entries(run.summaries).flatMap(([setting, summary]) => {
      const entry = entryOf(run, setting, summary);
      return ALL_PROTOCOLS.filter((protocol) => columnsOf(summary, protocol).length > 0)
        .map((protocol) => {
          const version = (versions as Readonly<Record<string, number>>)[protocol];
          return { protocol, version, margin: String(margin), entry };
        });
    });
  });
  const keyOf = ({ protocol, version, margin }: typeof entries[0]) =>
    JSON.stringify([protocol, version, margin]);
  return [...Map.groupBy(entries, keyOf).values()].map((own): Ranking => {
    const { protocol, version, margin } = own[0]!;
    const scores = scoresOf(protocol);
    const of = ({ entry }: typeof own[0], column: string) =>
      valueIn(entry.summary, protocol, column, scores[0]!)?.value ?? NaN;
    const by = own.some((each) => !Number.isNaN(of(each, AVERAGE))) ? AVERAGE : ALL;
    const sign = LOWER.includes(scores[0]!) ? -1 : 1;
    const last = (value: number) => Number.isNaN(value) ? -Infinity : value;
    const ranked = own.map((each) => ({ entry: each.entry, value: sign * of(each, by) }))
      .sort((one, other) => last(other.value) - last(one.value) || 0);
    return {
      ...{ protocol, ...(version !== undefined && { version }), margin, scores, by },
      entries: ranked.map(({ entry, value }) => ({
        ...entry,
        ...(!Number.isNaN(value) &&
          { rank: 1 + ranked.filter((other) => other.value > value).length }),
      })),
      published: PUBLISHED_SCORES.filter((score) =>
        score.dataset === kind && score.protocol === protocol
      ),
    };
  }).sort((one, other) => placeOf(one) - placeOf(other));
}

const placeOf = ({ protocol }: Ranking) => ALL_PROTOCOLS.indexOf(protocol);

function entryOf(run: BoardRun, setting: string, summary: Summary): Entry {
  const { record } = run;
  const methods = methodsOf(record);
  const name = Object.hasOwn(methods, setting) ? setting : Object.keys(methods)[0];
  const facts = name === undefined ? record.facts : methods[name]!;
  const label = name === undefined ? METHODS[SEED]!.label : labelOf(name, facts);
  const hashes = [facts.model, facts.predictions, facts.module].map((part) =>
    isObject(part) ? part.sha256 : undefined
  );
  const model = hashes.find((hash) => typeof hash === "string");
  return {
    method: setting === "" || setting === name ? label : `${label}, ${setting}`,
    ...{ setting, run, summary, leak: leakOf(record, setting, summary) },
    ...(typeof model === "string" && { model }),
  };
}

/** A number with its interval. */
export interface BoardValue {
  readonly value: number;
  readonly interval?: Interval | undefined;
}

/** Finds a number of a summary; `undefined` if the protocol has none in this column. */
export function valueIn(
  summary: Summary,
  protocol: string,
  column: string,
  score: NumberName,
): BoardValue | undefined {
  if (protocol === PAPER_PROTOCOL) {
    const means = meansOf(summary, column);
    const name = score as ScoreName;
    return means && { value: means[name], interval: means.intervals?.[name] };
  }
  const own = summary.protocols?.[protocol];
  const found = own && (column === ALL ? own.all : meansOf(own, column));
  return found && { value: found.means[score]!, interval: found.intervals?.[score] };
}

/** Columns of a summary with numbers by a protocol: classes, groups, `Avg` and `All`. */
export function columnsOf(summary: Summary, protocol: string): string[] {
  const score = scoresOf(protocol)[0]!;
  return [...categories([summary]), AVERAGE, ALL].filter((column) =>
    valueIn(summary, protocol, column, score) !== undefined
  );
}

/** Name of a run on the page: its folder's last name. */
export const runLabel = ({ folder }: Pick<BoardRun, "folder">): string => nameOf(folder);
