import type { Bundle } from "../../models/ldm/bundle.ts";
import type { AttentionMaps } from "../../models/ldm/unet_session.ts";
import { resizeBicubic } from "./bicubic.ts";

/** Ratio of the latent's side to a map's, at which DAAM leaves the map out. */
const LEFT_OUT = 8;

/**
 * The layers that DAAM reads: all of the way down and up, but not the middle. It leaves out maps
 * with an eighth of the latent's side.
 *
 * @param latentSide Side of the latent.
 * @returns Layers in forward order; empty if the model has none of them.
 */
export function daamLayers(
  { crossAttentionNames, crossAttentionSides }: Pick<
    Bundle,
    "crossAttentionNames" | "crossAttentionSides"
  >,
  latentSide: number,
): number[] {
  return [...crossAttentionNames.keys()].filter((layer) =>
    /^(down|up)_blocks\./.test(crossAttentionNames[layer]!) &&
    crossAttentionSides[layer]! * LEFT_OUT !== latentSide
  );
}

/** Sums of maps over steps, apart for each layer, head and column. */
export class HeadSums {
  readonly #sums = new Map<number, { readonly side: number; readonly maps: Float64Array[] }>();

  /** @param columns Number of columns of each map, one for each token. */
  constructor(readonly columns: number) {}

  /**
   * Adds maps of some steps.
   *
   * @param maps The maps, each of one layer with a map of each head.
   * @param values Their values, `[steps, heads, positions, columns]` each.
   * @param steps Number of steps.
   */
  add(
    maps: readonly Omit<AttentionMaps, "data" | "release">[],
    values: readonly Float32Array[],
    steps: number,
  ): void {
    maps.forEach(({ layers, heads, positions }, i) => {
      const { columns } = this;
      const own = this.#sums.get(layers[0]!) ?? {
        side: Math.sqrt(positions),
        maps: Array.from({ length: heads * columns }, () => new Float64Array(positions)),
      };
      this.#sums.set(layers[0]!, own);
      const data = values[i]!;
      let at = 0;
      for (let step = 0; step < steps; step++) {
        for (let head = 0; head < heads; head++) {
          for (let position = 0; position < positions; position++) {
            for (let column = 0; column < columns; column++) {
              own.maps[head * columns + column]![position]! += data[at++]!;
            }
          }
        }
      }
    });
  }

  /**
   * The mean map of the columns. Each sum is enlarged and cut at 0 by itself; each layer's head has
   * the same weight, so that layers with more heads weigh more.
   *
   * @param side Side of the map.
   * @returns Row-major `[side, side]`.
   */
  mean(side: number): Float32Array {
    const total = new Float64Array(side * side);
    let count = 0;
    for (const { side: own, maps } of this.#sums.values()) {
      count += maps.length;
      for (const map of maps) {
        resizeBicubic(map, own, side).forEach((value, i) => total[i]! += Math.max(value, 0));
      }
    }
    return Float32Array.from(total, (value) => value / count);
  }
}
