import type { SampleResult } from "../../pipeline/evaluate.ts";
import { type Laterality, readLaterality } from "../laterality/laterality.ts";
import {
  formatLateralityCsv,
  hasLaterality,
  makeLateralityTable,
} from "../laterality/laterality_table.ts";
import { type Controls, readControls } from "../controls/controls.ts";
import { formatControlsCsv, makeControlTables } from "../controls/controls_table.ts";
import type { Run } from "../../runs/run.ts";
import type { RunRecord } from "../../runs/run_folder.ts";
import { DHS } from "../../scoring/sharpen.ts";
import { formatProtocolCsv, hasProtocols, makeProtocolTable } from "./protocol_table.ts";
import { describeLeak, leakOf, methodLabels, methodNotes } from "./method_notes.ts";
import { LEAK, makeTable, type ResultTable, type TableOptions } from "./result_table.ts";
import { type Summary, SummaryByVariant } from "./summary.ts";
import { formatCsv } from "./table_csv.ts";
import { formatLatex } from "./table_latex.ts";
import { formatMarkdown } from "./table_markdown.ts";

/** Scores of a run, from which its summary and its tables are made. */
export interface RunScores {
  /** Summaries by the name of the setting or method. */
  readonly ablation: Readonly<Record<string, Summary>>;
  readonly laterality: Laterality;
  /** Controls of the run, if it has them. */
  readonly controls: Controls | undefined;
  /** Content of the tables beside the scores. */
  readonly options: TableOptions;
}

/**
 * Sums up a run with all that is read again from its heatmaps.
 *
 * @param isWhole Whether every sample has a result.
 * @param known Laterality and controls that were read before; by default they are read now.
 */
export async function scoresOf(
  run: Run,
  record: RunRecord,
  sums: SummaryByVariant,
  isWhole: boolean,
  known: {
    laterality?: () => Promise<Laterality>;
    controls?: () => Promise<Controls | undefined>;
  } = {},
): Promise<RunScores> {
  const ablation = sums.toJSON();
  const { laterality = () => readLaterality(run), controls = () => readControls(run) } = known;
  return {
    ablation,
    laterality: await laterality(),
    controls: await controls(),
    options: tableOptions(record, isWhole, ablation, sums.readers()),
  };
}

/** The entries of `summary.json` that scores decide; a single summary is not nested. */
export function summaryEntries(
  { ablation, laterality, controls, options: { readers } }: RunScores,
): object {
  const all = Object.values(ablation);
  return {
    ...(all.length > 1 ? { ablation } : all[0]!),
    ...(hasLaterality(laterality) && { laterality }),
    ...(controls && { controls }),
    ...(readers && { readers }),
  };
}

/** Tables of one kind, and the same numbers as CSV. */
interface Tables {
  /** Name of the files without their endings. */
  readonly name: string;
  readonly tables: readonly ResultTable[];
  readonly csv: () => string;
}

/** The tables of a run: the scores by class, then all others that the run has. */
function tablesOf({ ablation, laterality, controls, options }: RunScores): Tables[] {
  const isAblation = Object.keys(ablation).length > 1 && !options.methods;
  const all: Tables[] = [
    {
      name: isAblation ? "ablation" : "table",
      tables: [makeTable(ablation, options)],
      csv: () => formatCsv(ablation, options),
    },
    {
      name: "protocols",
      tables: hasProtocols(ablation) ? [makeProtocolTable(ablation, options)] : [],
      csv: () => formatProtocolCsv(ablation, options),
    },
    {
      name: "laterality",
      tables: hasLaterality(laterality) ? [makeLateralityTable(laterality, options)] : [],
      csv: () => formatLateralityCsv(laterality),
    },
    {
      name: "controls",
      tables: makeControlTables(controls, options),
      csv: () => formatControlsCsv(controls!),
    },
  ];
  return all.filter(({ tables }) => tables.length > 0);
}

/**
 * Formats the tables of a run. Several settings give `ablation`; a single summary, or several
 * methods, give `table`. Scores by further protocols add `protocols`, and samples with a side add
 * `laterality`, and controls `controls`.
 *
 * @returns Texts by file name.
 */
