/**
 * `deno task bench`: times the post-processing in plain TypeScript, by shaders, and by two Python
 * peers. All start from the same inputs and take turns.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { EXIT, runMain } from "../../cli/kit/exit.ts";
import { quietenDriver } from "../../cli/kit/driver.ts";
import { command, helpText, parseFlags } from "../../cli/kit/flags.ts";
import { drawTimes } from "../chart.ts";
import { describeMachine, RESULTS } from "../environment.ts";
import { measureFirstUse, openPlace } from "./first_use.ts";
import { FULL, heatmapCases, PAPER, QUICK } from "./heatmap_cases.ts";
import { makeInputs, putInputs } from "./inputs.ts";
import { Kernels } from "./kernel_cases.ts";
import { timeReadback } from "./kernel_run.ts";
import { measureCase, type Measurement } from "./measure.ts";
import { NoPeersError, Peers } from "./peers.ts";
import { agreement, conclusions, firstUse, table } from "./report.ts";

const COMMAND = command({
  usage: "deno task bench [options]",
  description:
    "Times the post-processing by kernel, heatmap size, steps and phrases: plain TypeScript, the " +
    "shaders on this machine's GPU, and two Python peers by the libraries that the first python3 " +
    "of the path has. Prints a table, and writes it as JSON and as a chart.",
  flags: {
    quick: { type: "boolean", description: "Few sizes and rounds: a look, not a measurement." },
    peers: { type: "boolean", default: true, description: "Leave the Python peers out." },
    rounds: {
      type: "integer",
      min: 1,
      placeholder: "N",
      description: "Most runs of each contender.",
      defaultText: "21; 3 with --quick",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder to write to.",
      defaultText: "bench/results; with --quick nothing is written",
    },
  },
});

async function main(args: string[], signal: AbortSignal): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const { quick, rounds = quick ? 3 : 21 } = values;
  // A quick look must not replace a stored measurement.
  const out = values.out ?? (quick ? undefined : RESULTS);
  quietenDriver();
  const sweeps = quick ? QUICK : FULL;
  const inputs = makeInputs(Math.max(...sweeps.steps));
  const place = await openPlace(inputs);
  const peers = values.peers ? await openPeers() : undefined;
  try {
    if (peers) await putInputs(peers, inputs);
    const gpu = place?.gpu;
    const heatmaps = heatmapCases(inputs, sweeps, place);
    const paper = heatmaps.find(({ shape }) =>
      Object.entries(PAPER).every(([key, value]) => shape![key as keyof typeof PAPER] === value)
    )!;
    const first = await measureFirstUse(paper, inputs.image, place, peers);
    const kernels = new Kernels(inputs);
    if (peers) await kernels.put(peers);
    const readback = gpu && await timeReadback(gpu, { rounds });
    const cases = [...kernels.cases(place), ...heatmaps];
    const measurements: Measurement[] = [];
    for (const [i, subject] of cases.entries()) {
      signal.throwIfAborted();
      console.error(`${i + 1} of ${cases.length}: ${subject.name}`);
      measurements.push(await measureCase(subject, peers, { rounds }));
    }
    const date = new Date().toISOString().slice(0, 10);
    const machine = describeMachine();
    const adapter = gpu?.adapter.name ?? "no GPU";
    const lines = [
      `${machine.cpus} x ${machine.cpu}; GPU: ${adapter}; ${date}`,
      versionsLine(peers),
      "",
      table(measurements),
      "",
      ...firstUse(first),
      "",
      ...agreement(measurements),
      "",
      ...conclusions(measurements, gpu?.adapter.name, readback),
    ];
    console.log(lines.join("\n"));
    const report = {
      date,
      options: { quick, rounds },
      machine,
      gpu: gpu?.adapter,
      versions: { groundray: manifest.version, deno: Deno.version.deno, ...peers?.versions },
      ...(peers && { torchThreads: peers.threads }),
      firstUse: first,
      readback,
      measurements,
      conclusions: conclusions(measurements, gpu?.adapter.name, readback),
    };
    const title = `Post-processing on ${adapter} and ${machine.cpus} x ${machine.cpu}, ${date}`;
    if (out === undefined) return EXIT.ok;
    await Deno.mkdir(out, { recursive: true });
    const base = `${out}/${date}-postprocess`;
    await Deno.writeTextFile(`${base}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
    await Deno.writeTextFile(`${base}.svg`, drawTimes(measurements, title));
    console.error(`Wrote ${base}.json and .svg`);
    return EXIT.ok;
  } finally {
    await peers?.close();
    place?.maps.destroy();
    place?.gpu.destroy();
  }
}

/** Opens the Python peers; if they cannot run, prints the reason and returns `undefined`. */
async function openPeers(): Promise<Peers | undefined> {
  try {
    return await Peers.open();
  } catch (error) {
    if (!(error instanceof NoPeersError)) throw error;
    console.error(`Without the Python peers: ${error.message}.`);
    return undefined;
  }
}

function versionsLine(peers: Peers | undefined): string {
  const versions = { Deno: Deno.version.deno, ...peers?.versions };
  const shown = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const threads = peers ? [`${peers.threads} threads in torch`] : [];
  return [...shown, ...threads].join(", ");
}

if (import.meta.main) await runMain(main);
