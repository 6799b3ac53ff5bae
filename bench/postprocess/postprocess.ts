/**
 * `deno task bench`: times the way from attention to a masked heatmap, and its scores, in
 * plain TypeScript, by shaders and in Python. All start from the same inputs and take turns.
 *
 * @module
 */

import type { Box } from "../../base/geometry.ts";
import { Random } from "../../base/random.ts";
import { quietenDriver } from "../../cli/kit/driver.ts";
import { GpuHeatmaps } from "../../pipeline/gpu/heatmaps_gpu.ts";
import { postprocess } from "../../pipeline/postprocess.ts";
import { scoreHeatmap } from "../../scoring/score_heatmap.ts";
import { type Gpu, openGpu, storage, submitAndRead } from "../../shaders/device.ts";
import {
  countFlag,
  inFolder,
  median,
  pathOf,
  runBench,
  spreadOfRatios,
  startPeer,
  table,
  timeInTurn,
} from "../harness.ts";

/** Sizes of the paper: layers, steps, side of a map, tokens. */
const [LAYERS, STEPS, SIDE, TOKENS] = [4, 60, 16, 77];

/** Side of the paper's heatmap, and the deviation of its Gaussian; both in pixels. */
export const [SIZE, SIGMA] = [512, 2.5] as const;

/** Tokens of the phrase. */
const RANGE = [1, 8] as const;
const POSITIONS = SIDE * SIDE;

/** The X-ray that heatmaps are scored on, and its boxes. */
const IMAGE = { width: 2544, height: 3056 };
const BOXES: readonly Box[] = [[760, 1328, 666, 835], [1552, 310, 988, 384]];

/** Parts of a contender's result that are compared. */
interface Outcome {
  /** Heatmap before the threshold. */
  readonly map?: ArrayLike<number>;
  /** Heatmap with 0 outside its mask. */
  readonly masked?: ArrayLike<number>;
  /** Otsu's threshold. */
  readonly threshold?: number;
  /** |CNR|, CNR, mIoU and AUC-ROC. */
  readonly scores?: readonly number[];
}

/**
 * A computation to time.
 *
 * @param isWanted The result is compared; a peer sends no other.
 * @returns Its own seconds, where only these count, and its result.
 */
type Contender = (
  isWanted: boolean,
) => Promise<{ readonly seconds?: number; readonly outcome: Outcome }>;

/** Largest differences between results that count as the same. */
const TOLERANCE = {
  // PyTorch 2.15 rounds the sampling points of a resize to float32: an error of 3e-5.
  map: 1e-4,
  // Thresholds may be one bin of Otsu's histogram apart.
  threshold: 1 / 255,
  scores: 1e-4,
  /** Share of the pixels; covers masks whose thresholds are one bin apart. */
  maskShare: 0.01,
} as const;

/** Makes softmax maps `[layers, steps, positions, tokens]`; each token attends around a point. */
export function makeMaps(): Float32Array {
  const random = new Random(1);
  const maps = new Float32Array(LAYERS * STEPS * POSITIONS * TOKENS);
  const base = new Float32Array(POSITIONS * TOKENS);
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let token = 0; token < TOKENS; token++) {
      const x = random.uniform() * SIDE;
      const y = random.uniform() * SIDE;
      for (let position = 0; position < POSITIONS; position++) {
        const distance = (position % SIDE - x) ** 2 + (Math.floor(position / SIDE) - y) ** 2;
        base[position * TOKENS + token] = Math.exp(-distance / 18) / TOKENS;
      }
    }
    for (let step = 0; step < STEPS; step++) {
      const at = (layer * STEPS + step) * base.length;
      for (let i = 0; i < base.length; i++) maps[at + i] = base[i]! * (0.5 + random.uniform());
    }
  }
  return maps;
}

