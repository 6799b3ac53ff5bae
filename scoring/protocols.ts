/**
 * Further protocols for scoring a heatmap, beside the paper's, by name.
 *
 * @module
 */

import {
  area,
  type Box,
  centerSquare,
  coveredRegion,
  intersect,
  type Size,
  toOriginal,
} from "../base/geometry.ts";
import { areaWithin, isRegion, type Truth } from "../base/region.ts";
import { squareSide, valueRange } from "../shaders/aggregate_cpu.ts";
import { gridStatistics } from "../shaders/metrics_cpu.ts";
import { componentBoxOverlap } from "./component_box.ts";
import { scoreAep } from "./protocols/aep.ts";
import {
  detections,
  type Entry,
  firstBox,
  matchesExactly,
  panoptic,
  setF1,
  unionIou,
} from "./protocols/box_sets.ts";
import { CHEX_SUMS, chexOfBoxes, chexOfMap } from "./protocols/chex.ts";
import { sortFloats } from "../base/sort_floats.ts";
import { maskBoxes, medfocusBoxes, type ScoredBox } from "./protocols/map_boxes.ts";
import {
  calibrationPool,
  chexPool,
  detectionPool,
  existencePool,
  frocPool,
  meanPool,
  panopticPool,
  type Pool,
  precisionPool,
} from "./protocols/pools.ts";
import { GENERATE_TO_GROUND, scoreFrame } from "./generate_to_ground.ts";
import { pixelAuc } from "./pixel_auc.ts";
import { pointsInside } from "./pointing_game.ts";
import {
  clipBoxes,
  clipTruth,
  MAX_IMAGE_SIDE,
  requireScoreOptions,
  scoreHeatmap,
  type ScoreOptions,
  type Scores,
  scoreStatistics,
} from "./score_heatmap.ts";

/** The paper's four scores, as in {@linkcode Scores}. */
const PAPER_SCORES = ["absCnr", "cnr", "miou", "aucRoc"] as const;

/** Sums of a sample that a detection's score is made of: see {@linkcode detections}. */
const DETECTION = ["score", "matched", "truths"] as const;

/**
 * The protocols beside the paper's, with the numbers that each protocol gives for a sample:
 *
 * - `per-box`: the paper's scores with each box as a sample of its own. Each row of MS-CXR's
 *   table is one box, too (Boecking et al., ECCV 2022). Pixels in the sample's other boxes are
 *   background then. Needs boxes.
 * - `biovil`, `biovil-t`: the paper's scores on the part of the image that BioViL (BioViL-T) sees.
 *   The diffusion model and the baseline are then scored on the same pixels. BioViL resizes the
 *   shorter side to 512 pixels and sees the middle 480 (BioViL-T: 448). By the rule of
 *   BioViL's code (`convert_similarity_to_image_size` of microsoft/hi-ml), this part is a square.
 *   Its side is `floor(480 * min(W, H) / 512)` pixels of the image (BioViL-T: 448). If the margin
 *   is odd, its additional pixel is right or below. Boxes wholly outside the square are dropped; a
 *   sample without any other box does not count, and neither does a sample with its region wholly
 *   outside. Values are neither scaled nor cut again.
 * - `largest-component-box`: overlap of the ground truth with the box around the mask's largest
 *   connected component, see {@linkcode componentBoxOverlap}. Needs boxes.
 * - `pointing-game`: whether the maximum lies in a box or the region, see {@linkcode pointsInside}.
 * - `pixel-auc`: the area under the ROC curve over pixels, see {@linkcode pixelAuc}. `binned` is
 *   the paper's area at five thresholds, for comparison.
 * - `generate-to-ground`: the scores of Generate to Ground, see {@linkcode scoreFrame}. Its `miou`
 *   is a mean over foreground and background, and no relative of the paper's.
 * - `aep`: the scores of AFLoc and KAF-Ground, see {@linkcode scoreAep}.
 * - `chex`: the sums behind ChEX's mIoU, see {@linkcode chexOfMap}.
 * - `union`: IoU of the predicted boxes with the truth, each taken together: {@linkcode unionIou}.
 * - `rec`: the first predicted box against the only true box, see {@linkcode firstBox}.
 * - `medfocus`: the same as `union`, with the boxes of {@linkcode medfocusBoxes}.
 * - `set-f1`: F1 of boxes that match one to one, see {@linkcode setF1}.
 * - `ap`, `froc`, `calibration`: boxes with scores, see {@linkcode detections}.
 * - `pq`: the sums behind panoptic quality, see {@linkcode panoptic}.
 * - `existence`: lowest, highest and mean value of the map before it is scaled to 0..1, or of the
 *   boxes' scores, and whether there is something to find.
 * - `detection`: the scores of a detector of classes, as `existence` and `ap` together. The boxes on
 *   an image without the class count as false. A class whose place no box states counts for its
 *   existence alone.
 * - `n-acc`: whether nothing is predicted where nothing is to find; `t-acc`: whether anything is
 *   predicted where something is to find; `f1-one`: whether all boxes match, see
 *   {@linkcode matchesExactly}.
 *
 * The predicted boxes of a heatmap are those of {@linkcode maskBoxes}, except for `medfocus`.
 */
