/**
 * `deno task bench:sd15`: the U-Net of Stable Diffusion 1.5 at full size with seeded weights, on
 * the native runtime against PyTorch with diffusers. A checkpoint of 3.44 GB is written, loaded
 * through the ordinary path, and deleted. One process measures the memory alone; another times
 * both in turn, and compares their predictions.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { writeSafetensors } from "../../models/checkpoint/mod.ts";
import { openWeights } from "../../models/open_weights.ts";
import { readUnetConfig } from "../../models/diffusers/config.ts";
import { buildUnet } from "../../models/ldm/unet.ts";
import { openUnet } from "../../models/ldm/unet_session.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { seededWeights } from "../../tests/support/seeded_weights.ts";
import {
  apart,
  countFlag,
  gigabytes,
  inFolder,
  median,
  pathOf,
  peakBytes,
  runBench,
  spreadOfRatios,
  startPeer,
  table,
  timeInTurn,
} from "../harness.ts";

/** `unet/config.json` of Stable Diffusion 1.5: fields that differ from the defaults. */
const CONFIG = { _class_name: "UNet2DConditionModel", cross_attention_dim: 768, sample_size: 64 };

const { config, latentSize } = readUnetConfig(CONFIG, "Stable Diffusion 1.5");
const TOKENS = 77;
const TIMESTEP = 400;

/** Layers of the seed method: 16x16, the second coarsest size. */
const LAYERS = [4, 5, 7, 8, 9];

/** The input of the peer, too. */
const ramp = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 0.7));
const latent = ramp(config.inChannels * latentSize ** 2);

/** Loads the U-Net on the native runtime. */
async function open(folder: string) {
  const checkpoint = await openWeights(
    [folder],
    ["diffusion_pytorch_model.safetensors"],
    "weights",
  );
  const options = { latentSize, tokens: TOKENS, layers: LAYERS };
  const runtime = await openRuntime("native");
  const session = await openUnet(config, checkpoint, runtime, options);
  const text = await session.project(ramp(TOKENS * config.contextChannels));
  const whole = async () => (await session.predict(latent, TIMESTEP, text)).data as Float32Array;
  const phrase = async () => void await session.attend([latent], [TIMESTEP], text, [1, 4]);
  return { version: runtime.version, whole, phrase };
}

/** Report of the process that runs Groundray alone. */
interface Report {
  readonly version: string;
  readonly peakBytes: number;
  /** Seconds of a whole pass, and of a phrase's pass. */
  readonly seconds: readonly number[];
}

async function measure(folder: string, rounds: number): Promise<void> {
  const { version, whole, phrase } = await open(folder);
  const passes = [whole, phrase].map((pass) => async () => void await pass());
  const seconds = (await timeInTurn(passes, rounds)).map(median);
  const report: Report = { version, peakBytes: peakBytes(), seconds };
  console.log(JSON.stringify(report));
}

/** Writes the U-Net with seeded weights, as diffusers would save it. */
async function writeUnet(folder: string): Promise<void> {
  const { graph } = buildUnet(config, { latentSize, tokens: TOKENS });
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(CONFIG));
  await writeSafetensors(
    `${folder}/diffusion_pytorch_model.safetensors`,
    seededWeights(graph, 1, 1),
  );
}

if (Deno.args[0] === "measure") await measure(Deno.args[1]!, Number(Deno.args[2]));
else {
  await runBench({
    task: "bench:sd15",
    description: "Times a pass of Stable Diffusion 1.5's U-Net with seeded weights, in turn with " +
      "PyTorch and diffusers (the first python3 of the path), and measures the memory of both.",
    flags: { rounds: countFlag("Rounds.", 5) },
  }, ({ rounds }) =>
    inFolder(async (folder) => {
      await writeUnet(folder);
      const alone = await apart<Report>(import.meta.filename!, ["measure", folder, String(rounds)]);
      const peer = await startPeer(pathOf("sd15_peer.py", import.meta.url), [folder]);
      const ours = await open(folder);
      let prediction = new Float32Array();
      const [own, theirs] = await timeInTurn([
        async () => void (prediction = await ours.whole() as Float32Array<ArrayBuffer>),
        () => peer.ask<number>("pass"),
      ], rounds) as [number[], number[]];
      const values = await peer.ask<number[]>("values");
      const off = Math.max(...values.map((value, i) => Math.abs(value - prediction[i]!)));
      const largest = Math.max(...values.map(Math.abs));
      const memory = await peer.ask<number>("memory");
      await peer.close();
      return [
        `Seconds, median of ${rounds} rounds in turn; a phrase's pass ends after layer ` +
        `${LAYERS.at(-1)}. Load of the machine in the last minute: ` +
        `${Deno.loadavg()[0]!.toFixed(1)}.`,
        "",
        ...table(["", "whole pass", "phrase's pass", "peak memory, GB"], [
          [
            ...[alone.version, median(own).toFixed(2), `${alone.seconds[1]!.toFixed(2)} (alone)`],
            gigabytes(alone.peakBytes),
          ],
          [peer.version, median(theirs).toFixed(2), "", gigabytes(memory)],
        ]),
        "",
        `Groundray takes ${spreadOfRatios(own, theirs, 3)} of the peer's time. The predictions ` +
        `differ by ${off.toExponential(1)} at most, of values up to ${largest.toFixed(2)}.`,
      ];
    }));
}