/** Computes the heatmaps of `phrases` phrases in plain TypeScript. */
export function inTypeScript(
  maps: Float32Array,
  phrases: number,
): Outcome & { masked: Float32Array } {
  const length = maps.length / LAYERS;
  const layers = Array.from({ length: LAYERS }, (_, layer) => ({
    data: maps.subarray(layer * length, (layer + 1) * length),
    shape: [STEPS, POSITIONS, TOKENS] as const,
  }));
  const [tokenStart, tokenEnd] = RANGE;
  const make = () => postprocess({ layers, tokenStart, tokenEnd, size: SIZE, sigma: SIGMA });
  for (let phrase = 1; phrase < phrases; phrase++) make();
  const { normalised: map, heatmap: masked, threshold } = make();
  return { map, masked, threshold: threshold! };
}

/** Returns the scores of a heatmap in the order of the peers' answer. */
function scoresOf(heatmap: Float32Array): number[] {
  const { absCnr, cnr, miou, aucRoc } = scoreHeatmap(heatmap, IMAGE, BOXES);
  return [absCnr, cnr, miou, aucRoc];
}

/** Uploads the maps as `[steps, layers, positions, tokens]`, the order that the model returns. */
export function upload(gpu: Gpu, maps: Float32Array): GPUBuffer {
  const length = POSITIONS * TOKENS;
  const turned = new Float32Array(maps.length);
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let step = 0; step < STEPS; step++) {
      const at = (layer * STEPS + step) * length;
      turned.set(maps.subarray(at, at + length), (step * LAYERS + layer) * length);
    }
  }
  return storage(gpu, "attention maps", turned);
}

/** Computes the heatmaps of `phrases` phrases by shaders; the attention is on the GPU already. */
export async function byShaders(
  heatmaps: GpuHeatmaps,
  maps: GPUBuffer,
  phrases: number,
): Promise<Outcome> {
  const group = { layers: LAYERS, positions: POSITIONS, tokens: TOKENS };
  heatmaps.begin([group], Array.from({ length: phrases }, () => ({ range: RANGE })));
  for (let phrase = 0; phrase < phrases; phrase++) heatmaps.add([maps], phrase, STEPS);
  const last = (await heatmaps.finish()).at(-1)!;
  if ("error" in last) throw last.error;
  return { map: last.normalised, masked: last.heatmap, threshold: last.threshold! };
}

/**
 * Checks that a contender's result is plain TypeScript's.
 *
 * @throws {Error} If a part lies further away than {@linkcode TOLERANCE}.
 */
function requireSame(name: string, expected: Outcome, got: Outcome): void {
  const most = (one: ArrayLike<number> = [], other: ArrayLike<number> = one) =>
    Array.from(one).reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
  const { masked = [] } = expected;
  const otherMask = got.masked ?? masked;
  const pixels = Array.from(masked).filter((value, i) => (value !== 0) !== (otherMask[i] !== 0));
  const off = {
    map: most(expected.map, got.map),
    threshold: most([expected.threshold ?? 0], [got.threshold ?? expected.threshold ?? 0]),
    scores: most(expected.scores, got.scores),
    maskShare: pixels.length / Math.max(1, masked.length),
  };
  for (const [part, limit] of Object.entries(TOLERANCE)) {
    const value = off[part as keyof typeof off];
    // NaN is no agreement either.
    if (!(value <= limit)) {
      throw new Error(`Cannot compare ${name}: its ${part} is ${value} off, more than ${limit}`);
    }
  }
}

/** Formats seconds as milliseconds with three significant digits. */
function milliseconds(seconds: number): string {
  return seconds >= 0.1 ? (1000 * seconds).toFixed(0) : (1000 * seconds).toPrecision(3);
}

