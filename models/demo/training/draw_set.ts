/**
 * Draws phantoms for training: the model's input, and the phrases that describe its findings. Run
 * by `deno task train:draw FOLDER FIRST COUNT`.
 *
 * Writes `<first>.images`, with 128 x 128 bytes per image, and `<first>.jsonl`, with one line per
 * image. A line holds the image's findings: class, boxes in pixels of the 128 x 128 image, and
 * wordings. Several processes may draw parts at the same time.
 *
 * @module
 */

import { drawPhantom } from "../../../datasets/phantom/phantom.ts";
import { cropRegion, preprocess } from "../../../images/preprocess.ts";
import { Random } from "../../../base/random.ts";
import { UsageError } from "../../../cli/kit/flags.ts";
import { runScript } from "./_script.ts";

/** Side of the model's input, in pixels. */
const SIZE = 128;

/** Seed of the first training phantom; evaluation sets use far lower seeds. */
const FIRST_SEED = 2 ** 41;

async function drawSet(
  folder: string,
  first: number,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  using images = await Deno.open(`${folder}/${first}.images`, {
    write: true,
    create: true,
    truncate: true,
  });
  const lines: string[] = [];
  for (let index = first; index < first + count; index++) {
    signal.throwIfAborted();
    // Draw portraits and landscapes, with a shorter side up to 1.3 times the model's input.
    const random = new Random(index);
    const side = random.integer(SIZE, Math.round(1.3 * SIZE));
    const other = Math.round(side * (1 + 0.25 * random.uniform()));
    const [width, height] = random.uniform() < 0.8 ? [side, other] : [other, side];
    const phantom = drawPhantom({ seed: FIRST_SEED + index, width, height });
    const pixels = Uint8Array.from(
      preprocess(phantom, SIZE),
      (value) => Math.round(255 * value),
    );
    for (let at = 0; at < pixels.length;) at += await images.write(pixels.subarray(at));
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
