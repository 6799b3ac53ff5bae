import type { Random } from "../pipeline/random.ts";
import {
  type Anatomy,
  base,
  ellipse,
  heart,
  lateral,
  lung,
  type Side,
  smoothstep,
} from "./_phantom_anatomy.ts";
import type { CLASSES } from "./sample.ts";

/** Class of a finding. */
export type Category = typeof CLASSES[number];

/** Something to be seen in one place: how much of it is at a point, 0 to 1. */
export type Extent = (x: number, y: number) => number;

/** A finding before it is drawn. */
export interface Finding {
  /** Its class. */
  readonly category: Category;
  /** What a radiologist says of it. */
  readonly phrase: string;
  /** Change of film density where it is; 0 where the anatomy itself shows it. */
  readonly density: number;
  /** Its places; one box each. */
  readonly extents: readonly Extent[];
  /** Whether it is patchy. */
  readonly isPatchy: boolean;
}

const ZONES = { upper: 0.29, mid: 0.46, lower: 0.62 } as const;
type Zone = keyof typeof ZONES;

/** Makes a finding of a class in a chest. */
export function makeFinding(category: Category, anatomy: Anatomy, random: Random): Finding {
  const pick = <T>(choices: readonly T[]): T => choices[random.integer(0, choices.length - 1)]!;
  const vary = (mean: number, spread: number) => mean + spread * (2 * random.uniform() - 1);
  const side: Side = pick(["right", "left"]);
  const zone: Zone = pick(["upper", "mid", "lower"]);
  const size = pick(["small", "moderate", "large"] as const);
  const factor = { small: 0.75, moderate: 1, large: 1.3 }[size];
  const airspace = (where: Side): Extent => {
    const [cx, cy] = [vary(0.4, 0.06), ZONES[zone] + vary(0, 0.02) + anatomy.shift];
    const [rx, ry] = [0.19 * factor, 0.1 * factor];
    return (x, y) =>
      ellipse(lateral(anatomy, where, x) - cx, y - cy, rx, ry, 0.35) *
      lung(anatomy, where, x, y);
  };
  const finding = (phrase: string, density: number, extents: Extent[], isPatchy = false) => ({
    category,
    phrase,
    density,
    extents,
    isPatchy,
  });

  switch (category) {
    case "Pneumonia":
      return finding(
        pick([
          `patchy opacity in the ${side} ${zone} lung, concerning for pneumonia`,
          `${side} ${zone} zone pneumonia`,
          `findings compatible with pneumonia in the ${side} ${zone} lung`,
        ]),
        0.27,
        [airspace(side)],
        true,
      );
    case "Consolidation":
      return finding(
        pick([
          `dense consolidation in the ${side} ${zone} lung`,
          `${size} focal consolidation of the ${side} ${zone} zone`,
          `consolidation in the ${side} ${zone} zone`,
        ]),
        0.36,
        [airspace(side)],
      );
    case "Lung Opacity":
      return finding(
        pick([
          `hazy opacity in the ${side} ${zone} lung`,
          `ill-defined ${side} ${zone} zone opacity`,
          `${size} opacity projecting over the ${side} ${zone} lung`,
        ]),
        0.2,
        [airspace(side)],
        true,
      );
    case "Atelectasis": {
      const height = anatomy.dome[side] - vary(0.07, 0.015) + anatomy.shift;
      const tilt = vary(0, 0.1);
      const band: Extent = (x, y) => {
        const out = lateral(anatomy, side, x);
        return ellipse(out - 0.4, y - height - tilt * (out - 0.4), 0.24 * factor, 0.022, 0.5) *
          lung(anatomy, side, x, y);
      };
      return finding(
        pick([
          `plate-like atelectasis at the ${side} lung base`,
          `${side} basilar atelectasis`,
          `linear atelectasis in the ${side} lower lung`,
        ]),
        0.3,
        [band],
      );
    }
    case "Pleural Effusion": {
      const depth = 0.1 * factor;
      const fluid: Extent = (x, y) => {
        // The meniscus climbs towards the outer wall.
        const out = lateral(anatomy, side, x);
        const level = anatomy.dome[side] + anatomy.shift + 0.05 - depth -
          0.35 * Math.max(0, out - 0.35) ** 2;
        const chest = lung(anatomy, side, x, Math.min(y, base(anatomy, side, x) - 0.03));
        return chest * smoothstep(level - 0.012, level + 0.02, y) *
          smoothstep(base(anatomy, side, x) + 0.012, base(anatomy, side, x) - 0.006, y);
      };
      return finding(
        pick([
          `${size} ${side} pleural effusion`,
          `blunting of the ${side} costophrenic angle from a ${size} effusion`,
          `${side} pleural fluid`,
        ]),
        0.48,
        [fluid],
      );
    }
    case "Pneumothorax": {
      const depth = 0.1 * factor;
      const gap: Extent = (x, y) => {
        const out = lateral(anatomy, side, x);
        const down = y - anatomy.shift;
        const edge = 0.16 + depth - 0.5 * Math.max(0, 0.42 - out) ** 2 * 0.6;
        return lung(anatomy, side, x, y) * smoothstep(edge, edge - 0.006, down);
      };
      return finding(
        pick([
          `${size} ${side} apical pneumothorax`,
          `${side} pneumothorax with a visible pleural line`,
          `air in the ${side} pleural space at the apex`,
        ]),
        -0.13,
        [gap],
      );
    }
    case "Edema": {
      const haze = (where: Side): Extent => (x, y) =>
        ellipse(lateral(anatomy, where, x) - 0.3, y - 0.47 - anatomy.shift, 0.2, 0.17, 0.5) *
        lung(anatomy, where, x, y);
      return finding(
        pick([
          "perihilar haze consistent with pulmonary edema",
          "bilateral interstitial pulmonary edema",
          `${pick(["mild", "moderate"])} pulmonary vascular congestion and edema`,
        ]),
        0.19,
        [haze("right"), haze("left")],
        true,
      );
    }
    case "Cardiomegaly":
      return finding(
        pick([
          "enlarged cardiac silhouette",
          `${pick(["mild", "moderate", "severe"])} cardiomegaly`,
          "the heart is enlarged",
        ]),
        0,
        [(x, y) => heart(anatomy, x, y)],
      );
  }
}
