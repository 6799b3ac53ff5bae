import type { Box, Size } from "../base/geometry.ts";
import { type Gpu, Operation } from "./device.ts";
import {
  addValue,
  type Cell,
  cutImage,
  joinRegions,
  LEVELS,
  type Margin,
  newSums,
  type RegionCounts,
  regionStatistics,
  toStatistics,
} from "./metrics_cpu.ts";
import code from "./metrics.wgsl" with { type: "text" };

/** Image and boxes that one heatmap is scored against. */
export interface ScoreTarget {
  /** Size of the original image in pixels. */
  readonly image: Size;
  /** Boxes of whole pixels inside the image, in order; may be empty. */
  readonly boxes: readonly Box[];
}

/** Most heatmap pixels in a tile: enough to fill a workgroup, few enough to use several. */
const TILE_PIXELS = 8192;

/** Words of a tile and of its sums, as in the shader. */
const TILE_WORDS = 8;
const SUM_WORDS = 14;

/** The largest float32, which no heatmap reaches; fills the levels up to whole vectors. */
const UNREACHED = 3.4028234663852886e38;

/** The part of a cell that one workgroup sums. */
interface Tile {
  readonly cell: Cell;
  readonly pixels: number;
}

/** Statistics of a batch of heatmaps on the GPU, each laid over an image with boxes. */
export class ScoreSums extends Operation {
  /** Sums of each tile; read with {@linkcode ScoreSums.read}. */
  readonly sums: GPUBuffer;
  /** Bytes of {@linkcode ScoreSums.sums}. */
  readonly sumBytes: number;
  #mostWorkgroups: number;
  #mapSide: number;
  #margin: Margin;
  #targets: readonly ScoreTarget[];
  #cells: Cell[][];
  #tiles: Tile[][];
  #inputs: GPUBuffer[];

  /**
   * @param mapSide Side of each heatmap in pixels.
   * @param targets One target for each heatmap; a target without boxes causes no work.
   * @param margin Whether image pixels outside the centre square are excluded or count as 0.
   * @throws {RangeError} If the sums of the tiles do not fit a buffer.
   */
  constructor(
    gpu: Gpu,
    mapSide: number,
    targets: readonly ScoreTarget[],
    margin: Margin = "excluded",
  ) {
    super(gpu, "metrics", code);
    this.#mostWorkgroups = gpu.device.limits.maxComputeWorkgroupsPerDimension;
    this.#mapSide = mapSide;
    this.#margin = margin;
    this.#targets = targets;
    const packed: number[] = [];
    const counts: number[] = [];
    // Many cells share a segment, so the counts of each segment are stored once.
    const places = new Map<Int32Array, number>();
    const placeOf = (numbers: Int32Array) => {
      const known = places.get(numbers);
      if (known !== undefined) return known;
      const place = counts.length;
      for (const number of numbers) counts.push(number);
      places.set(numbers, place);
      return place;
    };
    this.#cells = targets.map(({ image, boxes }) =>
      boxes.length === 0 ? [] : cutImage(mapSide, image, boxes)
    );
    this.#tiles = this.#cells.map((cells, map) =>
      cells.flatMap((cell): Tile[] => {
        const { row, column } = cell;
        if (row.first < 0 || column.first < 0) return [];
        const columns = column.counts.length;
        const most = Math.max(1, Math.floor(TILE_PIXELS / columns));
        const tiles: Tile[] = [];
        for (let start = 0; start < row.counts.length; start += most) {
          const rows = Math.min(most, row.counts.length - start);
          const shown = row.counts.subarray(start, start + rows);
          packed.push(map, column.first, row.first + start, columns, rows);
          packed.push(placeOf(column.counts), placeOf(row.counts) + start, 0);
          tiles.push({ cell, pixels: shown.reduce((sum, n) => sum + n, 0) * column.length });
        }
        return tiles;
      })
    );
    const tiles = packed.length / TILE_WORDS;
    this.#inputs = [
      this.hold("score tiles", Uint32Array.from(packed)),
      this.hold("score counts", Uint32Array.from(counts)),
      this.hold("score levels", Float32Array.of(...LEVELS, UNREACHED, UNREACHED)),
    ];
    this.sumBytes = 4 * SUM_WORDS * tiles;
    this.sums = this.hold("score sums", this.sumBytes);
  }

  /** Records the sums of `[maps, mapSide, mapSide]` float32 heatmaps. */
  record(encoder: GPUCommandEncoder, heatmaps: GPUBuffer): void {
    if (this.sumBytes === 0) return;
    const constants = { PIXELS: this.#mapSide ** 2, WIDTH: this.#mapSide };
    const tiles = this.sumBytes / 4 / SUM_WORDS;
    const buffers = [heatmaps, ...this.#inputs, this.sums];
    const rows = Math.ceil(tiles / this.#mostWorkgroups);
    this.run(encoder, "sum_tiles", constants, buffers, [Math.ceil(tiles / rows), rows, 1]);
  }

  /**
   * The statistics of one heatmap.
   *
   * @param words Content of {@linkcode ScoreSums.sums}, read back.
   * @param map Index of the heatmap, which must have boxes.
   */
  read(words: Uint32Array, map: number): RegionCounts {
    const cells = this.#cells[map]!;
    const { boxes } = this.#targets[map]!;
    const regions = Array.from({ length: boxes.length + 1 }, () => regionStatistics(newSums()));
    const add = (owner: number, statistics: ReturnType<typeof regionStatistics>) => {
      regions[owner] = joinRegions(regions[owner]!, statistics);
    };
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    let at = SUM_WORDS * this.#tiles.slice(0, map).reduce((sum, { length }) => sum + length, 0);
    for (const { cell, pixels } of this.#tiles[map]!) {
      const [shift, total, squares] = floats.subarray(at, at + 3);
      const levels = Float64Array.from(words.subarray(at + 3, at + SUM_WORDS));
      const sums = { pixels, shift: shift!, total: total!, squares: squares!, levels };
      add(cell.owner, regionStatistics(sums));
      at += SUM_WORDS;
    }
    for (const { row, column, owner } of cells) {
      if (this.#margin === "excluded" || (row.first >= 0 && column.first >= 0)) continue;
      const sums = newSums();
      addValue(sums, 0, row.length * column.length);
      add(owner, regionStatistics(sums));
    }
    return toStatistics(regions, cells);
  }
}
