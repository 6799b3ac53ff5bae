import type { Random } from "../../base/random.ts";
import { ellipse, smoothstep } from "./_anatomy.ts";

/** Film density that an object adds at a point of the chest. */
export type Distractor = (x: number, y: number) => number;

/** Approximate height of a chest in half widths, which puts both axes on one scale. */
const TALL = 2.4;

/** Makes a line through points, densest along its centre. */
function wire(
  points: readonly (readonly [number, number])[],
  width: number,
  density: number,
): Distractor {
  const segments = points.slice(1).map(([bx, by], i) => {
    const [ax, ay] = points[i]!;
    const [qx, qy] = [bx - ax, TALL * (by - ay)];
    return { ax, ay, qx, qy, length: qx * qx + qy * qy };
  });
  return (x, y) => {
    let nearest = Infinity;
    for (const { ax, ay, qx, qy, length } of segments) {
      const px = x - ax;
      const py = TALL * (y - ay);
      const t = Math.max(0, Math.min(1, (px * qx + py * qy) / length));
      nearest = Math.min(nearest, (px - t * qx) ** 2 + (py - t * qy) ** 2);
    }
    return nearest >= width * width
      ? 0
      : density * smoothstep(width, 0.5 * width, Math.sqrt(nearest));
  };
}

/** Draws random objects that are not findings: devices, leads and a side marker. */
export function drawDistractors(random: Random): Distractor[] {
  const vary = (mean: number, spread: number) => mean + spread * (2 * random.uniform() - 1);
  const drawn: Distractor[] = [];
  if (random.uniform() < 0.2) {
    const side = random.uniform() < 0.5 ? -1 : 1;
    const [cx, cy] = [side * vary(0.5, 0.06), vary(0.27, 0.03)];
    drawn.push((x, y) => 0.42 * ellipse(x - cx, y - cy, 0.12, 0.045, 0.08));
    drawn.push(wire([[cx, cy], [0.1 * side, 0.3], [0.04, 0.45], [0.18, 0.68]], 0.022, 0.3));
  }
  if (random.uniform() < 0.25) {
    drawn.push(wire([[0, 0.02], [vary(0, 0.01), vary(0.33, 0.03)]], 0.03, 0.25));
  }
  if (random.uniform() < 0.2) {
    drawn.push(wire([[0.01, 0.02], [0.03, 0.6], [0.2, vary(0.82, 0.03)]], 0.022, 0.28));
  }
  for (let lead = random.integer(0, 3); lead > 0; lead--) {
    const [ax, ay] = [vary(0, 0.75), vary(0.4, 0.25)];
    const [bx, by] = [ax + vary(0, 0.35), 1.05];
    drawn.push(wire([[ax, ay], [(ax + bx) / 2 + vary(0, 0.1), 0.75], [bx, by]], 0.018, 0.2));
    drawn.push((x, y) => 0.25 * ellipse(x - ax, y - ay, 0.045, 0.019, 0.2));
  }
  if (random.uniform() < 0.6) {
    // The technician's side marker, beside a shoulder.
    const [cx, cy] = [(random.uniform() < 0.5 ? -1 : 1) * vary(0.95, 0.08), vary(0.12, 0.06)];
    drawn.push(wire([[cx - 0.03, cy - 0.025], [cx - 0.03, cy + 0.025]], 0.03, 0.7));
    drawn.push(wire([[cx - 0.03, cy + 0.025], [cx + 0.04, cy + 0.025]], 0.03, 0.7));
  }
  return drawn;
}
