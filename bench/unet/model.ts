/**
 * `deno task bench:model`: the U-Net at full size with seeded random weights. A checkpoint of
 * 1.05 GB is written, loaded through the ordinary path, and deleted. Each runtime is measured in a
 * process of its own. The peer is PyTorch's export of the same network (`export_peer.py`), which
 * also runs in `onnxruntime-node`. One more process times the native runtime and the peer in turn.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { Random } from "../../base/random.ts";
import { openCheckpoint, writeSafetensors } from "../../models/checkpoint/mod.ts";
import { downsampling } from "../../models/ldm/autoencoder.ts";
import { readFlatConfig } from "../../models/ldm/config.ts";
import { DEFAULT_LAYERS } from "../../models/ldm/model.ts";
import { PUBLISHED_CONFIG, PUBLISHED_TOKENS } from "../../tests/support/published_model.ts";
import { seededWeights } from "../../tests/support/seeded_weights.ts";
import { buildUnet } from "../../models/ldm/unet.ts";
import { openUnet } from "../../models/ldm/unet_session.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import type { RuntimeName } from "../../models/runtime/runtime.ts";
import {
  apart,
  countFlag,
  gigabytes,
  inFolder,
  median,
  peakBytes,
  runBench,
  table,
  timeInTurn,
} from "../harness.ts";

const { unet, autoencoder, imageSize } = readFlatConfig(PUBLISHED_CONFIG, "the published model");
const latentSize = imageSize / downsampling(autoencoder);
const random = new Random(1);
const normal = (length: number) => Float32Array.from({ length }, () => random.normal());
const latent = normal(unet.inChannels * latentSize ** 2);
const context = normal(PUBLISHED_TOKENS * unet.contextChannels);
const TIMESTEP = 400;

/** A loaded network: its name in the output, and its passes. */
interface Subject {
  readonly name: string;
  /** A full pass, and the pass of a phrase if the network has one. */
  readonly passes: readonly (() => Promise<unknown>)[];
}

/** Report of one process. */
interface Report {
  readonly name: string;
  readonly loadSeconds: number;
  readonly peakBytes: number;
  /** Median seconds of each pass of each subject. */
  readonly seconds: readonly number[];
}

async function openOurs(path: string, name: RuntimeName): Promise<Subject> {
  const runtime = await openRuntime(name);
  const options = { latentSize, tokens: PUBLISHED_TOKENS, layers: DEFAULT_LAYERS };
  const session = await openUnet(unet, await openCheckpoint(path), runtime, options);
  const text = await session.project(context);
  return {
    name: runtime.version,
    passes: [
      () => session.predict(latent, TIMESTEP, text),
      () => session.attend([latent], [TIMESTEP], text),
    ],
  };
}

async function openPeer(path: string): Promise<Subject> {
  const { default: ort } = await import("onnxruntime-node");
  const session = await ort.InferenceSession.create(path);
  const feeds = {
    latent: new ort.Tensor("float32", latent, [1, unet.inChannels, latentSize, latentSize]),
    timestep: new ort.Tensor("int64", BigInt64Array.of(BigInt(TIMESTEP)), [1]),
    context: new ort.Tensor("float32", context, [1, PUBLISHED_TOKENS, unet.contextChannels]),
  };
  return { name: "PyTorch's export", passes: [() => session.run(feeds)] };
}

/** Loads the named subjects, times them in turn and prints a {@linkcode Report}. */
async function measure(rounds: number, subjects: readonly string[]): Promise<void> {
  const began = performance.now();
  const opened: Subject[] = [];
  for (const subject of subjects) {
    const [kind, path] = subject.split("=") as [RuntimeName | "peer", string];
    opened.push(kind === "peer" ? await openPeer(path) : await openOurs(path, kind));
  }
  const loadSeconds = (performance.now() - began) / 1000;
  const passes = opened.flatMap(({ passes }) => passes);
  const times = await timeInTurn(passes.map((pass) => async () => void await pass()), rounds);
  const { name } = opened[0]!;
  const report: Report = {
    ...{ name, loadSeconds, peakBytes: peakBytes() },
    seconds: times.map(median),
  };
  console.log(JSON.stringify(report));
}

if (Deno.args[0] === "measure") await measure(Number(Deno.args[1]), Deno.args.slice(2));
else {
  await runBench({
    task: "bench:model",
    description: "Times the full-size U-Net with seeded weights on each runtime, and its memory.",
    flags: {
      peer: {
        type: "string",
        placeholder: "FILE",
        description: "PyTorch's export of the network, by bench/unet/export_peer.py.",
      },
      rounds: countFlag("Rounds.", 7),
    },
  }, ({ peer, rounds }) =>
    inFolder(async (folder) => {
      const path = `${folder}/diffusion_model.safetensors`;
      const { graph } = buildUnet(unet, { latentSize, tokens: PUBLISHED_TOKENS });
      await writeSafetensors(path, seededWeights(graph, 1));
      const { size } = await Deno.stat(path);
      const measureApart = (...subjects: string[]) =>
        apart<Report>(import.meta.filename!, ["measure", String(rounds), ...subjects]);
      const row = ({ name, loadSeconds, peakBytes, seconds }: Report) => {
        const [pass, phrase] = seconds.map((value) => value.toFixed(2));
        const peak = (peakBytes / size).toFixed(2);
        return [name, loadSeconds.toFixed(1), `${peak} x`, pass!, phrase ?? ""];
      };
      const rows = [
        row(await measureApart(`native=${path}`)),
        row(await measureApart(`wasm=${path}`)),
      ];
      if (peer !== undefined) rows.push(row(await measureApart(`peer=${peer}`)));
      const lines = [
        `${gigabytes(size)} GB of weights; seconds, median of ${rounds} rounds.`,
        "",
        ...table(["", "load", "peak memory", "full pass", "phrase's pass"], rows),
      ];
      if (peer === undefined) return lines;
      const [ours, , theirs] = (await measureApart(`native=${path}`, `peer=${peer}`)).seconds;
      const ratio = (ours! / theirs!).toFixed(3);
      return [...lines, "", `In turn, ours takes ${ratio} of the peer's time a pass.`];
    }));
}
