import { stringify } from "@std/csv";
import type { NumberName } from "../../scoring/protocols.ts";
import { ALL, LOWER } from "../statistics/scored_numbers.ts";
import { describeLeak, type MethodLeak, methodNotes } from "../tables/method_notes.ts";
import {
  AVERAGE,
  csvNumber,
  describeCounts,
  describeIntervals,
  LEAK,
  makeCell,
  NONE,
  type ResultTable,
  SCORE_STYLES,
  type TableCell,
  type TableGroup,
  textCells,
  unitOf,
} from "../tables/result_table.ts";
import {
  type BoardRun,
  columnsOf,
  type Division,
  type Entry,
  type Ranking,
  runLabel,
  valueIn,
} from "./board.ts";
import { OTHER_PROTOCOL, type PublishedScore } from "./published_scores.ts";

/** Link of a method's samples on the page: to the run's report, or its results without one. */
export type LinkOf = (entry: Pick<Entry, "run" | "setting">) => string;

/** Digits of a hash that tables show; CSV and JSON have all. */
const SHOWN_DIGITS = 12;

/** Names a division in words, such as `ms-cxr, split test, 2 samples`. */
export function describeDivision({ dataset, split, samples }: Division): string {
  return [dataset, ...(split ? [`split ${split}`] : []), `${samples} samples`].join(", ");
}

/** Facts of a division in sentences: hashes, broken-off runs, and notes about its methods. */
export function divisionNotes({ sha256, samplesSha256, runs }: Division): string[] {
  return [
    `Dataset: SHA-256 ${sha256 ?? "unknown"}; samples with their ground truth: ${samplesSha256}.`,
    ...runs.flatMap((run) => {
      const missing = run.record.plan.length - run.done;
      return missing > 0
        ? [`${runLabel(run)} was broken off: ${missing} samples are missing.`]
        : [];
    }),
    ...new Set(runs.flatMap(({ record }) => methodNotes(record))),
  ];
}

/** Names a ranking's protocol with its version, and the margin if it counts as 0. */
export function describeProtocol({ protocol, version, margin }: Ranking): string {
  return protocol + (version === undefined ? "" : `, version ${version}`) +
    (margin === "zero" ? ", margin 0" : "");
}

/** A column of a ranking's table. */
interface Column {
  readonly score: NumberName;
  readonly column: string;
}

/** Columns of a ranking: each score's average, and its value over all samples together. */
function scoreColumns({ protocol, scores, entries }: Ranking): Column[] {
  const isThere = (column: string) =>
    entries.some(({ summary }) => columnsOf(summary, protocol).includes(column));
  return scores.flatMap((score) =>
    [AVERAGE, ALL].filter(isThere).map((column) => ({ score, column }))
  );
}