export const PROTOCOLS = {
  "per-box": PAPER_SCORES,
  "biovil": PAPER_SCORES,
  "biovil-t": PAPER_SCORES,
  "largest-component-box": ["iouUnion", "iouLargest"],
  "pointing-game": ["hit"],
  "pixel-auc": ["exact", "binned"],
  "generate-to-ground": GENERATE_TO_GROUND,
  "aep": ["miou", "dice", "cnr", "hit"],
  "chex": CHEX_SUMS,
  "union": ["iouUnion"],
  "rec": ["iouFirst", "hitAt30", "hitAt50"],
  "medfocus": ["iouUnion"],
  "set-f1": ["f1At30", "f1At50"],
  "ap": DETECTION,
  "froc": DETECTION,
  "pq": ["overlap", "truePositives", "falsePositives", "falseNegatives"],
  "existence": ["present", "low", "peak", "mean"],
  "n-acc": ["nothing"],
  "t-acc": ["something"],
  "f1-one": ["allMatch"],
  "calibration": DETECTION,
  "detection": ["present", "peak", "mean", ...DETECTION],
} as const satisfies Record<string, readonly string[]>;

/** The protocols that need boxes; they do not count a sample with a region as ground truth. */
export const BOX_PROTOCOLS: readonly ProtocolName[] = [
  "per-box",
  "largest-component-box",
  "rec",
  "set-f1",
  "ap",
  "froc",
  "pq",
  "f1-one",
  "calibration",
];

/** The protocols for which phrases with nothing to find count. */
export const NEGATIVE_PROTOCOLS: readonly ProtocolName[] = [
  "existence",
  "n-acc",
  "f1-one",
  "detection",
];

/** A dataset's numbers by a protocol that scores all samples together. */
const POOLED = {
  "chex": { numbers: ["pooledMiou"], pool: chexPool },
  "ap": { numbers: ["ap", "apAt50", "apAt40", "apFrom10To70"], pool: precisionPool },
  "froc": { numbers: ["recallAt5", "recallAt10", "recallAt20"], pool: frocPool },
  "pq": { numbers: ["pq", "sq", "rq"], pool: panopticPool },
  "existence": { numbers: ["peakAuc", "peakWrong", "meanAuc", "meanWrong"], pool: existencePool },
  "calibration": { numbers: ["ece", "brier"], pool: calibrationPool },
  "detection": {
    numbers: ["peakAuc", "meanAuc", "ap", "apAt50", "apAt40", "apFrom10To70"],
    pool: detectionPool,
  },
} as const;

/** Name of a number in a table of any protocol. */
export type NumberName =
  | typeof POOLED[keyof typeof POOLED]["numbers"][number]
  | typeof PROTOCOLS[Exclude<ProtocolName, keyof typeof POOLED>][number];

