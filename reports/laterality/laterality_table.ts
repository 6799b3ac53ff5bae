import { stringify } from "@std/csv";
import { BOOTSTRAP } from "../tables/bootstrap.ts";
import { NONE, type ResultTable, type TableOptions, textCells } from "../tables/result_table.ts";
import { type Laterality, LATERALITY_KINDS, type LateralitySummary } from "./laterality.ts";

/** Returns `true` if a run has samples that can be judged. */
export function hasLaterality({ variants }: Laterality): boolean {
  return Object.keys(variants).length > 0;
}

const percent = (share: number) => (100 * share).toFixed(1);

const find = (summaries: readonly LateralitySummary[], kind: string) =>
  summaries.find((summary) => summary.kind === kind);

/** Makes a table with a column for each kind of samples that the run has. */
export function makeLateralityTable(
  { variants, unread }: Laterality,
  { methods, notes = [] }: TableOptions = {},
): ResultTable {
  const all = Object.entries(variants);
  const columns = LATERALITY_KINDS.filter((kind) =>
    all.some(([, summaries]) => find(summaries, kind))
  );
  const { resamples, seed, level } = BOOTSTRAP;
  return {
    columns,
    groups: all.map(([name, summaries]) => ({
      method: methods?.[name] ?? name,
      rows: [
        {
          label: "own side %",
          cells: columns.map((kind) => {
            const found = find(summaries, kind);
            const ends = found?.interval?.map(percent);
            return {
              text: found ? percent(found.share) : NONE,
              ...(ends && { interval: `[${ends.join(", ")}]` }),
            };
          }),
        },
        ...(["maps", "images"] as const).map((label) => ({
          label,
          cells: textCells(columns.map((kind) => find(summaries, kind)?.[label] ?? 0)),
        })),
      ],
    })),
    caption: [
      "Laterality: how often a heatmap has more of its mass on its own side, before Otsu's threshold.",
      "For two phrases of one image that name the two sides, the line between the sides is halfway " +
      "between the centres of both ground truths: a map that ignores the phrase is right for one of " +
      "the two, 50 %.",
      ...(columns.some((kind) => kind !== "left and right")
        ? [
          "Heart and devices: the line is that of the lungs, or else the middle of the image. The " +
          "heart's own side has more of its ground truth; a device counts if two thirds of its " +
          "ground truth lie on one side.",
        ]
        : []),
      `In brackets ${
        100 * level
      } % bootstrap intervals: percentiles of ${resamples} resamples of ` +
      `the images, seed ${seed}; none where all images have the same share.`,
      ...(unread > 0
        ? [
          `${unread} heatmaps are left out, because they or their ground truth could not be read again.`,
        ]
        : []),
      ...notes,
    ],
  };
}

/** Formats the intervals of a table as lines; empty if there are none. */
export function formatLateralityIntervals({ variants }: Laterality): string {
  const lines = Object.entries(variants).flatMap(([name, summaries]) => {
    const parts = summaries.flatMap(({ kind, interval }) =>
      interval ? [`${kind} ${interval.map(percent).join(" to ")}`] : []
    );
    const whose = name === "" ? "" : ` of ${name}`;
    return parts.length > 0
      ? [`${100 * BOOTSTRAP.level} % intervals${whose}: ${parts.join(", ")}`]
      : [];
  });
  return lines.join("\n");
}

const COLUMNS = ["setting", "kind", "unit", "value", "low", "high", "maps", "images"];

/** Formats the same numbers as CSV, with all digits. */
export function formatLateralityCsv({ variants }: Laterality): string {
  const rows = Object.entries(variants).flatMap(([setting, summaries]) =>
    summaries.map(({ kind, share, interval, maps, images }) => {
      const [low, high] = interval?.map((end) => 100 * end) ?? [];
      return { setting, kind, unit: "%", value: 100 * share, low, high, maps, images };
    })
  );
  return stringify(rows, { columns: COLUMNS });
}
