/**
 * Laterality: the share of a run's heatmaps that lie on the side of their ground truth.
 *
 * @module
 */

import { isInputError } from "../../base/errors.ts";
import { hasHeatmap, type HeatmapResult } from "../../runs/run_folder.ts";
import { resultTruth } from "../../runs/result_truth.ts";
import type { Run } from "../../runs/run.ts";
import {
  centerOf,
  heatmapProfile,
  type Profile,
  shareRightOf,
  type Side,
  sideOf,
  truthProfile,
  withoutSide,
} from "../../scoring/laterality.ts";
import type { Interval } from "../tables/bootstrap.ts";
import { unitIntervals } from "../statistics/resample_units.ts";

/** Laterality over one kind of samples. */
export interface LateralitySummary {
  /** Samples that count: pairs of phrases for both sides, the heart, or the group of devices. */
  readonly kind: LateralityKind;
  readonly maps: number;
  /** Number of images with such heatmaps. */
  readonly images: number;
  /** Share of the heatmaps with more of their mass on their own side, 0..1. */
  readonly share: number;
  /**
   * Bootstrap interval over images, of `BOOTSTRAP`; absent if all images have the same
   * share, which then has no spread.
   */
  readonly interval?: Interval;
}

/** Kinds of samples, in the order of tables. */
export const LATERALITY_KINDS = ["left and right", "heart", "devices"] as const;

/** An entry of {@linkcode LATERALITY_KINDS}. */
export type LateralityKind = typeof LATERALITY_KINDS[number];

/** Laterality of a run. */
export interface Laterality {
  /** Summaries by the name of the variant; variants without any such sample are left out. */
  readonly variants: Readonly<Record<string, readonly LateralitySummary[]>>;
  /** Number of heatmaps that could not be read again, or whose ground truth could not. */
  readonly unread: number;
}

/** Least share of a device's ground truth on one side, for the device to have a side. */
const ONE_SIDED = 2 / 3;

/** Matches classes of the heart, in datasets with groups. */
const HEART = /cardi|heart/i;

/** Group of devices, in datasets with groups. */
const DEVICES = "Devices";

/** Results of one sample, one for each variant, with the sample's ground truth. */
interface SidedSample {
  readonly results: readonly HeatmapResult[];
  readonly side: Side | undefined;
  /** Text that the phrases of a pair share. */
  readonly key: string;
  readonly kind: LateralityKind | undefined;
}

/** A sample with its ground truth by columns. */
interface ReadSample extends SidedSample {
  readonly truth: Profile;
  /** Width of the image in pixels. */
  readonly width: number;
}

/** Heatmaps of one image, by one variant and for one kind of samples. */
interface ImageCount {
  readonly variant: string;
  readonly kind: LateralityKind;
  /** Number of the heatmaps on their own side. */
  hits: number;
  /** Number of all these heatmaps. */
  maps: number;
}

/**
 * Judges by the stored heatmaps on which side the mass of a map lies, before Otsu's threshold.
 *
 * Two samples of one image are a pair if their phrases name the two sides and their classes are the
 * same but for the side; without a class, their phrases are. The line between the sides is vertical
 * and halfway between the centres of both ground truths. In datasets with groups, the heart and
 * devices count too. Their line is that of the lungs if the image has the pair, or else the middle of
 * the image. The heart's own side is the side with more of its ground truth; a device counts if two
 * thirds of its ground truth lie on one side.
 *
 * @param run The run; its heatmaps are read one by one.
 * @param onProgress Called with the number of heatmaps done, and the total; not without heatmaps.
 */
