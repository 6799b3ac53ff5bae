/**
 * `deno task bench:gpu`: measures a machine with a GPU in at most ten minutes, without network. Each
 * route runs in a process of its own with a share of the time, and a route that fails costs its own
 * row alone. Weights are seeded, and deleted at the end.
 *
 * @module
 */

import * as Plot from "@observablehq/plot";
import "../../base/host/deno/mod.ts";
import { runChild } from "../../base/host/deno/child.ts";
import { DEMO } from "../../methods/ldm/ldm.ts";
import { toSvg } from "../../reports/figures/svg.ts";
import { countFlag, inFolder, median, OUT, pathOf, runBench, table } from "../harness.ts";
import { writeSeededBundle } from "../unet/seeded_bundle.ts";
import type { HeatmapsReport } from "./heatmaps.ts";
import { BATCHES, type RouteReport, STEPS } from "./route.ts";

/** Routes as runtime and type of weights. The first gives the numbers that others are held to. */
const ROUTES = [
  ["native", "float32"],
  ["webgpu-native", "float32"],
  ["webgpu-native", "float16"],
  ["webgpu-deno", "float32"],
  ["webgpu-deno", "float16"],
  ["cuda", "float32"],
  ["cuda", "float16"],
] as const;

/** PyTorch's types by the argument of the script. */
const PEERS = { "float32": [], "autocast": ["--autocast"] } as const;

/** Steps that PyTorch is timed on, and the steps of the released schedule at each T. */
const RELEASED = { timed: 30, steps: { 30: 31, 300: 334 } } as const;

/** Rounds of each batch of heatmaps. */
const ROUNDS = 5;

/** Report of PyTorch's process. */
interface PeerReport {
  readonly version?: string;
  readonly seconds?: readonly number[];
  readonly peakBytes?: number;
  readonly failure?: string;
}

/** All that the benchmark found, as its JSON holds it. */
interface Found {
  /** Model: the published architecture, or the bundled model with `--small`. */
  readonly model: string;
  readonly routes: Readonly<Record<string, RouteReport>>;
  readonly heatmaps: readonly HeatmapsReport[];
  /** Why the heatmaps end before their last batch. */
  readonly heatmapsFailure?: string;
  readonly pytorch: Readonly<Record<string, PeerReport>>;
}

/** Runs a script of this folder in a process of its own. */
function runScript(
  name: string,
  args: readonly string[],
  { folder, ...options }: { folder: string } & Parameters<typeof runChild>[1],
): Promise<string | undefined> {
  const permissions = [
    "--allow-read",
    `--allow-write=${folder}`,
    "--allow-env=INIT_CWD,ORT_DISABLE_TELEMETRY,IMAGESCRIPT_WASM_SIMD,LD_LIBRARY_PATH,XDG_RUNTIME_DIR",
    "--allow-sys=cpus",
    `--allow-ffi=${pathOf("../../node_modules", import.meta.url)}`,
  ];
  const script = pathOf(name, import.meta.url);
  return runChild(["run", "--quiet", "--no-prompt", ...permissions, script, ...args], options);
}