/** The numbers of a protocol for a dataset or a class. */
export function numbersOf(name: ProtocolName): readonly NumberName[] {
  return Object.hasOwn(POOLED, name)
    ? POOLED[name as keyof typeof POOLED].numbers
    : PROTOCOLS[name as Exclude<ProtocolName, keyof typeof POOLED>];
}

/**
 * Versions of the protocols that have one. A number changes with each change of a protocol's
 * results, so that a run goes on only by the definition that it began with.
 */
const VERSIONS: Partial<Record<ProtocolName, number>> = {
  ...{ "aep": 2, "chex": 1, "union": 1, "rec": 1, "medfocus": 1, "set-f1": 1, "ap": 1 },
  ...{ "froc": 1, "pq": 1, "existence": 1, "n-acc": 1, "t-acc": 1, "f1-one": 1 },
  ...{ "calibration": 1, "detection": 1 },
};

/** Scores samples together; `undefined` for a protocol without a version, which has plain means. */
export function poolOf(name: ProtocolName): Pool | undefined {
  if (VERSIONS[name] === undefined) return undefined;
  return Object.hasOwn(POOLED, name)
    ? POOLED[name as keyof typeof POOLED].pool
    : meanPool(PROTOCOLS[name].length);
}

/** The facts of a run's record about its protocols; none if none is chosen. */
export function protocolFacts(protocols: readonly ProtocolName[]): {
  readonly protocols?: readonly ProtocolName[];
  readonly protocolVersions?: Readonly<Record<string, number>>;
} {
  if (protocols.length === 0) return {};
  const versions = protocols.flatMap((name) =>
    VERSIONS[name] === undefined ? [] : [[name, VERSIONS[name]]]
  );
  return {
    protocols,
    ...(versions.length > 0 && { protocolVersions: Object.fromEntries(versions) }),
  };
}

/** Returns true if a run by these protocols also reads phrases with nothing to find. */
export function needsNegatives(protocols: readonly ProtocolName[]): boolean {
  return protocols.some((name) => NEGATIVE_PROTOCOLS.includes(name));
}

/** A protocol, as `--protocol` takes it. */
export type ProtocolName = keyof typeof PROTOCOLS;

/**
 * Numbers by protocol. Each protocol has a list, because it may count a sample several times or not
 * at all.
 */
export type ProtocolScores = Readonly<
  Record<string, readonly Readonly<Record<string, number>>[]>
>;

/** The paper's scores of one heatmap, and the scores of further protocols. */
export interface AllScores extends Scores {
  /** Scores of further protocols; absent if no protocol was chosen. */
  readonly protocols?: ProtocolScores;
}

/** Choices by which the heatmaps of a run are scored. */
export interface ProtocolChoice extends Pick<ScoreOptions, "margin"> {
  /**
   * Protocols to score by, beside the paper's.
   * @default []
   */
  readonly protocols?: readonly ProtocolName[];
}

/** Options of {@linkcode scoreByProtocols}. */
export interface ProtocolOptions extends ScoreOptions, ProtocolChoice {
  /**
   * The map before it was scaled to 0..1 and cut, of which `existence` takes the values.
   * @default {The heatmap}
   */
  readonly raw?: Float32Array;
  /**
   * Lowest and highest value that `raw` had in the program that made it, if it was scaled since.
   * @default {The range of `raw`}
   */
  readonly range?: readonly [lowest: number, highest: number];
  /**
   * The heatmap's values above 0 are its mask; otherwise Otsu's threshold cuts the mask of which
   * protocols take boxes.
   * @default true
   */
  readonly isMasked?: boolean;
  /**
   * The heatmap before it was sharpened: a sharpened map may have its maximum in several places, so
   * that this map decides hits. `aep` sharpens on its own frame.
   *
   * @default {The heatmap, which was not sharpened}
   */
  readonly unlifted?: Float32Array;
}

