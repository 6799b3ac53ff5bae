/**
 * `deno task bench:model`: the U-Net at full size with seeded random weights,
 * written as a checkpoint of 1.05 GB, loaded through the ordinary path, and
 * deleted again. Each runtime is measured in a process of its own, so that its
 * peak memory is its own.
 *
 * @module
 */

import { resourceUsage } from "node:process";
import { openCheckpoint, writeSafetensors } from "../models/checkpoint/mod.ts";
import { downsampling } from "../models/ldm/autoencoder.ts";
import { readFlatConfig } from "../models/ldm/config.ts";
import { PUBLISHED_CONFIG, PUBLISHED_TOKENS } from "../models/ldm/published.ts";
import { seededWeights } from "../models/ldm/seeded_weights.ts";
import { buildUnet } from "../models/ldm/unet.ts";
import { openUnet } from "../models/ldm/unet_session.ts";
import { DEFAULT_LAYERS } from "../models/ldm/model.ts";
import { openRuntime, type RuntimeName } from "../models/runtime/mod.ts";
import { Random } from "../pipeline/random.ts";

const RUNTIMES: readonly RuntimeName[] = ["native", "wasm"];

/** Steps that are timed, after one that is not. */
const STEPS = 5;

const { unet, autoencoder, imageSize } = readFlatConfig(PUBLISHED_CONFIG, "the published model");
const latentSize = imageSize / downsampling(autoencoder);

/** What one process reports on its last line. */
interface Measurement {
  readonly runtime: string;
  readonly loadSeconds: number;
  readonly loadPeakBytes: number;
  readonly peakBytes: number;
  readonly predictSeconds: readonly number[];
  readonly attendSeconds: readonly number[];
}

/** Most memory that this process ever held. */
function peakBytes(): number {
  return resourceUsage().maxRSS * 1024;
}

async function measure(path: string, name: RuntimeName): Promise<Measurement> {
  const runtime = await openRuntime(name);
  const began = performance.now();
  const session = await openUnet(unet, await openCheckpoint(path), runtime, {
    latentSize,
    tokens: PUBLISHED_TOKENS,
    layers: DEFAULT_LAYERS,
  });
  const loadSeconds = (performance.now() - began) / 1000;
  const loadPeakBytes = peakBytes();

  const random = new Random(1);
  const normal = (length: number) => Float32Array.from({ length }, () => random.normal());
  const latent = normal(unet.inChannels * latentSize ** 2);
  const context = normal(PUBLISHED_TOKENS * unet.contextChannels);
  const time = async (run: () => Promise<unknown>) => {
    const start = performance.now();
    await run();
    return (performance.now() - start) / 1000;
  };
  const predictSeconds: number[] = [];
  const attendSeconds: number[] = [];
  for (let step = 0; step <= STEPS; step++) {
    const predict = await time(() => session.predict(latent, 400, context));
    const attend = await time(() => session.attend(latent, 400, context));
    if (step === 0) continue;
    predictSeconds.push(predict);
    attendSeconds.push(attend);
  }
  await session.release();
  const { version } = runtime;
  return {
    runtime: version,
    loadSeconds,
    loadPeakBytes,
    peakBytes: peakBytes(),
    predictSeconds,
    attendSeconds,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => i === 0 ? String(cell).padEnd(26) : String(cell).padStart(14)).join(
    "",
  );
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
  const path = `${folder}/diffusion_model.safetensors`;
  try {
    const { graph } = buildUnet(unet, { latentSize, tokens: PUBLISHED_TOKENS });
    await writeSafetensors(path, seededWeights(graph, 1));
    const { size } = await Deno.stat(path);
    console.log(`U-Net of the published model, ${(size / 1e9).toFixed(2)} GB of seeded weights,`);
    console.log(`${navigator.hardwareConcurrency} processors, median of ${STEPS} steps\n`);
    console.log(row(["runtime", "load s", "load peak", "peak", "s/step", "s/phrase step"]));
    for (const name of RUNTIMES) {
      const { code, stdout } = await new Deno.Command("deno", {
        args: [
          "run",
          "--allow-read",
          "--allow-env",
          "--allow-sys",
          "--allow-ffi",
          import.meta.filename!,
          path,
          name,
        ],
        stderr: "inherit",
      }).output();
      if (code !== 0) {
        throw new Error(`Cannot measure runtime "${name}": it ended with code ${code}`);
      }
      const lines = new TextDecoder().decode(stdout).trim().split("\n");
      const result: Measurement = JSON.parse(lines.at(-1)!);
      const share = (bytes: number) => `${(bytes / size).toFixed(2)} x file`;
      console.log(row([
        result.runtime,
        result.loadSeconds.toFixed(1),
        share(result.loadPeakBytes),
        share(result.peakBytes),
        median(result.predictSeconds).toFixed(2),
        median(result.attendSeconds).toFixed(2),
      ]));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const [path, name] = Deno.args;
if (path && name) console.log(JSON.stringify(await measure(path, name as RuntimeName)));
else await main();
