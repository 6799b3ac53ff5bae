/**
 * Synthetic chest X-rays with findings at known places. Code draws them without any
 * patient data, and the same seed gives the same image.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import { chestPoint, drawAnatomy, tissue } from "./_anatomy.ts";
import { drawDistractors } from "./_distractors.ts";
import { type Finding, FindingMaker } from "./_findings.ts";
import { type Category, CLASSES } from "../sample.ts";
import type { Box } from "../../base/geometry.ts";

/** Options of {@linkcode drawPhantom}. */
export interface PhantomOptions {
  /** Seed of the random numbers; the same seed gives the same picture. */
  readonly seed: number;
  /**
   * Width in pixels.
   *
   * @default {420}
   */
  readonly width?: number;
  /**
   * Height in pixels.
   *
   * @default {512}
   */
  readonly height?: number;
  /**
   * Classes of the findings.
   *
   * @default {One to three classes, chosen by the seed}
   */
  readonly categories?: readonly Category[];
}

/** A finding that is drawn, with its phrase and box. */
export interface PhantomFinding {
  /** Class of the finding. */
  readonly category: Category;
  /** Phrase in the style of a radiologist, one of `wordings`. */
  readonly phrase: string;
  /** All phrases that may describe the finding. */
  readonly wordings: readonly string[];
  /** Tight boxes around the places of the finding, in whole pixels. */
  readonly boxes: readonly Box[];
}

/** A synthetic chest X-ray. */
export interface Phantom {
  /** Grey levels, one byte per pixel, row by row. */
  readonly data: Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Findings in the picture. */
  readonly findings: readonly PhantomFinding[];
}

/** Minimum amount of a finding, 0 to 1, at a point inside its box. */
const VISIBLE = 0.4;

/** Density of the liver, which most findings do not exceed. */
const LIVER = 0.72;

/** Chooses one to three different classes, usually more than one. */
function chooseCategories(random: Random): Category[] {
  const left: Category[] = [...CLASSES];
  return Array.from(
    { length: [1, 2, 2, 3, 3][random.integer(0, 4)]! },
    () => left.splice(random.integer(0, left.length - 1), 1)[0]!,
  );
}

/** Makes smooth noise from -1 to 1, interpolated from random values on a coarse grid. */
function makeTexture(random: Random): (x: number, y: number) => number {
  const side = 24;
  const grid = Float32Array.from({ length: (side + 1) ** 2 }, () => 2 * random.uniform() - 1);
  return (x, y) => {
    const u = Math.max(0, Math.min(side - 1e-6, (x + 1) / 2 * side));
    const v = Math.max(0, Math.min(side - 1e-6, y * side));
    const left = Math.floor(u);
    const top = Math.floor(v);
    const s = smooth(u - left);
    const t = smooth(v - top);
    const at = (column: number, row: number) => grid[row * (side + 1) + column]!;
    return (1 - t) * ((1 - s) * at(left, top) + s * at(left + 1, top)) +
      t * ((1 - s) * at(left, top + 1) + s * at(left + 1, top + 1));
  };
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

/**
 * Draws a phantom.
 *
 * @throws {RangeError} If a side is not a whole number of at least 16 pixels.
 *
 * @example Usage
 * ```ts
 * import { drawPhantom } from "./phantom.ts";
 *
 * const { findings } = drawPhantom({ seed: 1, width: 64, height: 80 });
 * console.log(findings.map(({ phrase }) => phrase));
 * ```
 */
export function drawPhantom(options: PhantomOptions): Phantom {
  const { seed, width = 420, height = 512 } = options;
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 16) {
      throw new RangeError(`Cannot draw a phantom of ${width}x${height}: expected at least 16x16`);
    }
  }
  // Findings use random numbers of their own, so that the chest does not depend on them.
  const random = new Random(seed);
  const findingRandom = new Random(seed + 2 ** 40);
  const chosen = chooseCategories(findingRandom);
  const categories = options.categories ?? chosen;
  const anatomy = drawAnatomy(random, categories.includes("Cardiomegaly"));
  const maker = new FindingMaker(anatomy, findingRandom);
  const findings = categories.map((category) => maker.make(category));
  const distractors = drawDistractors(random);
  const texture = makeTexture(random);
  const exposure = 0.85 + 0.35 * random.uniform();
  const gamma = 0.8 + 0.45 * random.uniform();
  const grain = 0.004 + 0.014 * random.uniform();

  const boxes = findings.map(({ extents }) => extents.map(() => new Bounds()));
  const data = new Uint8Array(width * height);
  // The centre square, in which the chest is placed, runs from -1 to 1.
  const half = Math.min(width, height) / 2;
  for (let row = 0; row < height; row++) {
    const v = (row + 0.5 - height / 2) / half;
    const [left, up] = chestPoint(anatomy, -width / 2 / half, v);
    const [right, down] = chestPoint(anatomy, width / 2 / half, v);
    for (let column = 0; column < width; column++) {
      const share = (column + 0.5) / width;
      const x = left + share * (right - left);
      const y = up + share * (down - up);
      const cloud = texture(x, y);
      let density = tissue(anatomy, x, y) + 0.025 * cloud;
      for (let i = 0; i < findings.length; i++) {
        const { extents } = findings[i]!;
        let amount = 0;
        for (let j = 0; j < extents.length; j++) {
          const here = extents[j]!(x, y);
          if (here >= VISIBLE) boxes[i]![j]!.add(column, row);
          if (here > amount) amount = here;
        }
        if (amount > 0) density += change(findings[i]!, amount, density, texture(1.6 * x, y));
      }
      for (const distractor of distractors) density += distractor(x, y);
      const film = Math.max(0, exposure * density) ** gamma + grain * random.normal();
      data[row * width + column] = Math.max(0, Math.min(255, Math.round(255 * film)));
    }
  }
  return {
    data,
    width,
    height,
    findings: findings.map(({ category, wordings }, i) => ({
      category,
      phrase: wordings[findingRandom.integer(0, wordings.length - 1)]!,
      wordings,
      // A finding has no box if the picture cuts off its part of the chest.
      boxes: boxes[i]!.flatMap((bounds) => bounds.box),
    })),
  };
}

