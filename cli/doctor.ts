/**
 * `deno task doctor`: says which runtimes work on this machine, how fast they are, and which of
 * them an automatic choice takes. Each is tried in a process of its own, because a driver may end
 * the process.
 *
 * @module
 */

import "../base/host/deno/mod.ts";
import { runChild } from "../base/host/deno/child.ts";
import { host } from "../base/host/host.ts";
import { DEMO } from "../methods/ldm/ldm.ts";
import { downsampling } from "../models/ldm/autoencoder.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { defaultLayers } from "../models/ldm/model.ts";
import { openUnet } from "../models/ldm/unet_session.ts";
import { openRuntime, type RuntimeChoice, RUNTIMES } from "../models/runtime/open_runtime.ts";
import { takeOutput } from "../models/runtime/read_values.ts";
import type { Runtime } from "../models/runtime/runtime.ts";
import { type AdapterFacts, findAdapter } from "../shaders/device.ts";
import { describeVersions } from "./kit/backend.ts";
import { quietenDriver } from "./kit/driver.ts";
import { callOfProcess, isOnlyDeclared } from "./groundray/call.ts";
import { EXIT, printHelp, runMain } from "./kit/exit.ts";
import { command, parseFlags } from "./kit/flags.ts";

const COMMAND = command({
  usage: "deno task doctor [options]",
  description:
    "Prints what this machine has for Groundray: GPU adapter, Vulkan drivers, versions, missing " +
    "CUDA libraries, the automatic choice and its reason, and for each runtime that works the time " +
    "of a pass of the bundled model's U-Net. Paste it into a report of a problem.",
  flags: {
    json: { type: "boolean", description: "Print one JSON object." },
  },
});

/** First argument of the process that tries one runtime. */
const TRY = "try";

/** Most seconds for a runtime. Software drivers on a busy machine take half of them. */
const LIMIT = 120;

/** Runtimes in the order of the report; `webgpu` is one of the two that follow it. */
const TRIED = RUNTIMES.filter((name) => name !== "webgpu");

/** Folders of the Vulkan loader, which hold a JSON file a driver, and variables that name files. */
const DRIVERS = {
  folders: ["/etc", "/usr/local/share", "/usr/share"].map((folder) => `${folder}/vulkan/icd.d`),
  variables: ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"],
};

/** The facts of a runtime that opened, or the reason why it did not. */
interface Report {
  /** Name in records; for `auto` the chosen runtime. */
  readonly name?: string;
  readonly version?: string;
  readonly reason?: string;
  /** GPU of the runtime; absent if the CPU computes. */
  readonly adapter?: string;
  /** Use of float16 weights; absent if there is none. */
  readonly float16?: string;
  /** Seconds to load the bundled model's U-Net. */
  readonly loadSeconds?: number;
  /** Seconds of a whole pass, after a first pass. */
  readonly passSeconds?: number;
  /** Libraries that CUDA lacks. */
  readonly missing?: readonly string[];
  /** Why the runtime does not work. */
  readonly error?: string;
}

/** Facts of the adapter that Deno would open; empty without one. */
type AdapterReport = Partial<AdapterFacts> & Pick<Report, "error"> & {
  readonly vendor?: string;
  readonly architecture?: string;
  readonly description?: string;
};

/** In its own process: opens a runtime, and prints its facts as they become known. */
async function tryOut(choice: string): Promise<void> {
  const print = (report: unknown) => console.log(JSON.stringify(report));
  quietenDriver();
  try {
    if (choice === "adapter") {
      const adapter = await findAdapter();
      if (!adapter) return print({});
      const { info } =
        (await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }))!;
      const { vendor, architecture, description } = info;
      return print({ ...adapter, vendor, architecture, description });
    }
    const runtime = await openRuntime(choice as RuntimeChoice);
    const { name, version, reason, adapter, float16 } = runtime;
    print({ name, version, reason, adapter, float16 });
    if (choice !== "auto") print(await timePass(runtime));
  } catch (error) {
    const missing = choice === "cuda" ? host().native!.missingForCuda() : [];
    print({ error: (error as Error).message, ...(missing.length > 0 && { missing }) });
  }
}

