/**
 * `deno task bench:stress`: evaluates thousands of samples from image files to result lines, and
 * reports the memory of the process.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { DEMO } from "../../methods/ldm/ldm.ts";
import { quietenDriver } from "../../cli/kit/driver.ts";
import { EXIT, runMain } from "../../cli/kit/exit.ts";
import { command, helpText, parseFlags } from "../../cli/kit/flags.ts";
import { grayImage } from "../../images/gray_image.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import type { DatasetItem } from "../../datasets/sample.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { evaluate } from "../../pipeline/evaluate.ts";
import { groundRequests } from "../../pipeline/ground.ts";
import type { Method } from "../../pipeline/method.ts";
import { RunFolder } from "../../runs/run_folder.ts";
import { openGpu } from "../../shaders/device.ts";
import { drawMemory } from "../chart.ts";
import { describeMachine, RESULTS } from "../environment.ts";
import { LiveBuffers } from "./live_buffers.ts";
import { MemoryCurve, WARM_UP } from "./memory.ts";

/** Number of phantoms to draw; the other images are copies of these under new names. */
const DRAWN = 10;

const COMMAND = command({
  usage: "deno task bench:stress [options]",
  description:
    "Evaluates phantoms that are drawn, written and removed again as they are asked for, two " +
    "phrases an image, and says whether the process's memory and the GPU's live buffers grow. The model runs on the " +
    "CPU, heatmaps are made on the GPU if there is one.",
  flags: {
    model: {
      type: "string",
      default: DEMO,
      placeholder: "DIR",
      description: "The model; a small one, since its speed is not what is measured.",
      defaultText: "the bundled one",
    },
    samples: {
      type: "integer",
      min: 50,
      default: 20_000,
      placeholder: "N",
      description: "How many.",
    },
    width: { type: "integer", min: 16, default: 80, placeholder: "PIXELS", description: "Width." },
    height: {
      type: "integer",
      min: 16,
      default: 96,
      placeholder: "PIXELS",
      description: "Height.",
    },
    name: {
      type: "string",
      default: "stress",
      placeholder: "NAME",
      description: "What the written files are called, after the date.",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder to write to.",
      defaultText: "bench/results",
    },
  },
});

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

async function main(args: string[], signal: AbortSignal): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const { samples, width, height, name, out = RESULTS } = values;
  const folder = await Deno.makeTempDir({ prefix: "groundray-stress-" });
  const model = await openModel(await loadBundle(values.model), await openRuntime("native"));
  quietenDriver();
  const gpu = await openGpu();
  const live = gpu && new LiveBuffers(gpu.device);
  const run = await RunFolder.lock(`${folder}/out`, console.error);
  try {
    const images = new FleetingImages(folder, { width, height });
    await run.begin({ facts: {}, variants: [""], plan: [] }, "refuse", () => {});
    const began = performance.now();
    const curve = new MemoryCurve(samples, live);
    let scored = 0;
    let previous = "";
    const settings = {
      ...{ noise: "sample", steps: 5 } as const,
      ...(gpu && { gpu }),
    };
    const method: Method = {
      ground: (source, options) => groundRequests(source, { model, ...settings, ...options }),
      close: () => model.close(),
    };
    const results = evaluate(images.items(samples), { method }, { signal, concurrency: 2 });
    for await (const { result, heatmap } of results) {
      if (heatmap) await run.writeHeatmaps([heatmap]);
      await run.write([result]);
      if (result.status !== "scored") throw new Error(JSON.stringify(result));
      scored++;
      if (previous !== "" && previous !== result.image) await images.remove(previous);
      previous = result.image!;
      curve.note(scored);
    }
    const seconds = (performance.now() - began) / 1000;
    const bytes = curve.growth(({ process }) => process).toFixed(0);
    const buffers = curve.growth(({ buffers }) => buffers).toFixed(5);
    const date = new Date().toISOString().slice(0, 10);
    const { cpu, cpus } = describeMachine();
    const title = `${samples} samples of ${width}x${height} through every stage, ${date}`;
    const lines = [
      `${title}, ${cpus} x ${cpu}, Deno ${Deno.version.deno}: ${(seconds / 60).toFixed(1)} min.`,
      `After the first ${
        100 * WARM_UP
      } %, each sample adds ${bytes} bytes to the process and ${buffers} GPU buffers.`,
      `At the end it holds ${
        (curve.samples.at(-1)!.process / 1e6).toFixed(0)
      } MB; at most ${images.most} ` +
      "images were there at a time.",
    ];
    console.log(lines.join("\n"));
    await Deno.mkdir(out, { recursive: true });
    await Deno.writeTextFile(`${out}/${date}-${name}.md`, `${lines.join("\n\n")}\n`);
    await Deno.writeTextFile(`${out}/${date}-${name}.svg`, drawMemory(curve.samples, title));
    return EXIT.ok;
  } finally {
    await run.close();
    await model.close();
    gpu?.destroy();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runMain(main);
