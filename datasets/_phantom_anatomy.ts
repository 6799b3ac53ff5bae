import type { Random } from "../pipeline/random.ts";

/** Which lung: the patient's right is on the left of the image. */
export type Side = "right" | "left";

/**
 * Shape of one chest. Horizontal positions run from -1 at the image's left
 * edge to 1, vertical ones from 0 at the top to 1.
 */
export interface Anatomy {
  /** Where the midline is. */
  readonly centre: number;
  /** Factor on all horizontal distances from the midline. */
  readonly breadth: number;
  /** Vertical shift of everything. */
  readonly shift: number;
  /** Height of the dome of each half of the diaphragm. */
  readonly dome: Readonly<Record<Side, number>>;
  /** Half the heart's width; above 0.42 it is enlarged. */
  readonly heart: number;
  /** Vertical distance between ribs. */
  readonly ribs: number;
}

/** Varies a chest from patient to patient. */
export function drawAnatomy(random: Random, enlargedHeart: boolean): Anatomy {
  const vary = (mean: number, spread: number) => mean + spread * (2 * random.uniform() - 1);
  const dome = vary(0.74, 0.025);
  return {
    centre: vary(0, 0.03),
    breadth: vary(1, 0.06),
    shift: vary(0, 0.02),
    // The liver holds the right half of the diaphragm higher.
    dome: { right: dome, left: dome + vary(0.03, 0.01) },
    heart: enlargedHeart ? vary(0.47, 0.03) : vary(0.31, 0.03),
    ribs: vary(0.068, 0.004),
  };
}

/** 0 below `low`, 1 above `high`, smooth between; falls instead where `low` is above `high`. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = Math.max(0, Math.min(1, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

/** 1 inside an ellipse, 0 outside, smooth over a share `soft` of its radius. */
export function ellipse(
  dx: number,
  dy: number,
  rx: number,
  ry: number,
  soft = 0.15,
): number {
  return smoothstep(1 + soft, 1 - soft, Math.hypot(dx / rx, dy / ry));
}

/** Horizontal position from the midline, positive towards a lung's outer wall. */
export function lateral(anatomy: Anatomy, side: Side, x: number): number {
  return (side === "left" ? 1 : -1) * (x - anatomy.centre) / anatomy.breadth;
}

/** How much of a lung is at a point, 0 to 1; the heart lies in front of it. */
export function lung(anatomy: Anatomy, side: Side, x: number, y: number): number {
  const out = lateral(anatomy, side, x);
  const down = y - anatomy.shift;
  // Narrow at the apex, wide at the base.
  const wall = 0.40 + 0.36 * smoothstep(0.13, 0.55, down);
  const inner = 0.10 + 0.05 * smoothstep(0.3, 0.7, down);
  const floor = base(anatomy, side, x);
  return smoothstep(inner - 0.02, inner + 0.04, out) * smoothstep(wall, wall - 0.06, out) *
    smoothstep(0.115, 0.165, down - 0.16 * Math.max(0, out - 0.3) ** 2) *
    smoothstep(floor, floor - 0.018, y);
}

/** Height of the diaphragm at a horizontal position; the angle at the outer wall is lowest. */
export function base(anatomy: Anatomy, side: Side, x: number): number {
  const out = lateral(anatomy, side, x);
  return anatomy.dome[side] + anatomy.shift + 0.55 * Math.max(0, out - 0.36) ** 2;
}

/** How much of the heart is at a point, 0 to 1. */
export function heart(anatomy: Anatomy, x: number, y: number): number {
  const dx = (x - anatomy.centre) / anatomy.breadth - 0.34 * anatomy.heart;
  const dy = y - anatomy.shift - 0.625;
  return ellipse(dx + 0.35 * dy, dy, anatomy.heart, 0.155 + 0.06 * anatomy.heart, 0.06);
}

/** Half the body's width at a height: neck, shoulders, flanks. */
function flank(y: number): number {
  return 0.2 + 0.74 * smoothstep(0.02, 0.2, y) - 0.08 * smoothstep(0.3, 0.8, y);
}

/** Film density of a healthy chest at a point, 0 (black) to 1 (white). */
export function tissue(anatomy: Anatomy, x: number, y: number): number {
  const fromMidline = (x - anatomy.centre) / anatomy.breadth;
  const away = Math.abs(fromMidline);
  const down = y - anatomy.shift;
  const body = smoothstep(flank(down) + 0.03, flank(down) - 0.03, away);
  if (body === 0) return 0.02;
  let density = 0.52 + 0.12 * smoothstep(0.5, 0.95, down);
  const air = Math.max(lung(anatomy, "right", x, y), lung(anatomy, "left", x, y));
  // Vessels make a lung denser towards its root.
  const vessels = 0.12 * ellipse(away - 0.16, down - 0.46, 0.3, 0.22, 0.9);
  density = density * (1 - air) + (0.17 + vessels) * air;
  // Mediastinum with the aortic knob, then heart, then spine.
  const column = smoothstep(0.17, 0.11, away) * smoothstep(0.04, 0.1, down);
  const knob = ellipse(fromMidline - 0.15, down - 0.34, 0.08, 0.05);
  density = Math.max(density, 0.66 * Math.max(column, 0.95 * knob, heart(anatomy, x, y)));
  density += 0.05 * smoothstep(0.08, 0.05, away) * (0.75 + 0.25 * Math.cos(down * 90));
  const trachea = smoothstep(0.045, 0.025, away) * smoothstep(0.36, 0.32, down);
  density -= 0.14 * trachea;
  for (const side of ["right", "left"] as const) {
    const below = smoothstep(base(anatomy, side, x) - 0.006, base(anatomy, side, x) + 0.014, y);
    if (lateral(anatomy, side, x) > 0) density = Math.max(density, 0.68 * below * body);
  }
  return (density + bones(anatomy, away, down)) * body;
}

/** Ribs and clavicles, added to what lies behind them. */
function bones(anatomy: Anatomy, away: number, down: number): number {
  let added = 0;
  // Ribs fall from the spine outwards and turn down at the wall.
  const cage = smoothstep(0.07, 0.16, away) * smoothstep(0.9, 0.8, away) *
    smoothstep(0.82, 0.7, down);
  const level = (down - 0.13 - 0.16 * away + 0.22 * (away - 0.42) ** 2) / anatomy.ribs;
  const nearest = Math.abs(level - Math.round(level)) * anatomy.ribs;
  if (level > -0.5) added += 0.085 * cage * smoothstep(0.015, 0.007, nearest);
  const clavicle = Math.abs(down - 0.185 + 0.085 * (away - 0.1) ** 0.8);
  if (away > 0.1 && away < 0.72) added += 0.13 * smoothstep(0.019, 0.009, clavicle);
  return added;
}