/** Times the bundled model's U-Net. */
async function timePass(runtime: Runtime): Promise<Report> {
  const bundle = await loadBundle(DEMO);
  const { unet, autoencoder, imageSize } = bundle.config;
  const latentSize = imageSize / downsampling(autoencoder);
  const tokens = bundle.tokenizer.positions;
  const seconds = async (work: () => Promise<unknown>) => {
    const began = performance.now();
    await work();
    return (performance.now() - began) / 1000;
  };
  const load = () =>
    openUnet(unet, bundle.checkpoints.unet, runtime, {
      ...{ latentSize, tokens, layers: defaultLayers(bundle) },
    });
  let session!: Awaited<ReturnType<typeof load>>;
  const loadSeconds = await seconds(async () => session = await load());
  const text = await session.project(new Float32Array(tokens * unet.contextChannels).fill(0.1));
  const latent = Float32Array.from(
    { length: unet.inChannels * latentSize ** 2 },
    (_, i) => Math.sin(i),
  );
  const pass = async () => takeOutput(runtime.gpu, await session.predict(latent, 400, text));
  // A first pass compiles kernels.
  await pass();
  return { loadSeconds, passSeconds: await seconds(pass) };
}

/** Tries a runtime in a process of its own. */
async function tryApart<T extends object = Report>(
  choice: string,
  hide: (text: string) => string,
): Promise<T> {
  let facts: object | undefined;
  const options = ["--quiet", "--no-prompt", `--config=${rootPath("deno.json")}`, "-P=doctor"];
  const { before } = callOfProcess();
  // A single binary is its own script.
  const program = Deno.build.standalone ? [] : ["run", ...options, Deno.mainModule];
  const failure = await runChild([...program, ...before, TRY, choice], {
    seconds: LIMIT,
    onReport: (report) => facts = { ...facts, ...report as object },
  });
  const error = failure ?? (facts ? undefined : "its process printed nothing");
  return JSON.parse(hide(JSON.stringify({ ...facts, ...(error !== undefined && { error }) })));
}

function rootPath(name: string): string {
  return decodeURIComponent(new URL(`../${name}`, import.meta.url).pathname);
}

/** Names of the drivers' files: of those in the loader's variables, or else in its folders. */
function vulkanDrivers(): string[] {
  const named = DRIVERS.variables.flatMap((name) => Deno.env.get(name)?.split(":") ?? []);
  const paths = named.length > 0 ? named : DRIVERS.folders.flatMap((folder) => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name);
    } catch {
      return [];
    }
  });
  return paths.map((path) => path.slice(path.lastIndexOf("/") + 1)).sort();
}

/** Returns a function that replaces this checkout's path by `.` and the home folder by `~`. */
function hidePaths(): (text: string) => string {
  const root = rootPath("").replace(/\/$/, "");
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
  return (text) => {
    const rooted = text.replaceAll(root, ".");
    return home && home !== "/" ? rooted.replaceAll(home, "~") : rooted;
  };
}

/** Describes a runtime in a line. */
function describe(report: Report): string {
  const { version, adapter, float16, loadSeconds, passSeconds, error } = report;
  if (error !== undefined) {
    return `does not work: ${error.replace(/^Cannot open runtime "[^"]*": /, "")}`;
  }
  const weights = float16 ? `, float16 weights ${float16}` : "";
  return `${version} on ${adapter ?? "the CPU"}${weights}: U-Net loads in ` +
    `${loadSeconds!.toFixed(2)} s, a pass takes ${passSeconds!.toPrecision(2)} s`;
}

async function main(args: string[]): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    printHelp(COMMAND);
    return EXIT.ok;
  }
  const hide = hidePaths();
  const { os, arch } = Deno.build;
  const system = { os, arch, processors: navigator.hardwareConcurrency };
  const adapter = await tryApart<AdapterReport>("adapter", hide);
  const drivers = vulkanDrivers();
  const runtimes: Record<string, Report> = {};
  for (const name of TRIED) runtimes[name] = await tryApart(name, hide);
  const { auto, ...others } = runtimes as { auto: Report } & Record<string, Report>;
  const versions = describeVersions();
  if (values.json) {
    const found = { versions, system, adapter, drivers, auto, runtimes: others };
    console.log(JSON.stringify(found, null, 2));
    return EXIT.ok;
  }
  const { name, isHardware, hasFloat16, error } = adapter;
  const kind = `${isHardware ? "hardware" : "software"}, ${hasFloat16 ? "" : "no "}float16`;
  const lines = [
    `Groundray ${versions.groundray}, Deno ${versions.deno}, ${os} ${arch}, ` +
    `${system.processors} processors`,
    `WebGPU adapter: ${error ?? (name ? `${name} (${kind})` : "none")}`,
    `Vulkan drivers: ${drivers.join(", ") || "none found"}`,
    `auto takes: ${
      auto.error ?? `${auto.name}, ${auto.version} on ${auto.adapter ?? "the CPU"}: ${auto.reason}`
    }`,
    ...Object.entries(others).map(([name, report]) => `${name}: ${describe(report)}`),
  ];
  console.log(lines.join("\n"));
  return EXIT.ok;
}

const [first, choice] = callOfProcess().args;
if (first === TRY) await tryOut(choice!);
else if (!isOnlyDeclared(COMMAND)) await runMain(main, null);
