import type { Category } from "../sample.ts";
import type { Random } from "../../base/random.ts";
import {
  type Anatomy,
  base,
  ellipse,
  heart,
  isEnlarged,
  lateral,
  lung,
  type Side,
  smoothstep,
} from "./_anatomy.ts";

/** Amount of a finding, in one of its places, at a point of the chest; 0 to 1. */
export type Extent = (x: number, y: number) => number;

/** A finding before it is drawn. */
export interface Finding {
  readonly category: Category;
  /** All phrases with which a radiologist may describe the finding. */
  readonly wordings: readonly string[];
  /** Change of film density at full amount; 0 if the anatomy itself shows the finding. */
  readonly density: number;
  /** Film density that the finding does not exceed. @default {The density of the liver} */
  readonly densest?: number;
  /** Places of the finding, each with one box. */
  readonly extents: readonly Extent[];
  /** Patchiness of the finding, 0 to 1. */
  readonly patches: number;
}

const ZONES = ["upper", "mid", "lower"] as const;
type Zone = typeof ZONES[number];

/** A part of a lung, which one finding occupies. */
type Place = `${Side} ${Zone}`;

/** Vertical chest position of each zone's middle. */
const HEIGHTS = { upper: 0.27, mid: 0.44, lower: 0.6 } as const;

/** Names of the zones in phrases. */
const NAMES: Record<Zone, readonly string[]> = {
  upper: ["upper lung", "upper lobe", "upper zone", "upper lung field"],
  mid: ["mid lung", "mid zone", "mid lung field", "midlung"],
  lower: ["lower lung", "lower lobe", "lower zone", "lung base"],
};

const SIZES = {
  small: { factor: 0.8, words: ["small", "minimal"] },
  moderate: { factor: 1.05, words: ["moderate", ""] },
  large: { factor: 1.35, words: ["large", "extensive"] },
} as const;

/** Makes findings of one chest, in different parts of a lung while any part is free. */
export class FindingMaker {
  readonly #anatomy: Anatomy;
  readonly #random: Random;
  readonly #taken = new Set<Place>();

  constructor(anatomy: Anatomy, random: Random) {
    this.#anatomy = anatomy;
    this.#random = random;
    // An enlarged heart hides most of the left base.
    if (isEnlarged(anatomy)) this.#taken.add("left lower");
  }

