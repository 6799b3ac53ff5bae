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

/**
 * The entries of `summary.json` that scores decide.
 *
 * @param ablation Summaries by the name of the setting or method. A single one is the run itself, so
 * that it is not nested.
 * @param laterality Laterality of the run.
 * @param controls Controls of the run, if it has them.
 * @param readers Summaries of one reader against the other, if the dataset has two.
 */
export function summaryEntries(
  ablation: Readonly<Record<string, Summary>>,
  laterality: Laterality,
  controls?: Controls,
  readers?: Readonly<Record<string, Summary>>,
): object {
  const all = Object.values(ablation);
  return {
    ...(all.length > 1 ? { ablation } : all[0]!),
    ...(hasLaterality(laterality) && { laterality }),
    ...(controls && { controls }),
    ...(readers && { readers }),
  };
}

/**
 * Formats the tables of a run. Several settings give `ablation`; a single summary, or several
 * methods, give `table`. Scores by further protocols add `protocols`, and samples with a side add
 * `laterality`, and controls `controls`.
 *
 * @param summaries Summaries by the name of the setting or method; at least one.
 * @param options Content beside the scores of the run.
 * @param laterality Laterality of the run.
 * @param controls Controls of the run, if it has them.
 * @returns Texts by file name.
 */
export function tableFiles(
  summaries: Readonly<Record<string, Summary>>,
  options: TableOptions = {},
  laterality: Laterality = { variants: {}, unread: 0 },
  controls?: Controls,
): Record<string, string> {
  const asked = makeControlTables(controls, options);
  const table = makeTable(summaries, options);
  const protocols = makeProtocolTable(summaries, options);
  const sides = makeLateralityTable(laterality, options);
  const name = Object.keys(summaries).length > 1 && !options.methods ? "ablation" : "table";
  return {
    [`${name}.md`]: formatMarkdown(table),
    [`${name}.tex`]: formatLatex(table, name),
    [`${name}.csv`]: formatCsv(summaries, options),
    ...(hasProtocols(summaries) && {
      "protocols.md": formatMarkdown(protocols),
      "protocols.tex": formatLatex(protocols, "protocols"),
      "protocols.csv": formatProtocolCsv(summaries, options),
    }),
    ...(hasLaterality(laterality) && {
      "laterality.md": formatMarkdown(sides),
      "laterality.tex": formatLatex(sides, "laterality"),
      "laterality.csv": formatLateralityCsv(laterality),
    }),
    ...(controls && asked.length > 0 && {
      "controls.md": asked.map(formatMarkdown).join("\n"),
      "controls.tex": asked.map((table, i) => formatLatex(table, `controls-${i + 1}`)).join("\n"),
      "controls.csv": formatControlsCsv(controls),
    }),
  };
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
export interface RunTables {
  /** Number of samples with results. */
  readonly done: number;
  /** Summary of the first variant, with the counts of its samples. */
  readonly summary: Summary;
  /** The scores by class, then the further protocols and the laterality if the run has any. */
  readonly tables: readonly ResultTable[];
}

/**
 * Makes the tables of a finished or interrupted run.
 *
 * @param onResult Receives each result, in the order of the file.
 * @param lateralityOf Finds the run's laterality, after the last result.
 * @param controlsOf Finds the run's controls, after the laterality.
 * @throws {SyntaxError} If a result is corrupt.
 */
export async function tabulate(
  run: Run,
  onResult: (result: SampleResult) => void,
  lateralityOf: () => Laterality | Promise<Laterality> = () => readLaterality(run),
  controlsOf: () => Controls | undefined | Promise<Controls | undefined> = () => readControls(run),
): Promise<RunTables> {
  const sums = new SummaryByVariant(run.record.variants);
  let done = 0;
  for await (const results of run.samples()) {
    done++;
    for (const result of results) {
      sums.add(result);
      onResult(result);
    }
  }
  const summaries = sums.toJSON();
  const isWhole = done >= run.record.plan.length;
  const options = tableOptions(run.record, isWhole, summaries, sums.readers());
  const protocols = hasProtocols(summaries) ? [makeProtocolTable(summaries, options)] : [];
  const laterality = await lateralityOf();
  const sides = hasLaterality(laterality) ? [makeLateralityTable(laterality, options)] : [];
  return {
    ...{ done, summary: Object.values(summaries)[0]! },
    tables: [
      ...[makeTable(summaries, options), ...protocols, ...sides],
      ...makeControlTables(await controlsOf(), options),
    ],
  };
}
