import type { Random } from "../../base/random.ts";

/** Side of the patient; the patient's right is on the left of the image. */
export type Side = "right" | "left";

/**
 * Shape of one chest and its place in the image. In chest coordinates, horizontal
 * positions run from 0 at the midline to about 1 at either flank. Vertical
 * positions run from 0 above the shoulders to 1 in the abdomen.
 */
export interface Anatomy {
  /** Place of the chest in the image's centre square, which runs from -1 to 1 both ways. */
  readonly pose: Pose;
  /** Factor on all horizontal distances from the midline. */
  readonly breadth: number;
  /** Vertical position of the dome of each half of the diaphragm. */
  readonly dome: Readonly<Record<Side, number>>;
  /** Half the heart's width. */
  readonly heart: number;
  /** Vertical distance between ribs. */
  readonly ribs: number;
  /** Downward slope of the ribs from the spine outwards. */
  readonly slope: number;
  /** Film density of a healthy lung without vessels. */
  readonly lung: number;
  /** Density of breast shadows; 0 for none. */
  readonly breasts: number;
  /** Whether the stomach contains gas. */
  readonly gas: boolean;
}

/** Scale, rotation and shift from the chest to the centre square. */
export interface Pose {
  readonly scale: number;
  /** In radians, clockwise. */
  readonly rotation: number;
  readonly right: number;
  readonly down: number;
}

/** Vertical chest distance that one unit of the centre square spans at scale 1. */
const CHEST_HEIGHT = 0.42;

/** Draws the random anatomy of one patient. */
export function drawAnatomy(random: Random, enlargedHeart: boolean): Anatomy {
  const vary = (mean: number, spread: number) => mean + spread * (2 * random.uniform() - 1);
  const dome = vary(0.73, 0.04);
  const breadth = vary(1, 0.1);
  const scale = vary(0.89, 0.21);
  // Keep the lungs in the picture: they reach 0.8 to either side, and from -0.92 to 0.7.
  const room = (half: number) => Math.max(0.04, 1.04 - half * scale);
  return {
    pose: {
      scale,
      rotation: vary(0, 0.16),
      right: vary(0, room(0.8 * breadth)),
      down: vary(0.1 * scale, room(0.8)),
    },
    breadth,
    // The liver pushes the right half of the diaphragm higher.
    dome: { right: dome, left: dome + vary(0.03, 0.015) },
    heart: enlargedHeart ? vary(0.5, 0.05) : vary(0.29, 0.04),
    ribs: vary(0.07, 0.008),
    slope: vary(0.16, 0.07),
    lung: vary(0.23, 0.03),
    breasts: random.uniform() < 0.4 ? vary(0.07, 0.03) : 0,
    gas: random.uniform() < 0.5,
  };
}

/**
 * The heart is enlarged if the function returns true. A healthy heart is at most 0.33, an enlarged
 * heart at least 0.45.
 */
export function isEnlarged({ heart }: Anatomy): boolean {
  return heart > 0.42;
}

/** Converts a point of the centre square to chest coordinates. */
export function chestPoint({ pose }: Anatomy, u: number, v: number): [x: number, y: number] {
  const [right, down] = [(u - pose.right) / pose.scale, (v - pose.down) / pose.scale];
  const [cos, sin] = [Math.cos(pose.rotation), Math.sin(pose.rotation)];
  return [cos * right + sin * down, 0.5 + CHEST_HEIGHT * (cos * down - sin * right)];
}

/** Rises smoothly from 0 at `low` to 1 at `high`; falls with the value if `low` is above `high`. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = Math.max(0, Math.min(1, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

/** 1 inside an ellipse and 0 outside; the edge is smooth within a share `soft` of the radius. */
export function ellipse(
  dx: number,
  dy: number,
  rx: number,
  ry: number,
  soft = 0.15,
): number {
  return smoothstep(1 + soft, 1 - soft, Math.sqrt((dx / rx) ** 2 + (dy / ry) ** 2));
}

/** Horizontal distance from the midline, positive towards the outer wall of a lung. */
export function lateral(anatomy: Anatomy, side: Side, x: number): number {
  return (side === "left" ? 1 : -1) * x / anatomy.breadth;
}

/** Amount of a lung at a point, 0 to 1, including the part behind the heart. */
export function lung(anatomy: Anatomy, side: Side, x: number, y: number): number {
  const out = lateral(anatomy, side, x);
  if (out < 0.05) return 0;
  // A lung is narrow at the apex and wide at the base.
  const wall = 0.40 + 0.36 * smoothstep(0.13, 0.55, y);
  const inner = 0.10 + 0.05 * smoothstep(0.3, 0.7, y);
  const floor = base(anatomy, side, x);
  return smoothstep(inner - 0.02, inner + 0.04, out) * smoothstep(wall, wall - 0.06, out) *
    smoothstep(0.115, 0.165, y - 0.16 * Math.max(0, out - 0.3) ** 2) *
    smoothstep(floor, floor - 0.018, y);
}

