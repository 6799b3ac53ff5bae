/**
 * Further protocols for scoring a heatmap, beside the paper's, by name.
 *
 * @module
 */

import { type Box, centerSquare, type Size } from "../base/geometry.ts";
import { squareSide } from "../shaders/aggregate_cpu.ts";
import { gridStatistics } from "../shaders/metrics_cpu.ts";
import { componentBoxOverlap } from "./component_box.ts";
import { GENERATE_TO_GROUND, scoreFrame } from "./generate_to_ground.ts";
import { pixelAuc } from "./pixel_auc.ts";
import { pointsInBox } from "./pointing_game.ts";
import {
  clipBoxes,
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
 *   background then.
 * - `biovil`, `biovil-t`: the paper's scores on the part of the image that BioViL (BioViL-T) sees.
 *   The diffusion model and the baseline are then scored on the same pixels. BioViL resizes the
 *   shorter side to 512 pixels and sees the middle 480 (BioViL-T: 448). By the rule of
 *   BioViL's code (`convert_similarity_to_image_size` of microsoft/hi-ml), this part is a square.
 *   Its side is `floor(480 * min(W, H) / 512)` pixels of the image (BioViL-T: 448). If the margin
 *   is odd, its additional pixel is right or below. Boxes wholly outside the square are dropped; a
 *   sample without any other box does not count. Values are neither scaled nor cut again.
 * - `largest-component-box`: overlap of the ground truth with the box around the mask's largest
 *   connected component, see {@linkcode componentBoxOverlap}.
 * - `pointing-game`: whether the maximum lies in a box, see {@linkcode pointsInBox}.
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
 * @param boxes Ground truth in pixels of the original image, at least one box.
 * @param options Protocols, margin, and the square that the heatmap covers.
 * @throws {TypeError} As {@linkcode scoreHeatmap}.
 * @throws {RangeError} As {@linkcode scoreHeatmap}, or if a protocol is unknown.
 */
export function scoreByProtocols(
  heatmap: Float32Array,
  image: Size,
  boxes: readonly Box[],
  options: ProtocolOptions = {},
): AllScores {
  requireProtocolOptions(options);
  const scores = scoreHeatmap(heatmap, image, boxes, options);
  return { ...scores, ...scoreProtocols(heatmap, image, clipBoxes(boxes, image), options) };
}

/**
 * The scores of {@linkcode scoreByProtocols} by the further protocols alone.
 *
 * @param heatmap A heatmap that can be scored.
 * @param boxes Boxes of whole pixels inside the image.
 * @param options Protocols, margin, and the square that the heatmap covers.
 * @returns An empty object if no protocol is chosen.
 */
export function scoreProtocols(
  heatmap: Float32Array,
  image: Size,
  boxes: readonly Box[],
  { protocols = [], margin = "excluded", cover = Math.min(image.width, image.height) }:
    ProtocolOptions,
): { readonly protocols?: ProtocolScores } {
  if (protocols.length === 0) return {};
  const side = squareSide(heatmap.length, "heatmap values");
  const score = (boxes: readonly Box[], visible?: number) =>
    scoreStatistics(
      gridStatistics(heatmap, side, image, boxes, margin, { cover, ...(visible && { visible }) }),
    );
  const scored = protocols.map((name): [ProtocolName, Readonly<Record<string, number>>[]] => {
    switch (name) {
      case "per-box":
        return [name, boxes.map((box) => ({ ...score([box]) }))];
      case "biovil":
      case "biovil-t": {
        const visible = Math.floor(BIOVIL_CROPS[name] * Math.min(image.width, image.height));
        const seen = boxes.filter((box) => isSeen(box, image, visible));
        return [name, seen.length > 0 ? [{ ...score(seen, visible) }] : []];
      }
      case "largest-component-box": {
        const crop = centerSquare(image, cover);
        return [name, [{ ...componentBoxOverlap(heatmap, side, crop, boxes) }]];
      }
      case "pointing-game":
        return [name, [{ hit: Number(pointsInBox(heatmap, side, image, boxes, cover)) }]];
      case "pixel-auc": {
        const exact = pixelAuc(heatmap, side, image, boxes, margin, cover);
        return [name, [{ exact, binned: score(boxes).aucRoc }]];
      }
      case "generate-to-ground": {
        const scores = scoreFrame(heatmap, side, image, boxes, cover);
        return [name, scores ? [{ ...scores }] : []];
      }
    }
  });
  return { protocols: Object.fromEntries(scored) };
}

/** Whether a pixel of a box lies in a square in the middle of the image. */
function isSeen([x, y, width, height]: Box, image: Size, side: number): boolean {
  const left = Math.floor((image.width - side) / 2);
  const top = Math.floor((image.height - side) / 2);
  return x < left + side && x + width > left && y < top + side && y + height > top;
}