/** Times a table's contenders, and returns the table's rows. */
async function measure(
  heading: string,
  contenders: Readonly<Record<string, Contender>>,
  rounds: number,
): Promise<string[]> {
  const [first, ...others] = Object.entries(contenders);
  const expected = (await first![1](true)).outcome;
  for (const [name, run] of others) requireSame(name, expected, (await run(true)).outcome);
  const runs = Object.values(contenders);
  const times = await timeInTurn(runs.map((run) => async () => (await run(false)).seconds), rounds);
  const rows = Object.keys(contenders).map((name, i) => {
    const [middle, least] = [median(times[i]!), Math.min(...times[i]!)];
    const ratio = spreadOfRatios(times[i]!, times[0]!, middle < 10 * median(times[0]!) ? 1 : 0);
    return [name, milliseconds(middle), milliseconds(least), `${ratio} x`];
  });
  return [...table([heading, "median, ms", "least, ms", ""], rows), ""];
}

if (import.meta.main) {
  await runBench({
    task: "bench",
    description:
      "Times one heatmap of the paper's sizes, its scores and a batch of phrases: plain " +
      "TypeScript, shaders on this machine's GPU, and Python by the libraries that the first " +
      "python3 of the path has.",
    flags: {
      peers: { type: "boolean", default: true, description: "Leave Python out." },
      phrases: countFlag("Phrases of a batch.", 64),
      rounds: countFlag("Rounds.", 21),
    },
  }, ({ peers, phrases, rounds }) =>
    inFolder(async (folder) => {
      quietenDriver();
      const maps = makeMaps();
      const { masked } = inTypeScript(maps, 1);
      const gpu = await openGpu();
      const buffer = gpu && upload(gpu, maps);
      const heatmaps = gpu && new GpuHeatmaps(gpu, { size: SIZE, sigma: SIGMA, otsu: true });
      await Deno.writeFile(`${folder}/maps`, new Uint8Array(maps.buffer));
      await Deno.writeFile(`${folder}/heatmap`, new Uint8Array(masked.slice().buffer));
      const peer = peers
        ? await startPeer(pathOf("postprocess_peer.py", import.meta.url), [folder])
        : undefined;
      const own = (compute: () => Outcome | Promise<Outcome>): Contender => async () => ({
        outcome: await compute(),
      });
      const ofPeers = (kernel: string, settings: unknown): Record<string, Contender> => {
        const run = (name: string): Contender => (isWanted) =>
          peer!.ask(JSON.stringify({ run: `${name}.${kernel}`, settings, outcome: isWanted }));
        return peer
          ? { "the released code's calls": run("released"), "the libraries at best": run("best") }
          : {};
      };
      const shaders = (phrases: number): Record<string, Contender> =>
        gpu ? { shaders: own(() => byShaders(heatmaps!, buffer!, phrases)) } : {};
      const readback = async () => {
        const encoder = gpu!.device.createCommandEncoder({ label: "readback alone" });
        await submitAndRead(gpu!, encoder, [{ buffer: buffer!, bytes: 4 }]);
      };
      try {
        return [
          `Shaders on ${gpu?.adapter.name ?? "no GPU"}; Python: ${peer?.version ?? "left out"}.`,
          "",
          ...await measure("one heatmap", {
            "plain TypeScript": own(() => inTypeScript(maps, 1)),
            ...shaders(1),
            ...ofPeers("postprocess", { tokens: RANGE, size: SIZE, sigma: SIGMA }),
          }, rounds),
          ...await measure("its scores on 2544x3056", {
            "plain TypeScript": own(() => ({ scores: scoresOf(masked) })),
            ...ofPeers("scores", { ...IMAGE, boxes: BOXES }),
          }, rounds),
          ...await measure(`heatmaps of ${phrases} phrases`, {
            "plain TypeScript": own(() => inTypeScript(maps, phrases)),
            ...shaders(phrases),
          }, rounds),
          ...(gpu
            ? [
              `Reading four bytes back takes ${
                (1000 * median((await timeInTurn([readback], rounds))[0]!)).toPrecision(3)
              } ms by itself.`,
            ]
            : []),
        ];
      } finally {
        await peer?.close();
        heatmaps?.destroy();
        gpu?.destroy();
      }
    }));
}
