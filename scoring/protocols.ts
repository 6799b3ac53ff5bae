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
} from "../base/geometry.ts";
import { areaWithin, isRegion, type Truth } from "../base/region.ts";
import { squareSide } from "../shaders/aggregate_cpu.ts";
import { gridStatistics } from "../shaders/metrics_cpu.ts";
import { componentBoxOverlap } from "./component_box.ts";
import { GENERATE_TO_GROUND, scoreFrame } from "./generate_to_ground.ts";
import { pixelAuc } from "./pixel_auc.ts";
import { pointsInside } from "./pointing_game.ts";
import {
  clipTruth,
  requireScoreOptions,
  scoreHeatmap,
  type ScoreOptions,
  type Scores,
  scoreStatistics,
} from "./score_heatmap.ts";

/** The paper's four scores, as in {@linkcode Scores}. */
const PAPER_SCORES = ["absCnr", "cnr", "miou", "aucRoc"] as const;

/**
 * The protocols beside the paper's, with the numbers that each protocol gives:
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
 */
export const PROTOCOLS = {
  "per-box": PAPER_SCORES,
  "biovil": PAPER_SCORES,
  "biovil-t": PAPER_SCORES,
  "largest-component-box": ["iouUnion", "iouLargest"],
  "pointing-game": ["hit"],
  "pixel-auc": ["exact", "binned"],
  "generate-to-ground": GENERATE_TO_GROUND,
} as const;

/** The protocols that need boxes; they do not count a sample with a region as ground truth. */
export const BOX_PROTOCOLS: readonly ProtocolName[] = ["per-box", "largest-component-box"];

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

/** Options of {@linkcode scoreByProtocols}. */
export interface ProtocolOptions extends ScoreOptions {
  /**
   * Protocols to score by, beside the paper's.
   * @default []
   */
  readonly protocols?: readonly ProtocolName[];
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
  return { ...scores, ...scoreProtocols(heatmap, image, clipTruth(truth, image), options) };
}

/**
 * The scores of {@linkcode scoreByProtocols} by the further protocols alone.
 *
 * @param heatmap A heatmap that can be scored.
 * @param truth Boxes of whole pixels inside the image, or a region of the image.
 * @param options Protocols, margin, and the part that the heatmap covers.
 * @returns An empty object if no protocol is chosen.
 */
export function scoreProtocols(
  heatmap: Float32Array,
  image: Size,
  truth: Truth,
  { protocols = [], margin = "excluded", cover = Math.min(image.width, image.height) }:
    ProtocolOptions,
): { readonly protocols?: ProtocolScores } {
  if (protocols.length === 0) return {};
  const side = squareSide(heatmap.length, "heatmap values");
  const score = (truth: Truth, visible?: number) =>
    scoreStatistics(
      gridStatistics(heatmap, side, image, truth, margin, { cover, ...(visible && { visible }) }),
    );
  const boxes = isRegion(truth) ? [] : truth;
  const scored = protocols.map((name): [ProtocolName, Readonly<Record<string, number>>[]] => {
    switch (name) {
      case "per-box":
        return [name, boxes.map((box) => ({ ...score([box]) }))];
      case "biovil":
      case "biovil-t": {
        const visible = Math.floor(BIOVIL_CROPS[name] * Math.min(image.width, image.height));
        const seen = seenTruth(truth, image, visible);
        return [name, seen ? [{ ...score(seen, visible) }] : []];
      }
      case "largest-component-box": {
        if (boxes.length === 0) return [name, []];
        const crop = coveredRegion(image, cover);
        return [name, [{ ...componentBoxOverlap(heatmap, side, crop, boxes) }]];
      }
      case "pointing-game":
        return [name, [{ hit: Number(pointsInside(heatmap, side, image, truth, cover)) }]];
      case "pixel-auc": {
        const exact = pixelAuc(heatmap, side, image, truth, margin, cover);
        return [name, [{ exact, binned: score(truth).aucRoc }]];
      }
      case "generate-to-ground": {
        const scores = scoreFrame(heatmap, side, image, truth, cover);
        return [name, scores ? [{ ...scores }] : []];
      }
    }
  });
  return { protocols: Object.fromEntries(scored) };
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
