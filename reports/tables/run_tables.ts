import type { SampleResult } from "../../pipeline/evaluate.ts";
import type { Run } from "../../runs/run.ts";
import { hasProtocols, makeProtocolTable } from "./protocol_table.ts";
import { makeTable, type ResultTable } from "./result_table.ts";
import { type Summary, SummaryByVariant } from "./summary.ts";
import { tableOptions } from "./table_files.ts";

/** Tables and counts of a run's whole samples. */
export interface RunTables {
  /** Number of samples with results. */
  readonly done: number;
  /** Summary of the first variant, with the counts of its samples. */
  readonly summary: Summary;
  /** The scores by class, then the further protocols if the run has any. */
  readonly tables: readonly ResultTable[];
}

/**
 * Makes the tables of a finished or interrupted run.
 *
 * @param onResult Receives each result, in the order of the file.
 * @throws {SyntaxError} If a result is corrupt.
 */
export async function tabulate(
  run: Run,
  onResult: (result: SampleResult) => void,
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
  const options = tableOptions(run.record, done >= run.record.plan.length);
  const protocols = hasProtocols(summaries) ? [makeProtocolTable(summaries, options)] : [];
  return {
    ...{ done, summary: Object.values(summaries)[0]! },
    tables: [makeTable(summaries, options), ...protocols],
  };
}