  /** Amount of visible lung at a point, 0 to 1; the heart hides the lung behind it. */
  #air(side: Side, x: number, y: number): number {
    const air = lung(this.#anatomy, side, x, y);
    return air === 0 ? 0 : air * (1 - heart(this.#anatomy, x, y));
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.integer(0, choices.length - 1)]!;
  }

  #vary(mean: number, spread: number): number {
    return mean + spread * (2 * this.#random.uniform() - 1);
  }

  /**
   * Chooses a free part of a lung, or any part if none is free, and marks it as taken. A part
   * behind an enlarged heart is chosen again from the visible parts: only phantoms with a hidden
   * finding depend on this second choice.
   *
   * @param zones Zones to choose from, on both sides.
   * @param covered Zones of the left lung in which an enlarged heart hides the finding.
   */
  #place(zones: readonly Zone[], covered: readonly Zone[] = ["lower"]): [Side, Zone] {
    const all = zones.flatMap((zone) => [`right ${zone}`, `left ${zone}`] as const);
    const isFree = (place: Place) => !this.#taken.has(place);
    const choose = (places: readonly Place[]) => {
      const free = places.filter(isFree);
      return this.#pick(free.length > 0 ? free : places);
    };
    const isHidden = (place: Place) =>
      isEnlarged(this.#anatomy) && covered.some((zone) => place === `left ${zone}`);
    let place = choose(all);
    if (isHidden(place)) place = choose(all.filter((other) => !isHidden(other)));
    this.#taken.add(place);
    return place.split(" ") as [Side, Zone];
  }

  /** Makes a finding of a class. */
  make(category: Category): Finding {
    const size = this.#pick(["small", "moderate", "large"] as const);
    const { factor } = SIZES[size];
    switch (category) {
      case "Pneumonia":
        return this.#airspace(category, factor, 0.26, 0.7, (where) => [
          `patchy opacity in the ${where}, concerning for pneumonia`,
          `${where} pneumonia`,
          `findings compatible with pneumonia in the ${where}`,
          `${where} infiltrate consistent with pneumonia`,
        ]);
      case "Consolidation":
        return this.#airspace(category, factor, 0.36, 0, (where) => [
          ...SIZES[size].words.map((word) => `${word} consolidation in the ${where}`),
          `dense consolidation in the ${where}`,
          `focal consolidation of the ${where}`,
          `${where} consolidation`,
        ]);
      case "Lung Opacity":
        return this.#airspace(category, factor, 0.2, 0.3, (where) => [
          ...SIZES[size].words.map((word) => `${word} opacity projecting over the ${where}`),
          `hazy opacity in the ${where}`,
          `ill-defined ${where} opacity`,
        ]);
      case "Atelectasis":
        return this.#atelectasis(factor);
      case "Pleural Effusion":
        return this.#effusion(size);
      case "Pneumothorax":
        return this.#pneumothorax(size);
      case "Edema":
        return this.#edema(size);
      case "Cardiomegaly":
        return this.#cardiomegaly();
    }
  }

  #airspace(
    category: Category,
    factor: number,
    density: number,
    patches: number,
    say: (where: string) => string[],
  ): Finding {
    const anatomy = this.#anatomy;
    const [side, zone] = this.#place(ZONES);
    const [cx, cy] = [
      this.#vary(zone === "upper" ? 0.34 : 0.42, 0.07),
      this.#vary(
        HEIGHTS[zone],
        0.025,
      ),
    ];
    const [rx, ry] = [factor * this.#vary(0.2, 0.03), factor * this.#vary(0.092, 0.014)];
    const extent: Extent = (x, y) => {
      const amount = ellipse(lateral(anatomy, side, x) - cx, y - cy, rx, ry, 0.3);
      return amount === 0 ? 0 : amount * this.#air(side, x, y);
    };
    const wordings = NAMES[zone].flatMap((name) => say(`${side} ${name}`));
    return { category, wordings: tidy(wordings), density, extents: [extent], patches };
  }

  #atelectasis(factor: number): Finding {
    const anatomy = this.#anatomy;
    // A thin band in the mid zone also lies behind an enlarged heart.
    const [side, zone] = this.#place(["mid", "lower"], ["mid", "lower"]);
    const height = zone === "lower"
      ? anatomy.dome[side] - this.#vary(0.075, 0.015)
      : this.#vary(0.5, 0.02);
    const [cx, tilt] = [this.#vary(0.4, 0.05), this.#vary(0, 0.18)];
    const [rx, ry] = [0.26 * factor, this.#vary(0.022, 0.004)];
    const band: Extent = (x, y) => {
      const out = lateral(anatomy, side, x) - cx;
      const amount = ellipse(out, y - height - tilt * out, rx, ry, 0.4);
      return amount === 0 ? 0 : amount * this.#air(side, x, y);
    };
    const wordings = zone === "lower"
      ? [
        `plate-like atelectasis at the ${side} lung base`,
        `${side} basilar atelectasis`,
        `linear atelectasis in the ${side} lower lung`,
        `bandlike atelectasis at the ${side} base`,
      ]
      : [
        `plate-like atelectasis in the ${side} mid lung`,
        `${side} midlung atelectasis`,
        `linear atelectasis in the ${side} mid zone`,
        `bandlike atelectasis in the ${side} mid lung field`,
      ];
    return { category: "Atelectasis", wordings, density: 0.34, extents: [band], patches: 0 };
  }

  #effusion(size: keyof typeof SIZES): Finding {
    const anatomy = this.#anatomy;
    const [side] = this.#place(["lower"]);
    const depth = 0.11 * SIZES[size].factor ** 2;
    const fluid: Extent = (x, y) => {
      // The meniscus climbs towards the outer wall.
      const out = lateral(anatomy, side, x);
      const level = anatomy.dome[side] + 0.05 - depth - 0.35 * Math.max(0, out - 0.35) ** 2;
      if (out < 0 || y < level - 0.02) return 0;
      const floor = base(anatomy, side, x);
      return this.#air(side, x, Math.min(y, floor - 0.03)) *
        smoothstep(level - 0.012, level + 0.02, y) * smoothstep(floor + 0.012, floor - 0.006, y);
    };
    const wordings = tidy(SIZES[size].words.flatMap((word) => [
      `${word} ${side} pleural effusion`,
      `${word} ${side}-sided pleural effusion`,
      `blunting of the ${side} costophrenic angle, ${word} effusion`,
      `${word} pleural fluid on the ${side}`,
    ]));
    return {
      category: "Pleural Effusion",
      wordings,
      density: 0.7,
      densest: 0.86,
      extents: [fluid],
      patches: 0,
    };
  }

  #pneumothorax(size: keyof typeof SIZES): Finding {
    const anatomy = this.#anatomy;
    const [side] = this.#place(["upper"]);
    const depth = 0.16 * SIZES[size].factor;
    const tilt = this.#vary(0.1, 0.1);
    const gap: Extent = (x, y) => {
      // The collapsed lung's edge runs across the apex and down along the wall.
      const out = lateral(anatomy, side, x);
      if (out < 0) return 0;
      const edge = 0.15 + depth - 0.3 * Math.max(0, 0.42 - out) ** 2 + tilt * (out - 0.3);
      return y > edge + 0.01 ? 0 : this.#air(side, x, y) * smoothstep(edge, edge - 0.006, y);
    };
    const wordings = tidy(SIZES[size].words.flatMap((word) => [
      `${word} ${side} apical pneumothorax`,
      `${word} ${side} pneumothorax`,
      `${word} pneumothorax at the ${side} apex`,
      `${side} pneumothorax with a visible pleural line`,
    ]));
    return { category: "Pneumothorax", wordings, density: -0.26, extents: [gap], patches: 0 };
  }

  #edema(size: keyof typeof SIZES): Finding {
    const anatomy = this.#anatomy;
    for (const side of ["right", "left"] as const) this.#taken.add(`${side} mid`);
    const { factor } = SIZES[size];
    const haze = (side: Side): Extent => (x, y) => {
      const out = lateral(anatomy, side, x);
      const amount = ellipse(out - 0.3, y - 0.46, 0.22 * factor, 0.17 * factor, 0.5);
      return amount === 0 ? 0 : amount * this.#air(side, x, y);
    };
    const severity = { small: "mild", moderate: "moderate", large: "severe" }[size];
    return {
      category: "Edema",
      wordings: [
        "perihilar haze consistent with pulmonary edema",
        "bilateral interstitial pulmonary edema",
        `${severity} pulmonary edema`,
        `${severity} pulmonary vascular congestion and edema`,
        `${severity} interstitial edema`,
      ],
      density: 0.2,
      extents: [haze("right"), haze("left")],
      patches: 0.6,
    };
  }

  #cardiomegaly(): Finding {
    const severity = this.#anatomy.heart < 0.485
      ? "mild"
      : this.#anatomy.heart < 0.515
      ? "moderate"
      : "severe";
    return {
      category: "Cardiomegaly",
      wordings: [
        "enlarged cardiac silhouette",
        "the heart is enlarged",
        "the cardiac silhouette is enlarged",
        `${severity} cardiomegaly`,
        `${severity} enlargement of the heart`,
      ],
      density: 0,
      extents: [(x, y) => heart(this.#anatomy, x, y)],
      patches: 0,
    };
  }
}

/** Reduces blanks to single ones, trims the ends and drops repeated wordings. */
function tidy(wordings: readonly string[]): string[] {
  return [...new Set(wordings.map((wording) => wording.replace(/\s+/g, " ").trim()))];
}