/** Change of film density by a finding at a point with a given amount of it. */
function change(
  { density, densest = LIVER, patches }: Finding,
  amount: number,
  below: number,
  cloud: number,
): number {
  if (density === 0) return 0;
  // The edge of a collapsed lung shows as a fine line.
  if (density < 0) return density * amount + 0.2 * amount * (1 - amount) * 4;
  const added = density * amount * (1 + 0.8 * patches * cloud);
  return Math.min(added, Math.max(0, densest - below));
}

/** Tight box around the added pixels. */
class Bounds {
  #left = Infinity;
  #top = Infinity;
  #right = -1;
  #bottom = -1;

  add(column: number, row: number): void {
    if (column < this.#left) this.#left = column;
    if (column > this.#right) this.#right = column;
    if (row < this.#top) this.#top = row;
    if (row > this.#bottom) this.#bottom = row;
  }

  /** The box; empty if no pixel was added. */
  get box(): Box[] {
    if (this.#right < 0) return [];
    const [x, y] = [this.#left, this.#top];
    return [[x, y, this.#right - x + 1, this.#bottom - y + 1]];
  }
}

/** Options of {@linkcode drawPhantoms} and of `writePhantomSet()`. */
export interface PhantomSetOptions {
  /** Seed of the set; the same seed gives the same images. */
  readonly seed: number;
  /**
   * Number of images; {@linkcode drawPhantoms} accepts `Infinity`.
   *
   * @default {40}
   */
  readonly images?: number;
}

/** Chooses the classes of an image of a set: each class in turn, with changing other classes. */
function planCategories(index: number): Category[] {
  const round = Math.floor(index / CLASSES.length);
  const at = (offset: number) => CLASSES[(index + offset) % CLASSES.length]!;
  if ((index + round) % 4 === 3) return [at(0)];
  // An offset of 1 to 7 never gives the first class again.
  const second = 1 + (3 * round + index) % 7;
  const third = 1 + (second + 2 * round + 1) % 7;
  const categories = [at(0), at(second)];
  return index % 3 === 0 && third !== second ? [...categories, at(third)] : categories;
}

/** Image sizes, used in turn: mostly portrait, like chest X-rays. */
const SIZES = [[420, 512], [432, 512], [512, 420], [440, 512], [480, 480]] as const;

/** Number of images per seed of a set; any further image would repeat one of the next seed. */
const SET_SIZE = 100_000;

/**
 * Draws the phantoms of a set one by one, on demand. An image has one to three
 * findings; each class comes in turn.
 *
 * @throws {RangeError} If the seed or the number of images is out of range.
 *
 * @example Usage
 * ```ts
 * import { drawPhantoms } from "./phantom.ts";
 *
 * for (const { width, height } of drawPhantoms({ seed: 1, images: 2 })) {
 *   console.log(width, height);
 * }
 * ```
 */
export function drawPhantoms(options: PhantomSetOptions): IterableIterator<Phantom> {
  const { seed, images = 40 } = options;
  if (!Number.isSafeInteger(seed * SET_SIZE) || seed < 0) {
    throw new RangeError(`Cannot draw phantoms of seed ${seed}: expected a whole number from 0`);
  }
  if (!(images >= 1 && (Number.isInteger(images) || images === Infinity))) {
    throw new RangeError(`Cannot draw ${images} phantoms: expected a whole number from 1`);
  }
  return (function* () {
    for (let index = 0; index < images; index++) {
      const [width, height] = SIZES[index % SIZES.length]!;
      const categories = planCategories(index);
      yield drawPhantom({ seed: seed * SET_SIZE + index, width, height, categories });
    }
  })();
}