/** Runs all parts; each gets an equal share of the time that is left. */
async function measure(folder: string, isSmall: boolean, seconds: number): Promise<Found> {
  const began = performance.now();
  if (!isSmall) await writeSeededBundle(folder);
  const peers = isSmall ? [] : Object.entries(PEERS);
  let parts = ROUTES.length + 1 + peers.length;
  const share = () => (seconds - (performance.now() - began) / 1000) / parts--;
  const say = (part: string, failure?: string) => console.error(`${part}: ${failure ?? "done"}`);
  const routes: Record<string, RouteReport> = {};
  for (const [runtime, weights] of ROUTES) {
    const limit = share();
    const name = `${runtime}, ${weights}`;
    let report: RouteReport = {};
    // A route plans to end earlier, so that it ends by itself.
    const end = String(Date.now() + 900 * limit);
    const args = [isSmall ? DEMO : folder, runtime, weights, end, folder];
    const failure = await runScript("route.ts", args, {
      ...{ folder, seconds: limit },
      onReport: (part) => report = { ...report, ...part as RouteReport },
    });
    routes[name] = failure === undefined ? report : { ...report, failure };
    say(name, routes[name].failure);
  }
  const heatmaps: HeatmapsReport[] = [];
  let heatmapsFailure: string | undefined;
  const onReport = (report: unknown) => {
    const { failure, ...row } = report as HeatmapsReport & { failure?: string };
    if (failure === undefined) heatmaps.push(row);
    else heatmapsFailure = failure;
  };
  const options = { folder, seconds: share(), onReport };
  heatmapsFailure = await runScript("heatmaps.ts", [String(ROUNDS)], options) ?? heatmapsFailure;
  say("heatmaps", heatmapsFailure);
  const pytorch: Record<string, PeerReport> = {};
  for (const [name, args] of peers) {
    let report: PeerReport = {};
    const script = pathOf("gpu_peer.py", import.meta.url);
    const failure = await runChild([script, String(RELEASED.timed), ...args], {
      ...{ program: "python3", seconds: share() },
      onReport: (part) => report = part as PeerReport,
    });
    pytorch[name] = failure === undefined ? report : { failure };
    say(`PyTorch, ${name}`, failure);
  }
  const model = isSmall ? "the bundled model" : "the published architecture with seeded weights";
  return { model, routes, heatmaps, ...(heatmapsFailure && { heatmapsFailure }), pytorch };
}

/** Formats a number with three significant digits; nothing if it was not measured. */
function cell(value: number | undefined, unit = 1): string {
  if (value === undefined) return "";
  const scaled = value / unit;
  return Math.abs(scaled) >= 100 ? scaled.toFixed(0) : scaled.toPrecision(3);
}

/** Returns the result as Markdown. */
function describe({ model, routes, heatmaps, heatmapsFailure, pytorch }: Found): string[] {
  const opened = Object.entries(routes).filter(([, { loadSeconds }]) => loadSeconds !== undefined);
  const names = opened.map(([name, { version, adapter }]) =>
    `- ${name}: ${version} on ${adapter ?? "the CPU"}`
  );
  const failures = Object.entries({
    ...routes,
    "heatmaps": { failure: heatmapsFailure },
    ...Object.fromEntries(
      Object.entries(pytorch).map(([name, peer]) => [`PyTorch, ${name}`, peer]),
    ),
  }).flatMap(([name, { failure }]) => failure === undefined ? [] : [`- ${name}: ${failure}`]);
  const throughput = (images: RouteReport["images"]) =>
    STEPS.map((steps) => {
      const found = images?.[steps];
      return `${found?.isExtrapolated ? "≈ " : ""}${cell(found?.perMinute)}`;
    });
  return [
    `The model is ${model}. Gigabytes are peaks of a process. A phrase's pass ends after the last ` +
    "layer that is read; B steps go through it together, and its seconds are divided by B. " +
    "≈ marks images a minute that are computed from the passes, not run. Processor seconds count " +
    "all threads.",
    "",
    ...names,
    "",
    ...table(
      [
        ...["", "load, s", "loaded, GB", "peak, GB", "full pass, s", "its processor, s"],
        ...BATCHES.map((batch) => `phrase's pass, B ${batch}, s`),
      ],
      opened.map(([name, { loadSeconds, loadBytes, peakBytes, full, processor, phrase }]) => [
        ...[name, cell(loadSeconds), cell(loadBytes, 1e9), cell(peakBytes, 1e9)],
        ...[cell(full), cell(processor), ...BATCHES.map((batch) => cell(phrase?.[batch]))],
      ]),
    ),
    "",
    ...table(
      [
        ...["", ...STEPS.map((steps) => `images a minute, T = ${steps}`)],
        ...["growth, MB a pass", "passes watched", "prediction off", "attention off"],
      ],
      [
        ...opened.map(([name, { images, memory, off }]) => [
          ...[name, ...throughput(images), cell(memory?.growth, 1e6)],
          ...[`${memory?.passes ?? ""}`, off?.prediction.toExponential(1) ?? ""],
          off?.attention.toExponential(1) ?? "",
        ]),
        ...Object.entries(pytorch).flatMap(([name, { version, seconds }]) => {
          if (!seconds) return [];
          const step = median(seconds);
          const images = STEPS.map((steps) => `≈ ${cell(60 / (step * RELEASED.steps[steps]))}`);
          return [[`the released schedule, ${version}, ${name}`, ...images, "", "", "", ""]];
        }),
      ],
    ),
    "",
    "From attention to heatmaps (4 layers, 60 steps, 512x512), milliseconds; the GPU's own clock " +
    "counts its passes alone:",
    "",
    ...table(
      ["phrases", "plain TypeScript", "shaders", "of these on the GPU"],
      heatmaps.map(({ phrases, typescript, shaders, gpu }) => [
        ...[String(phrases), cell(typescript, 1e-3), cell(shaders, 1e-3), cell(gpu, 1e-3)],
      ]),
    ),
    ...(failures.length > 0 ? ["", "Not measured, or only in part:", "", ...failures] : []),
  ];
}

