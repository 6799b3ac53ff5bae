/**
 * `deno task bench:model [--peer FILE]`: the U-Net at full size with seeded random weights. A
 * checkpoint of 1.05 GB is written, loaded through the ordinary path, and deleted. Each runtime is
 * measured in a process of its own, so that its peak memory is its own. The peer is PyTorch's
 * export of the same network (`export_peer.py`), which also runs in `onnxruntime-node`. One more
 * process times the native runtime and the peer in turn.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { resourceUsage } from "node:process";
import { openCheckpoint, writeSafetensors } from "../../models/checkpoint/mod.ts";
import { downsampling } from "../../models/ldm/autoencoder.ts";
import { readFlatConfig } from "../../models/ldm/config.ts";
import { DEFAULT_LAYERS } from "../../models/ldm/model.ts";
import { PUBLISHED_CONFIG, PUBLISHED_TOKENS } from "../../models/ldm/published.ts";
import { seededWeights } from "../../models/ldm/seeded_weights.ts";
import { buildUnet } from "../../models/ldm/unet.ts";
import { openUnet } from "../../models/ldm/unet_session.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import type { RuntimeName } from "../../models/runtime/runtime.ts";
import { Random } from "../../base/random.ts";
import { MODULES } from "../environment.ts";
import { median } from "../median.ts";

/** Timed steps; one untimed step comes before them. */
const STEPS = 7;

const { unet, autoencoder, imageSize } = readFlatConfig(PUBLISHED_CONFIG, "the published model");
const latentSize = imageSize / downsampling(autoencoder);
const random = new Random(1);
const normal = (length: number) => Float32Array.from({ length }, () => random.normal());
const latent = normal(unet.inChannels * latentSize ** 2);
const context = normal(PUBLISHED_TOKENS * unet.contextChannels);
const TIMESTEP = 400;

/** A loaded network with the runs to time. */
interface Subject {
  /** Name in the output. */
  readonly name: string;
  /** The runs to time, by heading. */
  readonly runs: Readonly<Record<string, () => Promise<unknown>>>;
}

/** Report of one process, printed on its last line. */
interface Report {
  readonly names: readonly string[];
  readonly loadSeconds: number;
  readonly loadPeakBytes: number;
  readonly peakBytes: number;
  /** Median seconds of each run, for each subject. */
  readonly seconds: readonly Readonly<Record<string, number>>[];
}

async function openOurs(path: string, name: RuntimeName): Promise<Subject> {
  const runtime = await openRuntime(name);
  const options = { latentSize, tokens: PUBLISHED_TOKENS, layers: DEFAULT_LAYERS };
  const session = await openUnet(unet, await openCheckpoint(path), runtime, options);
  const text = await session.project(context);
  return {
    name: runtime.version,
    runs: {
      pass: () => session.predict(latent, TIMESTEP, text),
      phrase: () => session.attend([latent], [TIMESTEP], text),
    },
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
  return { name: "PyTorch's export", runs: { pass: () => session.run(feeds) } };
}

/** Peak memory of this process, in bytes. */
function peakBytes(): number {
  return resourceUsage().maxRSS * 1024;
}

/** Loads the named subjects, times them in turn and prints a {@linkcode Report}. */
async function measure(subjects: readonly string[]): Promise<void> {
  const began = performance.now();
  const opened: Subject[] = [];
  for (const subject of subjects) {
    const [kind, path] = subject.split("=") as [RuntimeName | "peer", string];
    opened.push(kind === "peer" ? await openPeer(path) : await openOurs(path, kind));
  }
  const loadSeconds = (performance.now() - began) / 1000;
  const loadPeakBytes = peakBytes();
  const times = opened.map(({ runs }) =>
    new Map(Object.keys(runs).map((heading): [string, number[]] => [heading, []]))
  );
  for (let step = 0; step <= STEPS; step++) {
    for (const [i, { runs }] of opened.entries()) {
      for (const [heading, run] of Object.entries(runs)) {
        const start = performance.now();
        await run();
        if (step > 0) times[i]!.get(heading)!.push((performance.now() - start) / 1000);
      }
    }
  }
  const report: Report = {
    names: opened.map(({ name }) => name),
    loadSeconds,
    loadPeakBytes,
    peakBytes: peakBytes(),
    seconds: times.map((headings) =>
      Object.fromEntries([...headings].map(([heading, values]) => [heading, median(values)]))
    ),
  };
  console.log(JSON.stringify(report));
}

/** Runs {@linkcode measure} in a process of its own. */
async function measureApart(...subjects: string[]): Promise<Report> {
  const { code, stdout } = await new Deno.Command("deno", {
    args: [
      ...["run", "--allow-read", `--allow-ffi=${MODULES}`],
      import.meta.filename!,
      "measure",
      ...subjects,
    ],
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`Cannot measure ${subjects}: it ended with code ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => i === 0 ? cell.padEnd(26) : cell.padStart(13)).join("");
}

async function main(peer: string | undefined): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
  const path = `${folder}/diffusion_model.safetensors`;
  try {
    const { graph } = buildUnet(unet, { latentSize, tokens: PUBLISHED_TOKENS });
    await writeSafetensors(path, seededWeights(graph, 1));
    const { size } = await Deno.stat(path);
    console.log(`The published U-Net, ${(size / 1e9).toFixed(2)} GB of seeded float32 weights,`);
    console.log(`${navigator.hardwareConcurrency} processors, median of ${STEPS} steps.\n`);
    console.log(row(["", "load", "load peak", "peak", "full pass", "phrase pass"]));
    const print = ({ names, loadSeconds, loadPeakBytes, ...report }: Report) => {
      const share = (bytes: number) => `${(bytes / size).toFixed(2)} x file`;
      const { pass, phrase } = report.seconds[0]!;
      const peaks = [share(loadPeakBytes), share(report.peakBytes)];
      const passes = [pass, phrase].map((seconds) => seconds ? `${seconds.toFixed(2)} s` : "–");
      console.log(row([names[0]!, `${loadSeconds.toFixed(1)} s`, ...peaks, ...passes]));
    };
    print(await measureApart(`native=${path}`));
    print(await measureApart(`wasm=${path}`));
    if (!peer) return;
    print(await measureApart(`peer=${peer}`));
    const { seconds } = await measureApart(`native=${path}`, `peer=${peer}`);
    const ratio = seconds[0]!.pass! / seconds[1]!.pass!;
    console.log(
      `\nIn turn in one process, ours takes ${ratio.toFixed(3)} of the peer's time a pass.`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const [first, ...rest] = Deno.args;
if (first === "measure") await measure(rest);
else if (first === undefined) await main(undefined);
else if (first === "--peer" && rest.length === 1) await main(await Deno.realPath(rest[0]!));
else {
  console.error("Usage: deno task bench:model [--peer FILE]");
  Deno.exit(2);
}
