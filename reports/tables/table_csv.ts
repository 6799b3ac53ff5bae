import { stringify } from "@std/csv";
import { PAPER, TABLE_ONE, TABLE_TWO } from "./published.ts";
import {
  AVERAGE,
  categories,
  countsOf,
  csvNumber,
  meansOf,
  OWN,
  type TableOptions,
} from "./result_table.ts";
import type { Summary } from "./summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

const COLUMNS = [
  ...["method", "class", "score", "unit", "value", "low", "high"],
  ...["count", "skipped", "failed", "source"],
];

/**
 * Formats results as CSV. Each row has one method, class and score, with the ends of the interval
 * and the number of samples. Published values are as printed; the run's values have all digits.
 */
export function formatCsv(
  summaries: Readonly<Record<string, Summary>>,
  { published = false, methods, leaks, readers }: TableOptions,
): string {
  const all = Object.entries(summaries);
  const table = all.length > 1 && !methods ? TABLE_TWO : TABLE_ONE;
  const theirs = (published ? table.rows : []).flatMap(({ method, score, values }) =>
    [...values].map(([name, value]) => ({
      ...{ method, class: name, ...csvNumber(score, undefined), value },
      source: `${PAPER}, ${table.name}`,
    }))
  );
  const ours = [...all, ...Object.entries(readers ?? {})].flatMap(([name, summary]) =>
    SCORES.flatMap((score) =>
      [...categories(all.map(([, summary]) => summary)), AVERAGE].map((column) => {
        const { scored, skipped, failed } = countsOf(summary, column);
        const means = meansOf(summary, column);
        return {
          ...{ method: methods?.[name] ?? (name || OWN), class: column },
          ...csvNumber(score, means?.[score], means?.intervals?.[score]),
          ...{ count: scored, skipped, failed },
          source: ["this run", ...leaks?.[name] ? [leaks[name]] : []].join("; "),
        };
      })
    )
  );
  return stringify([...theirs, ...ours], { columns: COLUMNS });
}
