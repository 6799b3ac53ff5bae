/**
 * `deno task bench:soak`: makes thousands of heatmaps in a row. Reports the memory of the process,
 * the GPU's live buffers, and the memory that attention takes.
 *
 * @module
 */

import { runCommand } from "../../cli/kit/confine.ts";
import { EXIT } from "../../cli/kit/exit.ts";
import { quietenDriver } from "../../cli/kit/driver.ts";
import { command, type ValuesOf } from "../../cli/kit/flags.ts";
import { type AdapterFacts, type Gpu, NO_ADAPTER, openGpu } from "../../shaders/device.ts";
import { drawMemory } from "../chart.ts";
import { RESULTS } from "../environment.ts";
import { HeatmapSoak } from "./heatmap_soak.ts";
import { SIZE } from "../postprocess/inputs.ts";
import { LiveBuffers } from "./live_buffers.ts";
import { MemoryCurve, type MemorySample, WARM_UP } from "./memory.ts";

/**
 * Steps of each phrase. Few are enough: {@linkcode attentionMemory} shows that memory does not depend
 * on their number.
 */
const STEPS = 2;

/** Numbers of steps whose attention memory is compared. */
const COMPARED = [60, 300];

const COMMAND = command({
  usage: "deno task bench:soak [options]",
  description:
    "Makes heatmaps in a row on this machine's GPU, of images with changing numbers of phrases " +
    "and boxes, and says whether the process's memory and the GPU's live buffers grow.",
  flags: {
    heatmaps: {
      type: "integer",
      min: 50,
      default: 10_000,
      placeholder: "N",
      description: "How many.",
    },
    size: {
      type: "integer",
      min: 1,
      max: 8192,
      default: SIZE,
      placeholder: "PIXELS",
      description: "Side of the heatmaps.",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder to write to.",
      defaultText: "bench/results",
    },
  },
});

/** Bytes of attention on the GPU at a number of steps. */
interface Attention {
  readonly steps: number;
  readonly bytes: number;
}

/** Contents of the written JSON file. */
interface Report {
  readonly date: string;
  readonly gpu: AdapterFacts;
  readonly deno: string;
  readonly options: { readonly heatmaps: number; readonly size: number };
  readonly processBytesPerHeatmap: number;
  readonly buffersPerHeatmap: number;
  readonly bufferBytesPerHeatmap: number;
  readonly attention: readonly Attention[];
  readonly samples: readonly MemorySample[];
}

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { heatmaps, size, out = RESULTS } = values;
  quietenDriver();
  const gpu = await openGpu();
  if (!gpu) throw new Error(`Cannot make heatmaps on the GPU: ${NO_ADAPTER}`);
  try {
    const live = new LiveBuffers(gpu.device);
    const attention = await attentionMemory(gpu, live, size);
    const curve = new MemoryCurve(heatmaps, live);
    await soak(gpu, curve, size, heatmaps, signal);
    const report: Report = {
      date: new Date().toISOString().slice(0, 10),
      gpu: gpu.adapter,
      deno: Deno.version.deno,
      options: { heatmaps, size },
      processBytesPerHeatmap: curve.growth(({ process }) => process),
      buffersPerHeatmap: curve.growth(({ buffers }) => buffers),
      bufferBytesPerHeatmap: curve.growth(({ bufferBytes }) => bufferBytes),
      attention,
      samples: curve.samples,
    };
    console.log(describe(report).join("\n"));
    const base = `${out}/${report.date}-soak`;
    await Deno.mkdir(out, { recursive: true });
    await Deno.writeTextFile(`${base}.json`, `${JSON.stringify(report)}\n`);
    const title = `${heatmaps} heatmaps in a row on ${gpu.adapter.name}, ${report.date}`;
    await Deno.writeTextFile(`${base}.svg`, drawMemory(curve.samples, title));
    console.error(`Wrote ${base}.json and .svg`);
    return EXIT.ok;
  } finally {
    gpu.destroy();
  }
}

async function soak(
  gpu: Gpu,
  curve: MemoryCurve,
  size: number,
  heatmaps: number,
  signal: AbortSignal,
): Promise<void> {
  const maker = new HeatmapSoak(gpu, size);
  for (let done = 0; done < heatmaps;) {
    signal.throwIfAborted();
    done += await maker.image(STEPS);
    curve.note(done);
  }
  maker.destroy();
}

/** Peak bytes of one phrase's attention on the GPU, by number of steps. */
async function attentionMemory(gpu: Gpu, live: LiveBuffers, size: number): Promise<Attention[]> {
  const result: Attention[] = [];
  for (const steps of COMPARED) {
    const maker = new HeatmapSoak(gpu, size);
    let bytes = 0;
    const onStep = () => void (bytes = Math.max(bytes, live.bytes("attention")));
    await maker.image(steps, { phrases: 1, onStep });
    maker.destroy();
    result.push({ steps, bytes });
  }
  return result;
}

function describe(report: Report): string[] {
  const { options, gpu, attention, samples } = report;
  const last = samples.at(-1)!;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  return [
    `${options.heatmaps} heatmaps of ${options.size} x ${options.size} in a row on ${gpu.name}.`,
    `After the first ${100 * WARM_UP} %, each heatmap adds ${
      report.processBytesPerHeatmap.toFixed(0)
    } bytes to the process, ${report.buffersPerHeatmap.toFixed(5)} GPU buffers and ${
      report.bufferBytesPerHeatmap.toFixed(1)
    } bytes of them.`,
    `At the end the process holds ${
      megabytes(last.process)
    }, of which ${last.buffers} GPU buffers ` +
    `are ${megabytes(last.bufferBytes)}.`,
    ...attention.map(({ steps, bytes }) =>
      `Attention in flight with ${steps} steps: ${megabytes(bytes)} a phrase.`
    ),
  ];
}

if (import.meta.main) {
  await runCommand(COMMAND, main, ({ out = RESULTS }) => ({ read: [], write: [out] }));
}