/** Share of the image's shorter side that BioViL and BioViL-T see. */
const BIOVIL_CROPS = { "biovil": 480 / 512, "biovil-t": 448 / 512 } as const;

/**
 * Checks {@linkcode ProtocolOptions} before any work.
 *
 * @throws {RangeError} If a protocol or the margin is unknown.
 */
export function requireProtocolOptions(options: ProtocolOptions): void {
  requireScoreOptions(options);
  for (const name of options.protocols ?? []) {
    if (Object.hasOwn(PROTOCOLS, name)) continue;
    throw new RangeError(
      `Cannot score by protocol "${name}": expected one of ${Object.keys(PROTOCOLS).join(", ")}`,
    );
  }
}

/**
 * Scores a heatmap as {@linkcode scoreHeatmap} does, and by further protocols.
 *
 * @param heatmap Row-major square map of finite values, commonly 0..1.
 * @param image Size of the original image in pixels, each side 1..65535.
 * @param truth Ground truth as for {@linkcode scoreHeatmap}.
 * @param options Protocols, margin, and the part that the heatmap covers.
 * @throws {TypeError} As {@linkcode scoreHeatmap}.
 * @throws {RangeError} As {@linkcode scoreHeatmap}, or if a protocol is unknown.
 */
export function scoreByProtocols(
  heatmap: Float32Array,
  image: Size,
  truth: Truth,
  options: ProtocolOptions = {},
): AllScores {
  requireProtocolOptions(options);
  const scores = scoreHeatmap(heatmap, image, truth, options);
  const clipped = clipTruth(truth, image);
  return { ...scores, ...scoreProtocols(heatmap, image, clipped, options, scores) };
}

/**
 * The scores of {@linkcode scoreByProtocols} by the further protocols alone.
 *
 * @param heatmap A heatmap that can be scored.
 * @param truth Boxes of whole pixels inside the image, or a region of the image. No box stands for
 * a phrase with nothing to find, which counts for {@linkcode NEGATIVE_PROTOCOLS} alone. `unplaced`
 * stands for a phrase that applies somewhere, and counts for its existence alone.
 * @param options Protocols, margin, and the part that the heatmap covers.
 * @param paper The paper's scores, if known.
 * @returns An empty object if no protocol is chosen.
 */
export function scoreProtocols(
  heatmap: Float32Array,
  image: Size,
  truth: Truth | Unplaced,
  options: ProtocolOptions,
  paper?: Scores,
): { readonly protocols?: ProtocolScores } {
  const { margin = "excluded", cover = Math.min(image.width, image.height) } = options;
  const { protocols = [], raw = heatmap, isMasked = true, unlifted = heatmap } = options;
  if (protocols.length === 0) return {};
  const side = squareSide(heatmap.length, "heatmap values");
  const score = (truth: Truth, visible?: number) =>
    scoreStatistics(
      gridStatistics(heatmap, side, image, truth, margin, { cover, ...(visible && { visible }) }),
    );
  const crop = coveredRegion(image, cover);
  const covered: Box = [crop.x, crop.y, crop.side, crop.height ?? crop.side];
  const place = (box: Box) => toOriginal(box, side, crop);
  let made: readonly ScoredBox[] | undefined;
  let inOrder: Float32Array | undefined;
  const sorted = () => inOrder ??= sortFloats(heatmap);
  const predicted = () => made ??= maskBoxes(heatmap, side, isMasked, place);
  const entries = (name: ProtocolName): readonly Entry[] => {
    if (name === "existence") return [existence(raw, truth, options.range)];
    if (name === "detection") {
      return detection(existence(raw, truth, options.range), predicted(), truth);
    }
    if (truth === "unplaced") return [];
    if (isNothing(truth) && !NEGATIVE_PROTOCOLS.includes(name)) return [];
    const boxes = isRegion(truth) ? [] : truth;
    switch (name) {
      case "per-box":
        if (paper && boxes.length === 1) return [{ ...paper }];
        return boxes.map((box) => ({ ...score([box]) }));
      case "biovil":
      case "biovil-t": {
        const visible = Math.floor(BIOVIL_CROPS[name] * Math.min(image.width, image.height));
        const seen = seenTruth(truth, image, visible);
        return seen ? [{ ...score(seen, visible) }] : [];
      }
      case "largest-component-box":
        return boxes.length === 0 ? [] : [{ ...componentBoxOverlap(heatmap, side, crop, boxes) }];
      case "pointing-game":
        return [{ hit: Number(pointsInside(unlifted, side, image, truth, cover)) }];
      case "pixel-auc": {
        const exact = pixelAuc(heatmap, side, image, truth, margin, cover);
        return [{ exact, binned: (paper ?? score(truth)).aucRoc }];
      }
      case "generate-to-ground":
        return listOf(scoreFrame(heatmap, side, image, truth, cover, unlifted, sorted()));
      case "aep":
        return listOf(scoreAep(unlifted, side, image, truth, covered, unlifted !== heatmap));
      case "chex":
        return [chexOfMap(heatmap, side, image, truth, cover)];
      case "medfocus":
        return [{ iouUnion: unionIou(medfocusBoxes(heatmap, side, place, sorted()), truth) }];
      default:
        return scoreBoxSet(name, predicted(), truth);
    }
  };
  return { protocols: Object.fromEntries(protocols.map((name) => [name, entries(name)])) };
}