/** Makes the table of a ranking; published rows have no rank. */
export function rankingTable(ranking: Ranking, linkOf: LinkOf): ResultTable {
  const { protocol, by, scores, entries, published } = ranking;
  const columns = scoreColumns(ranking);
  const valueOf = ({ summary }: Entry, { column, score }: Column) =>
    valueIn(summary, protocol, column, score);
  const own = entries.map((entry) => {
    const href = linkOf(entry);
    const cells = columns.map((column): TableCell => {
      const { value, interval } = valueOf(entry, column) ?? {};
      const cell = makeCell(column.score, value, interval);
      if (value === undefined || Number.isNaN(value)) return cell;
      const sign = LOWER.includes(column.score) ? -1 : 1;
      const others = entries.map((other) => valueOf(other, column)?.value ?? NaN)
        .filter((other) => !Number.isNaN(other));
      const better = others.filter((other) => sign * other > sign * value).length;
      const isMarked = better === 0 && others.length > 1 || better === 1 && others.length > 2;
      return { ...cell, href, ...(isMarked && { better: better as 0 | 1 }) };
    });
    const { rank, model, run, summary, setting, leak } = entry;
    return {
      label: entry.method + (leak.seen > 0 ? ` ${LEAK}` : ""),
      cells: [
        { text: String(rank ?? NONE) },
        { text: setting === "" ? runLabel(run) : `${runLabel(run)}:${setting}`, href },
        ...cells,
        { text: String(summary.counts.scored), href },
        { text: describeSeen(leak) },
        { text: model?.slice(0, SHOWN_DIGITS) ?? "unknown" },
      ],
    };
  });
  const lower = scores.filter((score) => LOWER.includes(score));
  const different = new Set(entries.map(({ summary }) => describeCounts(summary)));
  return {
    columns: [
      ...[
        "rank",
        "run",
        ...columns.map(({ score, column }) => `${SCORE_STYLES[score].label} ${column}`),
      ],
      ...["samples", "trained on", "model"],
    ],
    groups: [
      { method: "runs", rows: own },
      ...publishedGroups(published, columns),
    ],
    hasMarks: entries.length > 1,
    caption: [
      `Protocol ${describeProtocol(ranking)}, ranked by ${SCORE_STYLES[scores[0]!].label} ${by}.`,
      `${AVERAGE} is the unweighted mean over the classes` +
      (columns.some(({ column }) => column === ALL)
        ? `, and ${ALL} scores the samples of all classes together.`
        : "."),
      ...(lower.length > 0
        ? [`Of ${lower.map((score) => SCORE_STYLES[score].label).join(", ")} lower is better.`]
        : []),
      describeIntervals(entries[0]!.summary),
      ...(different.size > 1
        ? entries.map(({ method, run, summary }) =>
          `${method} (${runLabel(run)}): ${describeCounts(summary)}.`
        )
        : []),
      ...entries.flatMap(({ method, run, leak }) => {
        const text = describeLeak(leak);
        return text === undefined ? [] : [`${LEAK} ${method} (${runLabel(run)}): ${text}.`];
      }),
      TRAINED,
      ...(published.length > 0 ? [PUBLISHED] : []),
    ],
  };
}

const TRAINED =
  "Trained on: scored samples that are known to have been in the training of the method; none means " +
  "that its stated training leaves out all of them.";

/** Names the samples that a method was trained on: a number, `none`, or `unknown`. */
function describeSeen({ seen, unknown }: MethodLeak): string {
  if (unknown === 0) return seen === 0 ? "none" : String(seen);
  return seen === 0 ? "unknown" : `${seen} at least`;
}

const PUBLISHED =
  "† As published by this source, not computed here and not ranked: the samples may be others.";

/** Rows of published numbers, a group for each source and its samples. */
function publishedGroups(
  published: readonly PublishedScore[],
  columns: readonly Column[],
): TableGroup[] {
  const nameOf = ({ source, samples }: PublishedScore) => `${source}; samples: ${samples}`;
  return [...Map.groupBy(published, nameOf)].map(([source, own]) => ({
    ...{ method: source, isPublished: true },
    rows: [...Map.groupBy(own, ({ method }) => method)].map(([label, rows]) => ({
      label,
      cells: textCells([
        ...[NONE, "published"],
        ...columns.map(({ score, column }) =>
          rows.find((row) => row.score === score && row.column === column)?.value
        ),
        ...[NONE, NONE, NONE],
      ]),
    })),
  }));
}

/** Makes the table of published numbers by protocols that no run has; `undefined` without any. */
export function othersTable({ others }: Division): ResultTable | undefined {
  const isShown = ({ column }: PublishedScore) => column === AVERAGE || column === ALL;
  const rows = others.filter(isShown);
  if (rows.length === 0) return undefined;
  return {
    columns: ["protocol", "score", "value", "samples"],
    groups: [...Map.groupBy(rows, ({ source }) => source)].map(([source, own]) => ({
      ...{ method: source, isPublished: true },
      rows: own.map(({ method, protocol, score, column, value, samples }) => ({
        label: method,
        cells: textCells([protocol, `${SCORE_STYLES[score].label} ${column}`, value, samples]),
      })),
    })),
    caption: [
      "Published numbers by protocols that no run here has.",
      PUBLISHED,
      ...(rows.some(({ protocol }) => protocol === OTHER_PROTOCOL)
        ? [`"${OTHER_PROTOCOL}" is none that Groundray computes.`]
        : []),
    ],
  };
}

