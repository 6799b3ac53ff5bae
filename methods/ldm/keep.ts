/**
 * Attention that an evaluation keeps beside its heatmaps.
 *
 * @module
 */

import { type Flow, item } from "../../pipeline/flow.ts";
import type { ScoredPhrase } from "../../pipeline/metrics.ts";
import type { GroundedPhrase } from "../../pipeline/method.ts";
import type { AveragedLayer } from "../../pipeline/postprocess.ts";

/**
 * Takes the results of the columns of attention out of a stream, and hangs their layers on the first
 * heatmap of the phrase.
 *
 * @param source Results of each phrase in a row: of the run's own variants, then of the columns.
 * @param columns Names of the columns in their order.
 */
export async function* keepColumns(
  source: AsyncIterable<Flow<ScoredPhrase>>,
  columns: readonly string[],
): AsyncIterableIterator<Flow<GroundedPhrase>> {
  let own: Flow<GroundedPhrase>[] = [];
  let kept: AveragedLayer[] = [];
  for await (const flow of source) {
    const { variant } = flow.kind === "dropped" ? flow.dropped : flow.item;
    // A phrase that drops out as a whole keeps nothing of its variants, as without columns.
    if (variant === undefined) own = [flow];
    else if (!columns.includes(variant.name)) own.push(flow);
    else if (flow.kind === "item") kept.push(...flow.item.layers);
    if (variant !== undefined && variant.name !== columns.at(-1)) continue;
    const first = own.find(({ kind }) => kind === "item");
    for (const flow of own) {
      yield flow.kind === "item" && flow === first ? item({ ...flow.item, kept }) : flow;
    }
    own = [];
    kept = [];
  }
}

/**
 * Size of the attention of a phrase on the disk, in bytes.
 *
 * @param sides Side of each layer's map in positions.
 * @param columns Number of columns.
 */
export function keptBytes(sides: readonly number[], columns: number): number {
  const values = sides.reduce((sum, side) => sum + side * side, 0);
  // A record names layer and side of each map in up to 10 bytes, beside id and sizes.
  return columns * (4 * values + 10 * sides.length) + 128;
}
