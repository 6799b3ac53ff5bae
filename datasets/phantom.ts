/**
 * Synthetic chest X-rays with findings whose place is known: drawn by code,
 * the same from the same seed, no patient behind them.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { Image } from "imagescript";
import { Random } from "../pipeline/random.ts";
import { drawAnatomy, tissue } from "./_phantom_anatomy.ts";
import { type Category, type Extent, type Finding, makeFinding } from "./_phantom_findings.ts";
import { type Box, CLASSES } from "./sample.ts";

/** What to draw. */
export interface PhantomOptions {
  /** Same seed, same picture. */
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
   * @default {One to three, by the seed}
   */
  readonly categories?: readonly Category[];
}

/** A finding in a phantom. */
export interface PhantomFinding {
  /** Its class. */
  readonly category: Category;
  /** What a radiologist says of it. */
  readonly phrase: string;
  /** Its places, as tight boxes in whole pixels. */
  readonly boxes: readonly Box[];
}

/** A synthetic chest X-ray. */
export interface Phantom {
  /** One byte a pixel, row by row. */
  readonly data: Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** What is to be seen in it. */
  readonly findings: readonly PhantomFinding[];
}

/** A point belongs to a finding's box where there is at least this much of it. */
const VISIBLE = 0.4;

/** One to three different classes. */
function chooseCategories(random: Random): Category[] {
  const left: Category[] = [...CLASSES];
  return Array.from(
    { length: random.integer(1, 3) },
    () => left.splice(random.integer(0, left.length - 1), 1)[0]!,
  );
}

/** Smooth noise: values on a coarse grid, interpolated; -1 to 1. */
function makeTexture(random: Random): (x: number, y: number) => number {
  const side = 24;
  const grid = Float32Array.from({ length: (side + 1) ** 2 }, () => 2 * random.uniform() - 1);
  return (x, y) => {
    const [u, v] = [(x + 1) / 2 * side, y * side].map((value) =>
      Math.max(0, Math.min(side - 1e-6, value))
    ) as [number, number];
    const [left, top] = [Math.floor(u), Math.floor(v)];
    const [s, t] = [smooth(u - left), smooth(v - top)];
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
  // Findings have a source of their own: the chest is the same with them and without.
  const random = new Random(seed);
  const findingRandom = new Random(seed + 2 ** 40);
  const chosen = chooseCategories(findingRandom);
  const categories = options.categories ?? chosen;
  const anatomy = drawAnatomy(random, categories.includes("Cardiomegaly"));
  const findings = categories.map((category) => makeFinding(category, anatomy, findingRandom));
  const texture = makeTexture(random);
  const exposure = 0.9 + 0.25 * random.uniform();
  const gamma = 0.9 + 0.25 * random.uniform();

  const data = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const y = (row + 0.5) / height;
    for (let column = 0; column < width; column++) {
      const x = 2 * (column + 0.5) / width - 1;
      let density = tissue(anatomy, x, y) + 0.025 * texture(x, y);
      for (const finding of findings) density += change(finding, x, y, density, texture);
      const noise = 0.018 * random.normal();
      const film = Math.max(0, exposure * density) ** gamma + noise;
      data[row * width + column] = Math.max(0, Math.min(255, Math.round(255 * film)));
    }
  }
  return {
    data,
    width,
    height,
    findings: findings.map(({ category, phrase, extents }) => ({
      category,
      phrase,
      boxes: extents.map((extent) => boundingBox(extent, width, height)),
    })),
  };
}

/** What a finding adds to the film density at a point. */
function change(
  { density, extents, isPatchy }: Finding,
  x: number,
  y: number,
  below: number,
  texture: (x: number, y: number) => number,
): number {
  if (density === 0) return 0;
  const amount = Math.max(...extents.map((extent) => extent(x, y)));
  if (amount === 0) return 0;
  const patches = isPatchy ? 0.75 + 0.5 * texture(1.6 * x, y) : 1;
  // Nothing gets denser than the liver; the edge of a collapsed lung shows as a fine line.
  const line = density < 0 ? 0.14 * amount * (1 - amount) * 4 : 0;
  const added = density * amount * patches;
  return line + (density > 0 ? Math.min(added, Math.max(0, 0.72 - below)) : added);
}

function boundingBox(extent: Extent, width: number, height: number): Box {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const amount = extent(2 * (column + 0.5) / width - 1, (row + 0.5) / height);
      if (amount < VISIBLE) continue;
      [left, right] = [Math.min(left, column), Math.max(right, column)];
      [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    }
  }
  return [left, top, right - left + 1, bottom - top + 1];
}

/** Options of {@linkcode writePhantomSet}. */
export interface PhantomSetOptions {
  /** Same seed, same files. */
  readonly seed: number;
  /**
   * Number of images.
   *
   * @default {16}
   */
  readonly images?: number;
}

/** Sizes that images take in turn: mostly portrait, as chest X-rays are. */
const SIZES = [[420, 512], [432, 512], [512, 420], [440, 512], [480, 480]] as const;

/**
 * Writes phantoms as a dataset in MS-CXR's own layout: the CSV of release
 * 1.1.0 and a tree of JPEG files as in MIMIC-CXR-JPG. Of 16 images and more
 * every class is in at least four.
 *
 * @param folder Where to; made if it is not there.
 * @param options Seed and number.
 * @returns Path of the CSV.
 */
export async function writePhantomSet(
  folder: string,
  { seed, images = 16 }: PhantomSetOptions,
): Promise<{ csv: string }> {
  const rows: Record<string, string | number>[] = [];
  for (let index = 0; index < images; index++) {
    const [width, height] = SIZES[index % SIZES.length]!;
    // Two classes an image, every class in turn and in changing company.
    const [first, second] = [index % 8, (index + 1 + Math.floor(index / 8) * 2) % 8];
    const categories = [CLASSES[first]!, CLASSES[second]!];
    const phantom = drawPhantom({ seed: seed * 1000 + index, width, height, categories });
    const patient = `p1000${String(index).padStart(4, "0")}`;
    const name = `phantom-${String(seed).padStart(4, "0")}-${String(index).padStart(4, "0")}`;
    const path = `files/p10/${patient}/s5000${String(index).padStart(4, "0")}/${name}.jpg`;
    await Deno.mkdir(`${folder}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeFile(`${folder}/${path}`, await encodeJpeg(phantom));
    for (const { category, phrase, boxes } of phantom.findings) {
      for (const [x, y, w, h] of boxes) {
        rows.push({
          category_name: category,
          label_text: phrase,
          path,
          x,
          y,
          w,
          h,
          dicom_id: name,
          image_width: width,
          image_height: height,
          split: index % 2 === 0 ? "test" : "val",
        });
      }
    }
  }
  const csv = `${folder}/MS_CXR_Local_Alignment_v1.1.0.csv`;
  await Deno.writeTextFile(csv, stringify(rows, { columns: Object.keys(rows[0] ?? {}) }));
  return { csv };
}

async function encodeJpeg({ data, width, height }: Phantom): Promise<Uint8Array> {
  const image = new Image(width, height);
  data.forEach((value, i) => image.bitmap.set([value, value, value, 255], 4 * i));
  return await image.encodeJPEG(92);
}
