/**
 * `onnxruntime-node`: the CPU of this machine at full speed, or a GPU by one of the library's
 * providers. A provider's tensors enter and leave by memory, since a read of a tensor on its GPU
 * aborts the process (1.30).
 *
 * @module
 */

import type { InferenceSession } from "onnxruntime-node";
import { host, type NativeOrt } from "../../base/host/host.ts";
import { type AdapterFacts, DeviceLostError } from "../../shaders/device.ts";
import { encodeModel } from "../onnx/encode.ts";
import { GraphBuilder } from "../onnx/graph.ts";
import { wrapSession } from "./_session.ts";
import type { ProviderName, Runtime, Session } from "./runtime.ts";
import { nameOf, withExternal } from "./wasm.ts";
import { KEEP_FLOAT16 } from "./webgpu.ts";

type Ort = Awaited<ReturnType<NativeOrt["load"]>>;

/** The library's own name of each provider, and the systems for which the library has it. */
const PROVIDERS = {
  "webgpu-native": { provider: "webgpu", systems: "Linux, Windows and macOS" },
  cuda: { provider: "cuda", systems: "Linux on x86-64" },
  coreml: { provider: "coreml", systems: "macOS" },
  dml: { provider: "dml", systems: "Windows" },
} as const;

/** Names of {@linkcode PROVIDERS}. */
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as readonly ProviderName[];

/** Finds the native library. */
function requireNative(name: string): NativeOrt {
  const { native } = host();
  if (!native) throw new Error(`a browser has no runtime "${name}"`);
  return native;
}

/**
 * Opens the native runtime on the CPU.
 *
 * @param reason Why this runtime was chosen, as a clause.
 * @throws {Error} If the library does not load on this machine.
 */
export async function openNative(reason: string): Promise<Runtime> {
  const native = requireNative("native");
  const ort = await native.load();
  return {
    name: "native",
    version: versionOf(ort),
    reason,
    ...loading(native, ort, {}),
  };
}

/**
 * Opens the native runtime on a GPU, and runs a model of one operator there.
 *
 * @param name The library for the GPU.
 * @param adapter Facts of the GPU; without them float16 weights are refused on WebGPU.
 * @param reason Why this runtime was chosen, as a clause.
 * @throws {Error} If the library lacks the provider on this system, or the provider does not run
 * the model. The message is a clause, which names each file that is missing for CUDA.
 */
export async function openProvider(
  name: ProviderName,
  adapter: AdapterFacts | undefined,
  reason: string,
): Promise<Runtime> {
  const native = requireNative(name);
  const ort = await native.load();
  const { provider, systems } = PROVIDERS[name];
  if (!ort.listSupportedBackends().some(({ name }) => name === provider)) {
    throw new Error(`onnxruntime-node has it on ${systems} only`);
  }
  // The library would print each failure; the caller gets them as errors.
  ort.env.logLevel = "fatal";
  const { refer, load } = loading(native, ort, { executionProviders: [provider] });
  await tryOut(load).catch((error) => {
    const missing = name === "cuda" ? native.missingForCuda() : [];
    const lacks = `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing`;
    throw new Error(missing.length > 0 ? `${lacks}; see docs/speed.md` : reasonOf(error));
  });
  const float16 = name === "cuda" ? "multiplied" : adapter?.hasFloat16 ? "kept" : undefined;
  return {
    name,
    version: versionOf(ort),
    reason,
    adapter: adapter?.name ?? `a GPU by ${provider}`,
    ...(float16 && { float16 }),
    refer,
    load: async (...args) => reportingLoss(await load(...args)),
    reopen: () => openProvider(name, adapter, "the GPU was lost"),
  };
}

/** The library's message without the place in its source, and without the failed condition. */
function reasonOf(error: unknown): string {
  const [line] = (error as Error).message.trim().split("\n");
  return line!.replace(/^\/onnxruntime_src\/.* was false\. /, "").replace(/\.$/, "");
}

function versionOf({ env: { versions } }: Ort): string {
  return `onnxruntime-node ${versions.node ?? versions.common}`;
}

/** The part of a runtime that finds weights and loads models. */
function loading(
  native: NativeOrt,
  ort: Ort,
  choice: InferenceSession.SessionOptions,
): Pick<Runtime, "refer" | "load"> {
  /** Folder and name of a file after following links. */
  const splitPath = (link: string) => {
    const path = native.realPath(link);
    const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
    return { folder: path.slice(0, end) || ".", name: path.slice(end) };
  };
  return {
    refer(data) {
      if (data.asFloat16) return { location: nameOf(data), offset: 0 };
      return { location: splitPath(data.path).name, offset: data.offset };
    },
    async load(model, external = [], { keepFloat16 = false, freesMemory = false } = {}) {
      // Threads that wait for work must not spin: that took a third of the processor's time, and made
      // the bundled model slower on 2 cores.
      const session: Record<string, unknown> = { intra_op: { allow_spinning: "0" } };
      const options: InferenceSession.SessionOptions = {
        ...choice,
        logSeverityLevel: 3,
        ...(freesMemory && { enableCpuMemArena: false }),
        ...(keepFloat16 && KEEP_FLOAT16),
        extra: { ...(keepFloat16 && KEEP_FLOAT16.extra), session },
      };
      const mapped = external.filter(({ asFloat16 }) => !asFloat16);
      if (mapped[0]) {
        // The runtime maps the file itself: the checkpoint never passes through this process's
        // heap. It accepts only a plain name inside the folder given here, and no link. Model
        // hubs store files behind links, so the paths are resolved first.
        const paths = new Set(mapped.map(({ path }) => path));
        const [folder, other] = new Set([...paths].map((path) => splitPath(path).folder));
        if (other !== undefined) {
          throw new Error(`its files lie in "${folder}" and "${other}", expected one folder`);
        }
        session.model_external_initializers_file_folder_path = folder!;
      }
      const created = await withExternal(
        external.filter(({ asFloat16 }) => asFloat16),
        (externalData) => ort.InferenceSession.create(model, { ...options, externalData }),
      );
      return wrapSession(ort, created);
    },
  };
}

/** Runs a model of one operator, so that a GPU that does not answer fails before a model loads. */
async function tryOut(load: Runtime["load"]): Promise<void> {
  const g = new GraphBuilder("try");
  const x = g.input("x", "float32", [1]);
  g.output(g.node("Add", [x, x], [x])[0]!, "y");
  const session = await load(encodeModel(g.build(), new Map()));
  const { y } = await session.run({ x: { data: Float32Array.of(1), dims: [1] } }, ["y"]);
  await session.release();
  const [sum] = y!.data as Float32Array;
  if (sum !== 2) throw new Error(`it says that 1 + 1 is ${sum}`);
}

/**
 * A session whose failures count as the loss of its GPU: the library names no kind of error, and a
 * model that loads fails for the GPU's sake only.
 */
function reportingLoss(session: Session): Session {
  return {
    async run(...args) {
      try {
        return await session.run(...args);
      } catch (error) {
        throw new DeviceLostError(`Cannot run the model: the GPU was lost (${reasonOf(error)})`);
      }
    },
    release: () => session.release(),
  };
}