/** Ground truth of a phrase that applies somewhere, where the dataset states no place. */
export type Unplaced = "unplaced";

/**
 * Ground truth that a phrase has without a place: no boxes if nothing is there, `unplaced` if it
 * applies somewhere, `undefined` if nothing is known.
 */
export function placelessTruth(
  isNegative?: boolean,
  isPresent?: boolean,
): readonly [] | Unplaced | undefined {
  return isNegative ? [] : isPresent ? "unplaced" : undefined;
}

/** Boxes that a method predicted. */
export interface PredictedBoxes {
  /** Boxes in pixels of the image, in the order of the method; parts outside the image count. */
  readonly predicted: readonly Box[];
  /**
   * Confidence of each box, 0..1.
   *
   * @default {1 for each box: AP is then a precision}
   */
  readonly confidence?: readonly number[];
}

/**
 * Scores predicted boxes by the protocols that take boxes.
 *
 * @param found The boxes.
 * @param truth Ground truth as for {@linkcode scoreProtocols}; no protocol counts the sample if it is
 * unknown.
 * @param image Size of the image; if it is unknown, `chex` does not count the sample.
 * @param protocols Protocols; those that need a heatmap are left out.
 * @returns An empty object if no protocol takes boxes.
 * @throws {RangeError} If a true box is NaN, negative or of size zero.
 */
export function scoreBoxesByProtocols(
  { predicted, confidence }: PredictedBoxes,
  truth: Truth | Unplaced | undefined,
  image: Size | undefined,
  protocols: readonly ProtocolName[],
): { readonly protocols?: ProtocolScores } {
  const own = protocols.filter((name) => VERSIONS[name] !== undefined && !MAP_ONLY.includes(name));
  if (own.length === 0) return {};
  const boxes = predicted.map((box, i) => ({ box, score: confidence?.[i] ?? 1 }));
  const isPlaced = truth && truth !== "unplaced" && !isRegion(truth) && !isNothing(truth);
  const known = isPlaced ? clipBoxes(truth as readonly Box[], image ?? LARGEST) : truth;
  const scores = boxes.length > 0
    ? Float32Array.from(boxes, ({ score }) => score)
    : new Float32Array(1);
  const entries = (name: ProtocolName): readonly Entry[] => {
    if (!known) return [];
    if (name === "existence") return [existence(scores, known)];
    if (name === "detection") return detection(existence(scores, known), boxes, known);
    if (known === "unplaced") return [];
    if (isNothing(known) && !NEGATIVE_PROTOCOLS.includes(name)) return [];
    if (name === "chex") return image ? [chexOfBoxes(boxes, image, known)] : [];
    return scoreBoxSet(name, boxes, known);
  };
  return { protocols: Object.fromEntries(own.map((name) => [name, entries(name)])) };
}