export function tableFiles(scores: RunScores): Record<string, string> {
  return Object.fromEntries(
    tablesOf(scores).flatMap(({ name, tables, csv }) => [
      [`${name}.md`, tables.map(formatMarkdown).join("\n")],
      [
        `${name}.tex`,
        tables.map((table, i) =>
          formatLatex(table, name === "controls" ? `${name}-${i + 1}` : name)
        )
          .join("\n"),
      ],
      [`${name}.csv`, csv()],
    ]),
  );
}

/**
 * Chooses the content of a run's tables beside its own scores. Only runs on MS-CXR show the paper's
 * rows, since the paper has no other dataset.
 *
 * @param run The run's record.
 * @param isWhole Whether every sample has a result; otherwise a note says that samples are missing.
 * @param summaries Summaries of the run, which tell the samples that a method was trained on.
 * @param readers Summaries of one reader against the other, if the dataset has two.
 */
export function tableOptions(
  { facts, shard }: Pick<RunRecord, "facts" | "shard">,
  isWhole: boolean,
  summaries: Readonly<Record<string, Summary>> = {},
  readers?: Readonly<Record<string, Summary>>,
): TableOptions {
  const { kind, split, limit, attribution } = (facts.dataset ?? {}) as Readonly<
    Record<string, unknown>
  >;
  const methods = methodLabels({ facts });
  const leaks = Object.fromEntries(
    Object.entries(summaries).flatMap(([name, summary]) => {
      const text = describeLeak(leakOf({ facts }, name, summary));
      return text === undefined ? [] : [[name, text]];
    }),
  );
  const isLeaky = Object.keys(leaks).length > 0;
  return {
    ...(isLeaky && { leaks }),
    published: kind === "ms-cxr",
    ...(methods && { methods }),
    ...(readers && { readers }),
    notes: [
      ...methodNotes({ facts }),
      ...(facts.lift ? [LIFTED] : []),
      ...Object.entries(leaks).map(([name, text]) =>
        `${LEAK}${
          [methods?.[name] ?? name, text].filter(Boolean).map((part) => ` ${part}`).join(":")
        }.`
      ),
      ...(typeof split === "string" ? [`Split ${split} only.`] : []),
      ...(typeof limit === "number" ? [`The first ${limit} samples only.`] : []),
      ...(shard ? [`Shard ${shard.number} of ${shard.count} only.`] : []),
      ...(isWhole ? [] : ["The run was broken off: samples are missing."]),
      ...(typeof attribution === "string" ? [attribution] : []),
    ],
  };
}

const LIFTED = `Heatmaps are sharpened by DHS of KAF-Ground: slope ${DHS.slope}, share of values ` +
  `above the centre ${DHS.least} to ${DHS.most}.`;

/** Tables and counts of a run's whole samples. */
interface RunTables {
  /** Number of samples with results. */
  readonly done: number;
  /** Summary of the first variant, with the counts of its samples. */
  readonly summary: Summary;
  readonly tables: readonly ResultTable[];
}

/**
 * Makes the tables of a finished or interrupted run.
 *
 * @param onResult Receives each result, in the order of the file.
 * @param known As of {@linkcode scoresOf}; called after the last result.
 * @throws {SyntaxError} If a result is corrupt.
 */
export async function tabulate(
  run: Run,
  onResult: (result: SampleResult) => void,
  known?: Parameters<typeof scoresOf>[4],
): Promise<RunTables> {
  const { record } = run;
  const sums = new SummaryByVariant(record.variants);
  let done = 0;
  for await (const results of run.samples()) {
    done++;
    for (const result of results) {
      sums.add(result);
      onResult(result);
    }
  }
  const scores = await scoresOf(run, record, sums, done >= record.plan.length, known);
  return {
    ...{ done, summary: Object.values(scores.ablation)[0]! },
    tables: tablesOf(scores).flatMap(({ tables }) => tables),
  };
}