const COLUMNS = [
  ...["dataset", "dataset_sha256", "split", "samples_sha256", "protocol", "version", "margin"],
  ...["rank", "method", "setting", "run", "model_sha256", "class", "score", "unit", "value"],
  ...["low", "high", "scored", "skipped", "failed", "trained_on", "samples", "source"],
];

/** Numbers of an entry by column and score. */
function numbersOf({ protocol, scores }: Ranking, { summary }: Entry) {
  return columnsOf(summary, protocol).flatMap((column) =>
    scores.flatMap((score) => {
      const { value, interval } = valueIn(summary, protocol, column, score) ?? {};
      const { score: key, unit, ...numbers } = csvNumber(score, value, interval);
      return numbers.value === undefined ? [] : [{ class: column, score: key, unit, ...numbers }];
    })
  );
}

/** Formats a leaderboard as CSV with a row for each number, classes included, with all digits. */
export function boardCsv(divisions: readonly Division[]): string {
  const rows = divisions.flatMap((division) => {
    const about = {
      ...{ dataset: division.dataset, dataset_sha256: division.sha256, split: division.split },
      samples_sha256: division.samplesSha256,
    };
    const own = division.rankings.flatMap((ranking) =>
      ranking.entries.flatMap((entry) =>
        numbersOf(ranking, entry).map((numbers) => ({
          ...about,
          ...{ protocol: ranking.protocol, version: ranking.version, margin: ranking.margin },
          ...{ rank: entry.rank, method: entry.method, setting: entry.setting },
          ...{ run: entry.run.folder, model_sha256: entry.model, ...numbers },
          ...{ scored: entry.summary.counts.scored, skipped: entry.summary.counts.skipped },
          ...{ failed: entry.summary.counts.failed, trained_on: describeSeen(entry.leak) },
          ...{ samples: division.samples, source: "run" },
        }))
      )
    );
    return [...own, ...publishedOf(division).map(publishedRow)];
  });
  return stringify(rows, { columns: COLUMNS });
}

/** All published numbers that a division shows. */
function publishedOf({ rankings, others }: Division): PublishedScore[] {
  return [...new Set([...rankings.flatMap(({ published }) => published), ...others])];
}

function publishedRow({ dataset, protocol, method, column, score, value, ...row }: PublishedScore) {
  return {
    ...{ dataset, protocol, method, class: column, score: SCORE_STYLES[score].key },
    ...{ unit: unitOf(score), value, samples: row.samples, source: `published: ${row.source}` },
  };
}

/** Formats a leaderboard as JSON, with the records of its runs. */
export function boardJson(divisions: readonly Division[], linkOf: LinkOf): string {
  const nameRun = ({ folder, record: { facts, shard } }: BoardRun) => ({ folder, facts, shard });
  const json = divisions.map((division) => {
    const { dataset, sha256, split, samples, samplesSha256, runs, rankings } = division;
    return {
      ...{ dataset, sha256, split, samples, samplesSha256, notes: divisionNotes(division) },
      rankings: rankings.map((ranking) => ({
        ...{ protocol: ranking.protocol, version: ranking.version, margin: ranking.margin },
        ...{ by: ranking.by, score: SCORE_STYLES[ranking.scores[0]!].key },
        entries: ranking.entries.map((entry) => ({
          ...{ rank: entry.rank, method: entry.method, setting: entry.setting },
          ...{ run: entry.run.folder, link: linkOf(entry), model: entry.model, leak: entry.leak },
          ...{ counts: entry.summary.counts, bootstrap: entry.summary.bootstrap },
          numbers: numbersOf(ranking, entry),
        })),
      })),
      published: publishedOf(division).map(publishedRow),
      runs: runs.map(nameRun),
    };
  });
  return JSON.stringify(json, null, 1) + "\n";
}
