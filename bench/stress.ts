/**
 * `deno task bench:stress`: evaluates thousands of samples from image files to result lines, and
 * reports the memory of the process.
 *
 * @module
 */

import { DEMO } from "../methods/ldm/ldm.ts";
import { quietenDriver } from "../cli/kit/driver.ts";
import { grayImage } from "../images/gray_image.ts";
import {
  type DatasetItem,
  drawPhantom,
  evaluate,
  loadBundle,
  openModel,
  openRuntime,
} from "../mod.ts";
import { groundRequests } from "../pipeline/ground.ts";
import type { Method } from "../pipeline/method.ts";
import { RunFolder } from "../runs/run_folder.ts";
import { openGpu } from "../shaders/device.ts";
import { LiveBuffers } from "../tests/support/live_buffers.ts";
import { countFlag, inFolder, runBench, seconds, slope } from "./harness.ts";

/** Number of phantoms to draw; the other images are copies of these under new names. */
const DRAWN = 10;

/** Share of the samples that counts as warm-up. */
const WARM_UP = 0.2;

/** Phantoms as a dataset whose images exist only while they are needed. */
class FleetingImages {
  readonly #folder: string;
  readonly #files: Uint8Array[] = [];
  readonly #size: { readonly width: number; readonly height: number };
  readonly #written = new Set<string>();
  /** Highest number of images that existed at once. */
  most = 0;

  constructor(folder: string, size: { readonly width: number; readonly height: number }) {
    this.#folder = folder;
    this.#size = size;
  }

  async *items(samples: number): AsyncIterableIterator<DatasetItem> {
    for (let index = 0; index < samples; index += 2) {
      const image = `${this.#folder}/${index}.png`;
      await Deno.writeFile(image, await this.#file((index / 2) % DRAWN));
      this.#written.add(image);
      this.most = Math.max(this.most, this.#written.size);
      const { width, height } = this.#size;
      const box = [Math.floor(width / 4), Math.floor(height / 3), 16, 12] as const;
      for (const [i, phrase] of ["left pleural effusion", "the heart is enlarged"].entries()) {
        const id = `${index + i}`;
        const sample = { id, index: index + i, image, phrase, boxes: [box], category: "Edema" };
        yield { kind: "sample", sample };
      }
    }
  }

  async remove(image: string): Promise<void> {
    if (this.#written.delete(image)) await Deno.remove(image);
  }

  async #file(number: number): Promise<Uint8Array> {
    const known = this.#files[number];
    if (known) return known;
    const bytes = await grayImage(drawPhantom({ seed: number, ...this.#size })).encode();
    this.#files.push(bytes);
    return bytes;
  }
}

/** Memory after a number of samples. */
interface Memory {
  readonly samples: number;
  /** Resident memory of the process, in bytes. */
  readonly bytes: number;
  /** Number of live GPU buffers. */
  readonly buffers: number;
}

await runBench({
  task: "bench:stress",
  description:
    "Evaluates phantoms that are drawn, written and removed again as they are asked for, two " +
    "phrases an image, and says whether the process's memory and the GPU's live buffers grow. The " +
    "bundled model runs on the CPU, heatmaps are made on the GPU if there is one.",
  flags: {
    samples: countFlag("How many.", 20_000, 50),
    width: countFlag("Width in pixels.", 80, 16),
    height: countFlag("Height in pixels.", 96, 16),
  },
}, ({ samples, width, height }, signal) =>
  inFolder(async (folder) => {
    const model = await openModel(await loadBundle(DEMO), await openRuntime("native"));
    quietenDriver();
    const gpu = await openGpu();
    const live = gpu && new LiveBuffers(gpu.device);
    const run = await RunFolder.lock(`${folder}/out`, console.error);
    try {
      const images = new FleetingImages(folder, { width, height });
      await run.begin({ facts: {}, variants: [""], plan: [] }, "refuse", () => {});
      const memory: Memory[] = [];
      let scored = 0;
      let previous = "";
      const settings = { model, noise: "sample", steps: 5, ...(gpu && { gpu }) } as const;
      const method: Method = {
        ground: (source, options) => groundRequests(source, { ...settings, ...options }),
        close: () => model.close(),
      };
      const results = evaluate(images.items(samples), { method }, { signal, concurrency: 2 });
      const took = await seconds(async () => {
        for await (const { result, heatmap } of results) {
          if (heatmap) await run.writeHeatmaps([heatmap]);
          await run.write([result]);
          if (result.status !== "scored") throw new Error(JSON.stringify(result));
          scored++;
          if (previous !== "" && previous !== result.image) await images.remove(previous);
          previous = result.image!;
          const { rss: bytes } = Deno.memoryUsage();
          memory.push({ samples: scored, bytes, buffers: live?.count ?? 0 });
        }
      });
      const steady = memory.filter(({ samples: done }) => done >= WARM_UP * samples);
      const growth = (of: (memory: Memory) => number) =>
        slope(steady.map((each) => [each.samples, of(each)]));
      return [
        `${samples} samples of ${width}x${height} through every stage: ` +
        `${(took / 60).toFixed(1)} min.`,
        "",
        `After the first ${100 * WARM_UP} %, each sample adds ` +
        `${growth(({ bytes }) => bytes).toFixed(0)} bytes to the process and ` +
        `${growth(({ buffers }) => buffers).toFixed(5)} GPU buffers.`,
        "",
        `At the end it holds ${(memory.at(-1)!.bytes / 1e6).toFixed(0)} MB; at most ` +
        `${images.most} images were there at a time.`,
      ];
    } finally {
      await run.close();
      await model.close();
      gpu?.destroy();
    }
  }));