export async function readLaterality(
  run: Run,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Laterality> {
  // The rows of an image may lie apart, and a pair needs both.
  const images = new Map<string, SidedSample[]>();
  for await (const results of run.samples()) {
    const own = results.filter(hasHeatmap);
    const sided = own.length > 0 ? sidedSample(own) : undefined;
    if (!sided) continue;
    const { image = "" } = own[0]!;
    images.getOrInsert(image, []).push(sided);
  }
  const groups = [...images.values()].map(candidates).filter(({ length }) => length > 0);
  const mapsOf = (samples: readonly SidedSample[]) =>
    samples.reduce((sum, { results }) => sum + results.length, 0);
  const total = groups.reduce((sum, samples) => sum + mapsOf(samples), 0);
  const counts: ImageCount[] = [];
  let [done, unread] = [0, 0];
  for (const samples of groups) {
    onProgress(done, total);
    done += mapsOf(samples);
    const { read, failed } = await readTruths(run, samples);
    unread += failed;
    const own: ImageCount[] = [];
    for (const { sample, kind, line, isRight } of judgements(read)) {
      for (const { id, setting } of sample.results) {
        const profile = await readProfile(run, id, setting);
        if (!profile) {
          unread++;
          continue;
        }
        const share = shareRightOf(profile, line);
        const variant = setting ?? "";
        let count = own.find((count) => count.variant === variant && count.kind === kind);
        if (!count) own.push(count = { variant, kind, hits: 0, maps: 0 });
        count.maps++;
        if (isRight ? share > 0.5 : share < 0.5) count.hits++;
      }
    }
    counts.push(...own);
  }
  const byVariant = Map.groupBy(counts, ({ variant }) => variant);
  const variants = run.record.variants.filter((name) => byVariant.has(name)).map((name) => {
    const kinds = Map.groupBy(byVariant.get(name)!, ({ kind }) => kind);
    return [name, LATERALITY_KINDS.flatMap((kind) => summarize(kind, kinds.get(kind) ?? []))];
  });
  return { variants: Object.fromEntries(variants), unread };
}

/** Reads a heatmap by columns; `undefined` if `heatmaps.bin` lacks it or is damaged. */
async function readProfile(
  run: Run,
  id: string,
  setting: string | undefined,
): Promise<Profile | undefined> {
  try {
    const { normalised, crop } = await run.get(id, setting);
    return heatmapProfile(normalised, crop);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The sample of some results, if it may have a side. */
function sidedSample(results: readonly HeatmapResult[]): SidedSample | undefined {
  const { phrase = "", category = "", group, boxes, masks } = results[0]!;
  if (boxes.length === 0 && !masks) return undefined;
  const side = sideOf(phrase);
  const kind = group === DEVICES
    ? "devices"
    : group !== undefined && HEART.test(category)
    ? "heart"
    : undefined;
  return side || kind ? { results, side, key: withoutSide(category || phrase), kind } : undefined;
}

/** The samples of an image that may count: pairs, the heart and devices. */
function candidates(samples: readonly SidedSample[]): SidedSample[] {
  return samples.filter((sample) =>
    sample.kind ||
    samples.some(({ key, side }) =>
      key === sample.key && side && sample.side && side !== sample.side
    )
  );
}

/** Reads the ground truth of samples; a sample without its files is left out. */
async function readTruths(
  run: Run,
  samples: readonly SidedSample[],
): Promise<{ readonly read: readonly ReadSample[]; readonly failed: number }> {
  const read: ReadSample[] = [];
  let failed = 0;
  for (const sample of samples) {
    const result = sample.results[0]!;
    try {
      const { image } = await run.stored(result);
      const truth = truthProfile(await resultTruth(result, image, run.folder), image.width);
      read.push({ ...sample, truth, width: image.width });
    } catch (error) {
      if (!isInputError(error) && !(error instanceof SyntaxError)) throw error;
      failed += sample.results.length;
    }
  }
  return { read, failed };
}

/** A sample with its own side of a line. */
interface Judgement {
  readonly sample: ReadSample;
  readonly kind: LateralityKind;
  /** Position of the vertical line in pixels of the image. */
  readonly line: number;
  /** The sample's own side is right of the line. */
  readonly isRight: boolean;
}

/** Own sides of an image's samples. */
function judgements(samples: readonly ReadSample[]): Judgement[] {
  const found: Judgement[] = [];
  let middle = (samples[0]?.width ?? 0) / 2;
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const sided = samples.filter(({ side }) => side);
  for (const [key, group] of Map.groupBy(sided, ({ key }) => key)) {
    const centers = (side: Side) =>
      group.filter((sample) => sample.side === side).map(({ truth }) => centerOf(truth));
    const line = (mean(centers("left")) + mean(centers("right"))) / 2;
    // Without the other side there is no line.
    if (Number.isNaN(line)) continue;
    if (/\blungs?\b/.test(key)) middle = line;
    for (const sample of group) {
      const center = centerOf(sample.truth);
      if (center !== line) {
        found.push({ sample, kind: "left and right", line, isRight: center > line });
      }
    }
  }
  const paired = new Set(found.map(({ sample }) => sample));
  for (const sample of samples) {
    const { kind, truth } = sample;
    if (!kind || paired.has(sample)) continue;
    const share = shareRightOf(truth, middle);
    const least = kind === "devices" ? ONE_SIDED : 0.5;
    const isOneSided = Math.max(share, 1 - share) >= least && share !== 0.5;
    if (isOneSided) found.push({ sample, kind, line: middle, isRight: share > 0.5 });
  }
  return found;
}

/** Summarises the images of one kind; a list without an entry if there are none. */
function summarize(kind: LateralityKind, images: readonly ImageCount[]): LateralitySummary[] {
  if (images.length === 0) return [];
  const total = (name: "hits" | "maps", weights?: Float64Array) =>
    images.reduce((sum, count, i) => sum + (weights?.[i] ?? 1) * count[name], 0);
  const hasSpread = new Set(images.map(({ hits, maps }) => hits / maps)).size > 1;
  const [interval] = unitIntervals(
    images.length,
    (weights) => Float64Array.of(total("hits", weights) / total("maps", weights)),
  );
  return [{
    ...{ kind, maps: total("maps"), images: images.length, share: total("hits") / total("maps") },
    ...(hasSpread && { interval: interval! }),
  }];
}
