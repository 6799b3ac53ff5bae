import { CLASSES } from "../../datasets/sample.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { Random } from "../../base/random.ts";
import { RunFolder } from "../../runs/run_folder.ts";

/** Side of the published model's heatmaps, and sides of their attention layers. */
const SIZE = 512;
const SIDES = [16, 16, 32, 32];

/**
 * Writes a run with random attention and scores; no sample is grounded.
 *
 * @param folder Receives links to the X-rays, and the run in its folder `run`.
 * @param images Paths of X-rays; the run repeats them under new names.
 * @param samples Number of samples; each has an image file of its own.
 */
export async function makeRun(
  folder: string,
  images: readonly string[],
  samples: number,
): Promise<void> {
  const random = new Random(1);
  const copies: { path: string; width: number; height: number }[] = [];
  for (let i = 0; i < samples; i++) {
    const source = images[i % images.length]!;
    const path = `${folder}/${i}.${source.split(".").at(-1)}`;
    await Deno.symlink(await Deno.realPath(source), path);
    const known = copies[i % images.length];
    const { width, height } = i >= images.length ? known! : await decodeImage(source);
    copies.push({ path, width, height });
  }
  const ids = Array.from({ length: samples }, (_, index) => ({
    id: `0002a34c-5b2d-4f6e-9c1d-${String(index).padStart(12, "0")}#1`,
    index,
  }));
  const facts = {
    settings: { steps: 300, layers: [3, 4, 6, 7], sigma: 2.5, otsu: true },
    model: { sha256: "0".repeat(64) },
    dataset: { kind: "ms-cxr", split: "test" },
    margin: "excluded",
  };
  const run = await RunFolder.lock(`${folder}/run`, console.error);
  await run.begin({ facts, variants: [""], plan: ids }, "refuse", () => {});
  for (const { id, index } of ids) {
    const { path, width, height } = copies[index]!;
    const layers = SIDES.map((side, layer) => ({
      ...{ layer, side },
      data: Float32Array.from({ length: side * side }, () => random.uniform()),
    }));
    await run.writeHeatmaps([{ id, size: SIZE, image: { width, height }, layers }]);
    const share = (of: number) => Math.floor(of * (0.1 + 0.4 * random.uniform()));
    const result: SampleResult = {
      ...{ id, index, image: path, status: "scored", threshold: random.uniform() },
      phrase: `small to moderate left pleural effusion with adjacent atelectasis, number ${index}`,
      category: CLASSES[index % CLASSES.length]!,
      boxes: [[share(width), share(height), share(width), share(height)]],
      ...{ absCnr: random.uniform(), cnr: random.uniform() - 0.5 },
      ...{ miou: random.uniform(), aucRoc: random.uniform() },
    };
    await run.write([result]);
  }
  await run.close();
}
