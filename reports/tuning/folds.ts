import { Random } from "../../base/random.ts";

/** A sample as far as the folds depend on it. */
export interface Member {
  /** Class of the sample. */
  readonly category: string;
  /** Patient or image of the sample; a unit is never divided. */
  readonly unit: string;
}

/** Names of the units of samples, in ascending order of their UTF-16 codes. */
export function unitsIn(samples: readonly Member[]): string[] {
  return [...new Set(samples.map(({ unit }) => unit))].sort();
}

/**
 * Deals units to folds. The units are shuffled, and then dealt one by one in the order of their
 * rarest class: folds have equal sizes up to one unit, and every class spreads over the folds. The
 * order of the samples does not matter.
 *
 * @returns Fold of each unit, from 0.
 */
export function dealFolds(
  samples: readonly Member[],
  folds: number,
  seed: number,
): Map<string, number> {
  const classes = Map.groupBy(samples, ({ category }) => category);
  const byRarity = [...classes].map(([name, own]) => ({ name, units: unitsIn(own) }))
    .sort((a, b) => a.units.length - b.units.length || (a.name < b.name ? -1 : 1));
  const rank = new Map<string, number>();
  byRarity.forEach(({ units }, place) => {
    for (const unit of units) if (!rank.has(unit)) rank.set(unit, place);
  });
  const units = unitsIn(samples);
  const random = new Random(seed);
  for (let i = units.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [units[i], units[j]] = [units[j]!, units[i]!];
  }
  // The sort is stable, so that units of one rank stay shuffled.
  units.sort((a, b) => rank.get(a)! - rank.get(b)!);
  return new Map(units.map((unit, i) => [unit, i % folds]));
}