/** Height of the diaphragm at a horizontal position; the diaphragm is lowest at the outer wall. */
export function base(anatomy: Anatomy, side: Side, x: number): number {
  const out = lateral(anatomy, side, x);
  return anatomy.dome[side] + 0.55 * Math.max(0, out - 0.36) ** 2;
}

/** Amount of the heart at a point, 0 to 1. */
export function heart(anatomy: Anatomy, x: number, y: number): number {
  const dx = x / anatomy.breadth - 0.34 * anatomy.heart;
  // The heart rests on the diaphragm.
  const dy = y - anatomy.dome.left + 0.125;
  return ellipse(dx + 0.35 * dy, dy, anatomy.heart, 0.155 + 0.06 * anatomy.heart, 0.06);
}

/** Film density of the heart; a larger heart is thicker and therefore denser. */
function heartDensity({ heart }: Anatomy): number {
  return 0.66 + 0.15 * smoothstep(0.36, 0.5, heart);
}

/** Half the body's width at a height: neck, shoulders, flanks. */
function flank(y: number): number {
  return 0.2 + 0.74 * smoothstep(0.02, 0.2, y) - 0.08 * smoothstep(0.3, 0.8, y);
}

/** Film density of a healthy chest at a point, 0 (black) to 1 (white). */
export function tissue(anatomy: Anatomy, x: number, y: number): number {
  const fromMidline = x / anatomy.breadth;
  const away = Math.abs(fromMidline);
  const side: Side = x > 0 ? "left" : "right";
  const body = smoothstep(flank(y) + 0.03, flank(y) - 0.03, away);
  if (body === 0) return 0.02;
  let density = 0.52 + 0.12 * smoothstep(0.5, 0.95, y);
  const air = lung(anatomy, side, x, y);
  // Vessels make a lung denser towards its root.
  const vessels = 0.12 * ellipse(away - 0.16, y - 0.46, 0.3, 0.22, 0.9);
  density = density * (1 - air) + (anatomy.lung + vessels) * air;
  density += anatomy.breasts * air * ellipse(away - 0.42, y - 0.58, 0.3, 0.15, 0.3);
  // Mediastinum with the aortic knob, then heart, then spine.
  const column = smoothstep(0.17, 0.11, away) * smoothstep(0.04, 0.1, y);
  const knob = ellipse(fromMidline - 0.15, y - 0.34, 0.08, 0.05);
  density = Math.max(density, 0.66 * Math.max(column, 0.95 * knob));
  density = Math.max(density, heartDensity(anatomy) * heart(anatomy, x, y));
  density += 0.05 * smoothstep(0.08, 0.05, away) * (0.75 + 0.25 * Math.cos(y * 90));
  density -= 0.14 * smoothstep(0.045, 0.025, away) * smoothstep(0.36, 0.32, y); // trachea
  const floor = base(anatomy, side, x);
  const below = smoothstep(floor - 0.006, floor + 0.014, y);
  density = Math.max(density, 0.68 * below * body);
  if (anatomy.gas) {
    density -= 0.3 * below * ellipse(fromMidline - 0.42, y - anatomy.dome.left - 0.09, 0.16, 0.05);
  }
  return (density + bones(anatomy, away, y)) * body;
}

/** Film density that ribs and clavicles add to the tissue behind them. */
function bones(anatomy: Anatomy, away: number, y: number): number {
  let added = 0;
  // Ribs slope down from the spine, steeply at first, and level off towards the outer wall.
  const cage = smoothstep(0.07, 0.16, away) * smoothstep(0.9, 0.8, away) *
    smoothstep(0.82, 0.7, y);
  const level = (y - 0.13 - anatomy.slope * away + 0.22 * (away - 0.42) ** 2) / anatomy.ribs;
  const nearest = Math.abs(level - Math.round(level)) * anatomy.ribs;
  if (level > -0.5) added += 0.085 * cage * smoothstep(0.015, 0.007, nearest);
  if (away > 0.1 && away < 0.72) {
    const clavicle = Math.abs(y - 0.185 + 0.085 * (away - 0.1) ** 0.8);
    added += 0.13 * smoothstep(0.019, 0.009, clavicle);
  }
  return added;
}