/** Draws the seconds of each route's passes, on a logarithmic axis. */
function draw({ model, routes }: Found): string {
  const kinds = ["full pass", ...BATCHES.map((batch) => `phrase's pass, B ${batch}`)];
  const points = Object.entries(routes).flatMap(([route, { full, phrase }]) =>
    [full, ...BATCHES.map((batch) => phrase?.[batch])].flatMap((seconds, i) =>
      seconds === undefined ? [] : [{ route, seconds, kind: kinds[i]! }]
    )
  );
  const rows = [...new Set(points.map(({ route }) => route))];
  const legend = kinds.flatMap((kind, i) => {
    const place = { frameAnchor: "top-left", dx: 128 * i, dy: -28 } as const;
    return [
      Plot.dot([kind], { ...place, symbol: [kind], stroke: [kind], r: 5 }),
      Plot.text([kind], { ...place, dx: 128 * i + 10, dy: -32, text: [kind], textAnchor: "start" }),
    ];
  });
  return toSvg({
    ...{ width: 800, height: 100 + 36 * rows.length, marginTop: 50, marginBottom: 40 },
    ...{ marginLeft: 150, marginRight: 20 },
    x: {
      type: "log",
      label: `seconds a pass, ${model}`,
      labelAnchor: "center",
      labelArrow: "none",
      inset: 10,
      tickFormat: String,
    },
    y: { label: null, domain: rows },
    symbol: { domain: kinds },
    color: { domain: kinds, scheme: "dark2" },
    marks: [
      Plot.gridX({ stroke: "#dddddd", strokeOpacity: 1 }),
      ...legend,
      Plot.dot(points, { x: "seconds", y: "route", symbol: "kind", stroke: "kind", r: 5 }),
    ],
  });
}

await runBench({
  task: "bench:gpu",
  description: "Measures every route to a GPU beside the CPU: load, memory, passes, images a " +
    "minute, heatmaps, growth and numbers, and PyTorch with CUDA where the first python3 of the " +
    "path has it with MONAI Generative. The model has the published size and seeded weights, " +
    "2.4 GB in a temporary folder.",
  flags: {
    small: { type: "boolean", description: "Measure the bundled model, without PyTorch." },
    minutes: countFlag("Time for all parts.", 9),
    out: { ...OUT, default: pathOf("../results", import.meta.url), defaultText: "bench/results" },
  },
}, ({ small, minutes }) =>
  inFolder(async (folder) => {
    const found = await measure(folder, small, 60 * minutes);
    const files = { json: `${JSON.stringify(found, null, 2)}\n`, svg: draw(found) };
    return { lines: describe(found), files };
  }));