/** Stands for an image of unknown size. */
export const LARGEST: Size = { width: MAX_IMAGE_SIDE, height: MAX_IMAGE_SIDE };

/** Protocols with a version that need a heatmap. */
const MAP_ONLY: readonly ProtocolName[] = ["aep", "medfocus"];

/** Scores of boxes alone. */
function scoreBoxSet(
  name: ProtocolName,
  predicted: readonly ScoredBox[],
  truth: Truth,
): readonly Entry[] {
  const boxes = isRegion(truth) ? undefined : truth;
  switch (name) {
    case "union":
      return [{ iouUnion: unionIou(predicted.map(({ box }) => box), truth) }];
    case "n-acc":
      return isNothing(truth) ? [{ nothing: Number(predicted.length === 0) }] : [];
    case "t-acc":
      return [{ something: Number(predicted.length > 0) }];
    case "rec":
      return listOf(boxes && firstBox(predicted, boxes));
    case "set-f1":
      return boxes ? [setF1(predicted, boxes)] : [];
    case "pq":
      return boxes ? [panoptic(predicted, boxes)] : [];
    case "f1-one":
      return boxes ? [{ allMatch: matchesExactly(predicted, boxes) }] : [];
    default:
      return boxes ? detections(predicted, boxes) : [];
  }
}

/** Existence score, and whether there is something to find. */
function existence(
  raw: Float32Array,
  truth: Truth | Unplaced,
  range?: readonly [lowest: number, highest: number],
): Entry {
  return { present: Number(!isNothing(truth)), ...existenceOf(raw, range) };
}

/** Existence of a class with its boxes. Without true boxes to compare with, none has a score. */
function detection(
  { present, peak, mean }: Entry,
  predicted: readonly ScoredBox[],
  truth: Truth | Unplaced,
): readonly Entry[] {
  const found = truth === "unplaced" || isRegion(truth)
    ? [{ score: NaN, matched: 0, truths: 0 }]
    : detections(predicted, truth);
  return found.map((box) => ({ ...{ present: present!, peak: peak!, mean: mean! }, ...box }));
}

/**
 * Existence score of a phrase: lowest, highest and mean value of a map before it was scaled to 0..1,
 * or of the scores of boxes.
 *
 * @param raw The map, or the scores.
 * @param range The range that the map had in the program that made it; the mean is scaled with it.
 */
export function existenceOf(
  raw: Float32Array,
  range?: readonly [lowest: number, highest: number],
): { readonly low: number; readonly peak: number; readonly mean: number } {
  const { minimum, maximum } = valueRange(raw);
  const [low, peak] = range ?? [minimum, maximum];
  let sum = 0;
  for (let i = 0; i < raw.length; i++) sum += raw[i]!;
  let mean = sum / raw.length;
  if (range) mean = low + (mean - minimum) * (peak - low) / (maximum - minimum || 1);
  return { low, peak, mean };
}

function isNothing(truth: Truth | Unplaced): boolean {
  return truth !== "unplaced" && !isRegion(truth) && truth.length === 0;
}

function listOf(entry: object | undefined): readonly Entry[] {
  return entry ? [{ ...entry as Entry }] : [];
}

/**
 * The boxes with a pixel in a square in the middle of the image, or the region if it has such a
 * pixel; `undefined` if there is none.
 */
function seenTruth(truth: Truth, image: Size, side: number): Truth | undefined {
  const square = centerSquare(image, side);
  const box: Box = [square.x, square.y, side, side];
  if (isRegion(truth)) return areaWithin(truth, box) > 0 ? truth : undefined;
  const seen = truth.filter((other) => area(intersect(box, other)) > 0);
  return seen.length > 0 ? seen : undefined;
}
