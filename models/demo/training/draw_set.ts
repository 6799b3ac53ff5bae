/**
 * Draws phantoms for training: the model's input, and the phrases that describe its findings. Run
 * by `deno task train:draw FOLDER FIRST COUNT`.
 *
 * Writes `<first>.images`, with 128 x 128 bytes per image, `<first>.healthy`, with the same chests
 * without findings, and `<first>.jsonl`, with one line per image. A line holds the image's findings:
 * class, boxes in pixels of the 128 x 128 image, and wordings. Several processes may draw parts at
 * the same time.
 *
 * Two fifths of the images for training show one class of finding twice, in different places. Only
 * the words for the place tell such findings apart. Images for validation are drawn like those of
 * an evaluation.
 *
 * @module
 */

import { drawPhantom, type Phantom } from "../../../datasets/phantom/phantom.ts";
import { type Category, CLASSES } from "../../../datasets/sample.ts";
import { cropRegion, preprocess } from "../../../images/preprocess.ts";
import { Random } from "../../../base/random.ts";
import { UsageError } from "../../../cli/kit/flags.ts";
import { runScript } from "./_script.ts";

/** Side of the model's input, in pixels. */
const SIZE = 128;

/** Seed of the first training phantom; evaluation sets use far lower seeds. */
const FIRST_SEED = 2 ** 41;

/** Number of the first phantom for validation, as in train.py. */
const VALIDATION = 1_000_000;

/** Share of training images that show one class of finding twice. */
const TWICE = 0.4;

/** Classes of findings that a chest can show in several places. */
const LOCAL = CLASSES.filter((category) => category !== "Edema" && category !== "Cardiomegaly");

/**
 * Chooses the classes of a training image.
 *
 * @returns The classes, or an empty object if the seed chooses them.
 */
function chooseCategories(random: Random): { categories?: Category[] } {
  if (random.uniform() >= TWICE) return {};
  const twice = LOCAL[random.integer(0, LOCAL.length - 1)]!;
  const third = CLASSES[random.integer(0, CLASSES.length - 1)]!;
  const hasThird = third !== twice && random.uniform() < 0.4;
  return { categories: [twice, twice, ...(hasThird ? [third] : [])] };
}

async function drawSet(
  folder: string,
  first: number,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const create = { write: true, create: true, truncate: true };
  using images = await Deno.open(`${folder}/${first}.images`, create);
  using healthy = await Deno.open(`${folder}/${first}.healthy`, create);
  const lines: string[] = [];
  for (let index = first; index < first + count; index++) {
    signal.throwIfAborted();
    // Draw portraits and landscapes, with a shorter side up to 1.3 times the model's input.
    const random = new Random(index);
    const side = random.integer(SIZE, Math.round(1.3 * SIZE));
    const other = Math.round(side * (1 + 0.25 * random.uniform()));
    const [width, height] = random.uniform() < 0.8 ? [side, other] : [other, side];
    const options = { seed: FIRST_SEED + index, width, height };
    const chosen = index < VALIDATION ? chooseCategories(random) : {};
    const phantom = drawPhantom({ ...options, ...chosen });
    await writePixels(images, phantom);
    await writePixels(healthy, drawPhantom({ ...options, categories: [] }));
    const crop = cropRegion(width, height);
    const scale = SIZE / crop.side;
    const findings = phantom.findings.filter(({ boxes }) => boxes.length > 0)
      .map(({ category, boxes, wordings }) => ({
        category,
        wordings,
        boxes: boxes.map(([x, y, w, h]) =>
          [x - crop.x, y - crop.y, w, h].map((value) => Math.round(value * scale))
        ),
      }));
    lines.push(JSON.stringify(findings));
  }
  // Write the findings last: a part without them is incomplete.
  await Deno.writeTextFile(`${folder}/${first}.jsonl`, lines.join("\n") + "\n");
}

/** Writes the model's input for a phantom as bytes. */
async function writePixels(file: Deno.FsFile, phantom: Phantom): Promise<void> {
  const pixels = Uint8Array.from(preprocess(phantom, SIZE), (value) => Math.round(255 * value));
  for (let at = 0; at < pixels.length;) at += await file.write(pixels.subarray(at));
}

/** Reads a whole number that is at least `least`. */
function readNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${name} must be a whole number from ${least}, got "${text}"`);
}

if (import.meta.main) {
  await runScript(
    ["deno task train:draw", "FOLDER", "FIRST", "COUNT"],
    ([folder]) => ({ read: [], write: [folder] }),
    ([folder, first, count], signal) =>
      drawSet(folder, readNumber("FIRST", first, 0), readNumber("COUNT", count, 1), signal),
  );
}
