import { InputError, InputRangeError, isInputError } from "../../base/errors.ts";
import type { Size, View } from "../../base/geometry.ts";
import { quote } from "../../base/text.ts";
import type { FoundMap } from "../../datasets/predictions/map_list.ts";
import type { NumericMap } from "../../datasets/predictions/numeric_map.ts";
import { readMap } from "../../datasets/predictions/read_map.ts";
import type { Sample } from "../../datasets/sample.ts";
import type { GridHeatmap } from "../../models/grid_model.ts";
import { decode, type DecodedImage, type ImageRequest } from "../../pipeline/decode.ts";
import {
  countSamples,
  failed,
  flatMapFlow,
  type Flow,
  item,
  type StageOptions,
} from "../../pipeline/flow.ts";
import type { GroundedPhrase, Method } from "../../pipeline/method.ts";
import { metrics } from "../../pipeline/metrics.ts";
import { requireProtocolOptions } from "../../scoring/protocols.ts";
import { nearestPixel } from "../../shaders/metrics_cpu.ts";
import { toGrounded } from "../grid_method.ts";

/** Longest side of a heatmap in pixels; the file of a run's heatmaps has the same limit. */
const MAX_SIDE = 8192;

/** Options of {@linkcode mapsMethod}. */
export interface MapsOptions {
  /** Path of the list, for errors. */
  readonly path: string;
  /** For ids of samples, the reason why the list names no map for them. These samples fail. */
  readonly faults: ReadonlyMap<string, string>;
  /** Scale each map to 0..1 between its lowest and highest value. */
  readonly isScaled: boolean;
}

/**
 * A method that takes heatmaps made elsewhere, and reads each map when its turn comes. A sample
 * without a map fails, and so does a sample with a map that cannot be read.
 *
 * @param maps Maps by sample id.
 */
export function mapsMethod(maps: ReadonlyMap<string, FoundMap>, options: MapsOptions): Method {
  return {
    ground(source, own = {}) {
      requireProtocolOptions(own);
      const images = decode(splitByView(source, maps, options, own), own);
      const grids = flatMapFlow(images, "ground", (image) => readMaps(image, maps, options), own);
      const scored = metrics(grids, own, own);
      return countSamples(scored, own.done, (count) => own.onProgress?.(count));
    },
    close: () => Promise.resolve(),
  };
}

/** Fails the samples without a map, and splits the others of an image by the part that is covered. */
function splitByView(
  source: AsyncIterable<Flow<ImageRequest>>,
  maps: ReadonlyMap<string, FoundMap>,
  { path, faults }: MapsOptions,
  options: StageOptions,
): AsyncIterable<Flow<ImageRequest>> {
  return flatMapFlow(source, "dataset", function* ({ image, samples }): Iterable<
    Flow<ImageRequest>
  > {
    const groups = new Map<string, { view: View; samples: Sample[] }>();
    for (const sample of samples) {
      const map = maps.get(sample.id);
      const fault = faults.get(sample.id);
      if (!map || fault !== undefined) {
        const reason = fault === undefined
          ? `there is no heatmap for it in ${quote(path)}`
          : `its heatmap cannot be read: ${fault}`;
        yield failed("ground", sample, new InputRangeError(reason));
        continue;
      }
      const view = typeof map.covers === "string" ? "whole" : map.covers;
      const key = JSON.stringify(view);
      const group = groups.get(key) ?? { view, samples: [] };
      groups.set(key, group);
      group.samples.push(sample);
    }
    for (const { view, samples } of groups.values()) yield item({ image, samples, view });
  }, options);
}

async function* readMaps(
  image: DecodedImage,
  maps: ReadonlyMap<string, FoundMap>,
  { isScaled }: MapsOptions,
): AsyncIterable<Flow<GroundedPhrase>> {
  for (const sample of image.samples) {
    const { path, where, covers, array } = maps.get(sample.id)!;
    try {
      const map = await readMap(path, array);
      const isOriginal = covers === "original";
      requireSize(map, isOriginal ? image.gray : undefined, path);
      const range = rangeOf(map, path);
      const grid = toSquare(map, isScaled ? range : undefined);
      const view = typeof covers === "string" ? "whole" : covers;
      yield item({ ...toGrounded(image, sample, grid, view), range });
    } catch (error) {
      const own = isInputError(error)
        ? new InputError(`${error.message} (${where} of the list)`, { cause: error })
        : error;
      yield failed("ground", sample, own);
    }
  }
}

/** Checks the size of a map: that of its image, or a square. */
function requireSize({ width, height }: Size, image: Size | undefined, path: string): void {
  const found = `Cannot read heatmap ${quote(path)}: it has ${width}x${height} values`;
  if (Math.max(width, height) > MAX_SIDE) {
    throw new InputRangeError(`${found}, expected sides of up to ${MAX_SIDE}`);
  }
  if (image ? width === image.width && height === image.height : width === height) return;
  throw new InputRangeError(
    image
      ? `${found}, but its image has ${image.width}x${image.height} pixels, which "original" needs`
      : `${found}, expected a square, unless it covers "original"`,
  );
}

/** The lowest and highest value of a map. */
function rangeOf({ width, values }: NumericMap, path: string): [lowest: number, highest: number] {
  let [lowest, highest] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(Math.fround(value))) {
      throw new InputRangeError(
        `Cannot read heatmap ${quote(path)}: expected finite values within float32, got ${value} ` +
          `in row ${Math.floor(i / width)}, column ${i % width}`,
      );
    }
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return [lowest, highest];
}

/**
 * Lays a map on a square that is stretched over the image. A map with the sides of its image keeps
 * every value: the shorter side repeats rows or columns, and each pixel of the image finds its own.
 *
 * @param range Lowest and highest value of the map, to scale by; the values stay without it. A map
 * that is the same everywhere becomes 0.
 */
function toSquare(
  { width, height, values }: NumericMap,
  range?: readonly [lowest: number, highest: number],
): GridHeatmap {
  const side = Math.max(width, height);
  const [columns, rows] = [repeats(width, side), repeats(height, side)];
  const [lowest, highest] = range ?? [0, 1];
  const span = highest - lowest || 1;
  const square = new Float32Array(side * side);
  for (let y = 0, at = 0; y < side; y++) {
    const row = rows[y]! * width;
    for (let x = 0; x < side; x++, at++) square[at] = (values[row + columns[x]!]! - lowest) / span;
  }
  return { values: square, side };
}

/**
 * For each row of a square, the row of a map that it shows. Scores show row `nearestPixel(side,
 * length)(i)` of the square at row i of the image. These rows differ for every i and all sides up to
 * 8192, as a trial of all such sides found.
 */
function repeats(length: number, side: number): Int32Array {
  const shown = nearestPixel(side, length);
  const rows = new Int32Array(side);
  for (let i = 0; i < length; i++) rows.fill(i, shown(i), i + 1 < length ? shown(i + 1) : side);
  return rows;
}
