/**
 * Grounds phrases for a page, in the page's worker or in the server's process. Replies carry
 * each heatmap as it forms.
 *
 * @module
 */

import { BugError, isBug, sentenceOf } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import type { Bundle } from "../models/ldm/bundle.ts";
import { defaultLayers, type LdmModel, openModel } from "../models/ldm/model.ts";
import type { Runtime, Session } from "../models/runtime/runtime.ts";
import type { ChosenMethod } from "../methods/method_row.ts";
import { GRID_METHODS, type GridMethodName } from "../methods/grid_methods.ts";
import { readAttention } from "../pipeline/attention_grid.ts";
import type { DecodedImage } from "../pipeline/decode.ts";
import { denoise } from "../pipeline/denoise.ts";
import { encode } from "../pipeline/encode.ts";
import { type Flow, item } from "../pipeline/flow.ts";
import type { GroundedPhrase, Method } from "../pipeline/method.ts";
import { noisePasses, noising, type NoisingImage, type NoisyLatent } from "../pipeline/noise.ts";
import { DeviceLostError } from "../shaders/device.ts";
import { cropRegion } from "../images/preprocess.ts";
import type { CenterCrop, GrayImage } from "../base/geometry.ts";
import {
  type GroundSettings,
  requirePhrases,
  type ResolvedSettings,
  resolveSettings,
} from "../pipeline/settings/settings.ts";
import {
  type Engine,
  type EngineDevice,
  type EngineSettings,
  type ExploredCell,
  failureOf,
  MAX_NAME,
  type OpenedModel,
  type PickedModel,
  type Reply,
  type Request,
  type RunSettings,
} from "./engine_messages.ts";
import { runningMean } from "./running_mean.ts";

/** The files of a baseline. */
export interface BaselineFiles {
  /** Name of the method in the registry. */
  readonly method: GridMethodName;
  /** Folder of the files. */
  readonly path: string;
}

/** Surroundings of an engine: a worker of the page, or the server. */
export interface EngineHost {
  /**
   * Finds a model; checks the files of a diffusion model.
   *
   * @param onBytes Called with the bytes of the files read so far; calls go on until the model
   * is open.
   */
  openBundle(
    model: "demo" | PickedModel,
    onBytes: (bytes: number) => void,
  ): Promise<Bundle | BaselineFiles>;
  /** Opens a runtime; its `reason` explains any difference from the requested device. */
  openRuntime(device: EngineDevice): Promise<Runtime>;
  /**
   * Opens a runtime on the processor. Called if the device is `auto` and the GPU cannot run the
   * model; absent if the host has no second runtime.
   *
   * @param reason Clause that says why the GPU cannot run the model.
   */
  openFallback?(reason: string): Promise<Runtime>;
  /** Decodes an image file. */
  decode(bytes: Uint8Array): Promise<GrayImage>;
  /**
   * Called after the GPU was lost, instead of opening the model again. Set it if the runtime's
   * library is unusable after such a loss.
   */
  onLost?(): void;
}

type Ask<Kind extends Request["kind"]> = Extract<Request, { readonly kind: Kind }>;

/** A loaded diffusion model. */
interface Diffusion {
  readonly bundle: Bundle;
  model: LdmModel;
}

/** A loaded baseline. */
interface Baseline {
  readonly files: BaselineFiles;
  readonly chosen: ChosenMethod;
  readonly method: Method;
}

/** A loaded model with its runtime. */
type Loaded = { readonly runtime: Runtime } & (Diffusion | Baseline);

/** An open model with the request for it. */
type Open = Loaded & { readonly request: Ask<"open"> };

/** The decoded image that phrases are grounded in. */
type OpenImage = Omit<DecodedImage, "samples"> & { readonly id: number };

/** Noisy latents of one image, kept for its next phrases. */
interface Trajectory {
  readonly key: string;
  readonly image: NoisingImage;
  /** Whether all latents are made; a run that ends before frees them. */
  isWhole: boolean;
  free(): Promise<void>;
}

/** Counts steps of the U-Net's passes. */
type OnPass = (part: "trajectory" | "phrase", steps: number) => Promise<void>;

/** Steps between two replies with a growing heatmap; each reply costs a readback from a GPU. */
const STEPS_SHOWN = 4;

/**
 * Phrases that go through the U-Net together and share the trunk of each pass. More phrases would
 * save less than 2 % at full size. The keys and values of each take 4 MB there.
 */
const PHRASES_TOGETHER = 16;

/** Creates an engine that carries out requests one after another. */
export function createEngine(host: EngineHost): Engine {
  return new LocalEngine(host);
}

class LocalEngine implements Engine {
  onReply: (reply: Reply) => void = () => {};
  readonly #host: EngineHost;
  /** Settles after the last request; the next request waits for it. */
  #last: Promise<void> = Promise.resolve();
  #runs = new Map<number, AbortController>();
  #open: Open | undefined;
  /** Id of the newest requested image; the engine skips older images in the queue. */
  #wanted: number | undefined;
  #image: OpenImage | undefined;
  #trajectory: Trajectory | undefined;
  /** Called after each run of a baseline's networks. */
  #onBaselineRun: () => Promise<void> = () => Promise.resolve();
  #isClosed = false;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  ask(request: Request): void {
    if (request.kind === "cancel") return this.#runs.get(request.run)?.abort();
    if (request.kind === "image") {
      this.#wanted = request.image;
      for (const run of this.#runs.values()) run.abort();
    }
    if ("run" in request) this.#runs.set(request.run, new AbortController());
    this.#last = this.#last.then(() => this.#carryOut(request));
  }

  close(): void {
    this.#isClosed = true;
    for (const run of this.#runs.values()) run.abort();
    this.#last = this.#last.then(() => this.#closeModel()).catch(() => {});
  }

  #reply(reply: Reply): void {
    if (!this.#isClosed) this.onReply(reply);
  }

  async #carryOut(request: Exclude<Request, Ask<"cancel">>): Promise<void> {
    const run = "run" in request ? request.run : undefined;
    try {
      if (this.#isClosed) return;
      if (request.kind === "open") await this.#openModel(request);
      else if (request.kind === "identify") {
        this.#reply({ kind: "identified", sha256: await hashOf(this.#requireOpen()) });
      } else if (request.kind === "image") await this.#openImage(request);
      else {
        const { signal } = this.#runs.get(request.run)!;
        signal.throwIfAborted();
        await (request.kind === "ground"
          ? this.#ground(request, signal)
          : this.#explore(request, signal));
        this.#reply({ kind: "ended", run: request.run, how: "done" });
      }
    } catch (error) {
      if (run !== undefined && this.#runs.get(run)?.signal.aborted) {
        this.#reply({ kind: "ended", run, how: "cancelled" });
      } else {
        const message = sentenceOf(error);
        if (isBug(error)) console.error(BugError.of(error).cause);
        const keepsModel = request.kind === "open" && this.#open && { keepsModel: true } as const;
        this.#reply({ ...failureOf(request, message), ...keepsModel });
        if (error instanceof DeviceLostError) await this.#recover();
      }
    } finally {
      if (run !== undefined) this.#runs.delete(run);
    }
  }

  /** Opens the model again after its GPU was lost. */
  async #recover(): Promise<void> {
    const again = this.#open?.request;
    await this.#closeModel();
    if (this.#host.onLost) return this.#host.onLost();
    if (again) await this.#carryOut(again);
  }

  async #openModel(request: Ask<"open">): Promise<void> {
    let isOpen = false;
    const found = await this.#host.openBundle(request.model, (bytes) => {
      if (!isOpen) this.#reply({ kind: "opening", bytes });
    });
    // Close the old model only now: it stays open if the picked folder holds no model.
    await this.#closeModel();
    const open = { request, ...await this.#load(found, request.device) };
    this.#open = open;
    isOpen = true;
    const { runtime } = open;
    const where = runtime.adapter ?? "the processor";
    this.#reply({
      kind: "opened",
      model: {
        path: found.path,
        place: `Running on ${where} with ${runtime.version} (${runtime.name}): ${runtime.reason}.`,
        runtime: runtime.name,
        ...("model" in open ? describe(open) : describeBaseline(open)),
        versions: {
          runtime: `${runtime.version} (${runtime.name})`,
          ...(runtime.adapter && { gpu: runtime.adapter }),
          ...("Deno" in globalThis && { deno: Deno.version.deno }),
        },
      },
    });
  }

  /** Loads a model; falls back to the processor if the GPU fails and the device is `auto`. */
  async #load(found: Bundle | BaselineFiles, device: EngineDevice): Promise<Loaded> {
    const load = async (runtime: Runtime): Promise<Loaded> =>
      "method" in found
        ? { runtime, ...await this.#loadBaseline(found, runtime) }
        : { runtime, bundle: found, model: await openModel(found, runtime) };
    const runtime = await this.#host.openRuntime(device);
    try {
      return await load(runtime);
    } catch (error) {
      const { gpu, adapter } = runtime;
      gpu?.destroy();
      if (!adapter || device !== "auto" || !this.#host.openFallback) throw error;
      const reason = `${adapter} cannot run the model (${(error as Error).message})`;
      return await load(await this.#host.openFallback(reason));
    }
  }

  async #loadBaseline(files: BaselineFiles, runtime: Runtime): Promise<Baseline> {
    const watched: Runtime = {
      ...runtime,
      load: async (...model) => watch(await runtime.load(...model), () => this.#onBaselineRun()),
    };
    const ignore = () => {};
    const chosen = await GRID_METHODS[files.method].choose(files.path, {}, {
      hasClasses: false,
      backend: () => Promise.resolve({ runtime: watched }),
      say: ignore,
      warn: ignore,
    });
    const none = () => Promise.reject(new Error("Cannot open a dataset: a page has none"));
    return { files, chosen, method: await chosen.open(none) };
  }

  async #closeModel(): Promise<void> {
    await this.#freeTrajectory().catch(() => {});
    const open = this.#open;
    this.#open = undefined;
    // A lost GPU may fail to release its sessions.
    await (open && ("model" in open ? open.model : open.method).close().catch(() => {}));
    open?.runtime.gpu?.destroy();
  }

  async #openImage({ image: id, name, bytes }: Ask<"image">): Promise<void> {
    // Drop the old image first: if the new image is unreadable, no image may stay open.
    this.#image = undefined;
    await this.#freeTrajectory();
    const requireWanted = () => {
      if (id !== this.#wanted) throw new Error("another image was chosen before it was read");
    };
    try {
      requireWanted();
      const gray = await this.#host.decode(new Uint8Array(bytes));
      requireWanted();
      const crop = cropRegion(gray.width, gray.height);
      this.#image = { id, gray, crop };
      this.#reply({ kind: "image", image: id, name, gray, crop });
    } catch (error) {
      if (isBug(error)) throw error;
      throw new Error(`${printable(name, MAX_NAME)}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  async #ground(request: Ask<"ground">, signal: AbortSignal): Promise<void> {
    const { run, phrases, settings } = request;
    const image = this.#requireImage(request.image);
    requirePhrases(phrases);
    const open = this.#requireOpen();
    if ("method" in open) return await this.#groundByBaseline(request, image, open, signal);
    const model = await this.#modelFor(open, settings.layers);
    const resolved = resolveSettings(model, toGroundSettings(settings));
    this.#begin(request, resolved);
    const steps = resolved.end - resolved.start;
    const isKnown = this.#trajectory?.key === keyOf(image, resolved);
    const total = (isKnown ? 0 : noisePasses(resolved)) + phrases.length * steps;
    const onPass = this.#passCounter(run, total, signal);
    for (let from = 0; from < phrases.length; from += PHRASES_TOGETHER) {
      const samples = phrases.slice(from, from + PHRASES_TOGETHER).map((phrase, i) => {
        return { id: String(from + i), image: "", phrase, boxes: [] };
      });
      const noising = await this.#trajectoryOf(image, model, resolved, onPass, signal);
      const maps = denoise(one({ ...noising, samples }), model, resolved, {
        signal,
        onPass: (count) => onPass("phrase", count),
      });
      const means = samples.map(() => {
        return { mean: runningMean(model.runtime.gpu), added: 0, shown: 0 };
      });
      try {
        for await (const flow of maps) {
          if (flow.kind === "dropped") throw new Error(flow.dropped.reason);
          const { index, count, isLast, image: { samples } } = flow.item;
          const phrase = means[index]!;
          phrase.mean.add(flow.item);
          phrase.added += count;
          if (!isLast && phrase.added - phrase.shown < STEPS_SHOWN) continue;
          phrase.shown = phrase.added;
          this.#reply({
            kind: "attention",
            run,
            image: image.id,
            phrase: from + index,
            layers: await phrase.mean.read(),
            steps: phrase.added,
            total: steps,
            notes: samples[index]!.notes ?? [],
          });
        }
      } finally {
        for (const { mean } of means) mean.destroy();
        if (!this.#trajectory?.isWhole) await this.#freeTrajectory();
      }
    }
  }

  /** Grounds phrases by a baseline, which answers for all of them at once. */
  async #groundByBaseline(
    { run, phrases }: Ask<"ground">,
    { id, gray }: OpenImage,
    { method }: Baseline,
    signal: AbortSignal,
  ): Promise<void> {
    this.#reply({ kind: "begun", run, image: id, settings: {} });
    // A run for each phrase, and a run for the image; the model may know phrases already.
    const onPass = this.#passCounter(run, phrases.length + 1, signal);
    this.#onBaselineRun = () => onPass("phrase", 1);
    const samples = phrases.map((phrase, i) => ({ id: String(i), image: "", phrase, boxes: [] }));
    for await (const flow of method.ground(one({ image: gray, samples }), { signal })) {
      if (flow.kind === "dropped") throw new Error(flow.dropped.reason);
      const { sample, layers, image: { crop } } = flow.item as GroundedPhrase;
      this.#reply({
        kind: "attention",
        run,
        image: id,
        phrase: Number(sample.id),
        layers,
        crop,
        steps: 1,
        total: 1,
        notes: sample.notes ?? [],
      });
    }
  }

  async #explore(request: Ask<"explore">, signal: AbortSignal): Promise<void> {
    const { run, phrase, settings, columns } = request;
    const { id, gray } = this.#requireImage(request.image);
    requirePhrases([phrase]);
    const open = this.#requireOpen();
    if ("method" in open) {
      throw new Error("Cannot show layers and steps: the open model has no cross-attention");
    }
    const { bundle, runtime, model } = open;
    this.#begin(request, resolveSettings(model, toGroundSettings(settings)));
    const [grid] = await readAttention(gray, [phrase], {
      ...toGroundSettings(settings),
      bundle,
      runtime,
      columns,
      signal,
      layers: settings.layers ?? defaultLayers(bundle),
      onProgress: (done) => {
        this.#reply({
          kind: "progress",
          run,
          part: "phrase",
          done: Math.round(100 * done),
          total: 100,
        });
      },
    });
    this.#reply({
      kind: "explored",
      run,
      image: id,
      columns: grid!.columns.map(({ start, end }) => [start, end] as const),
      cells: grid!.columns.flatMap(({ layers }, column) =>
        layers.map((layer): ExploredCell => ({ ...layer, column }))
      ),
    });
  }

  #requireOpen(): Open {
    if (!this.#open) throw new Error("Cannot ground: no model is open");
    return this.#open;
  }

  #requireImage(id: number): OpenImage {
    if (!this.#image) throw new Error("Cannot ground: no X-ray is open");
    if (this.#image.id !== id) throw new Error("Cannot ground: another X-ray is open");
    return this.#image;
  }

  /** Reports the start of a run with its settings, the defaults filled in. */
  #begin({ run, image }: Ask<"ground" | "explore">, resolved: ResolvedSettings): void {
    const { steps, timesteps, start, end, layers, tokens, noise, seed } = resolved;
    const settings: RunSettings = {
      steps,
      timesteps: timesteps.length,
      start,
      end,
      layers,
      tokens,
      noise,
      seed,
      weights: "float32",
    };
    this.#reply({ kind: "begun", run, image, settings });
  }

  /** Gives the open model; loads it again if the run reads other layers. */
  async #modelFor(
    open: Diffusion & Pick<Open, "runtime">,
    layers: readonly number[] | undefined,
  ): Promise<LdmModel> {
    const wanted = [...layers ?? defaultLayers(open.bundle)].sort((a, b) => a - b);
    if (wanted.join() === open.model.layers.join()) return open.model;
    const next = await openModel(open.bundle, open.runtime, { layers: wanted });
    await open.model.close();
    open.model = next;
    return next;
  }

  /**
   * Gives the image's noisy latents, which are kept for later phrases. The first phrases read each
   * latent as it is made, and so share the trunk of its pass.
   */
  async #trajectoryOf(
    image: OpenImage,
    model: LdmModel,
    settings: ResolvedSettings,
    onPass: OnPass,
    signal: AbortSignal,
  ): Promise<NoisingImage> {
    const key = keyOf(image, settings);
    if (this.#trajectory?.key === key) return this.#trajectory.image;
    await this.#freeTrajectory();
    // Do not pass this run's signal to the stages: later runs read the same latents.
    const sample = { id: "", image: "", phrase: "image", boxes: [] };
    const latents = encode(one({ ...image, samples: [sample] }), model);
    const stream = noising(latents, model, settings, {
      keepTrunks: true,
      onPass: async (steps) => {
        await onPass("trajectory", steps);
        signal.throwIfAborted();
      },
    });
    const { value, done } = await stream.next();
    if (done) throw new Error("Cannot ground: the image gave no latents");
    if (value.kind === "dropped") throw new Error(value.dropped.reason);
    const noisy: NoisyLatent[] = [];
    const trajectory: Trajectory = {
      key,
      image: { ...value.item, noisy },
      isWhole: false,
      // The stage frees the latents when its iterator ends.
      free: async () => void await stream.return?.(),
    };
    this.#trajectory = trajectory;
    const kept = async function* () {
      for await (const latent of value.item.noisy) {
        const { trunk: _, ...rest } = latent;
        noisy.push(rest);
        yield latent;
      }
      trajectory.isWhole = true;
    };
    return { ...value.item, noisy: kept() };
  }

  async #freeTrajectory(): Promise<void> {
    const trajectory = this.#trajectory;
    this.#trajectory = undefined;
    await trajectory?.free();
  }

  /** Counts the steps of a run's passes and reports progress. */
  #passCounter(run: number, total: number, signal: AbortSignal): OnPass {
    const began = performance.now();
    const queue = this.#open?.runtime.gpu?.device.queue;
    let done = 0;
    let before: Promise<unknown> | undefined;
    return async (part, steps) => {
      // Passes are queued faster than the GPU runs them. Keep one pass queued, so the GPU never
      // idles. Keep no more, so that progress is true and a cancel takes effect soon.
      await before;
      before = queue?.onSubmittedWorkDone();
      done += steps;
      const secondsLeft = (performance.now() - began) / 1000 / done * (total - done);
      this.#reply({ kind: "progress", run, part, done, total, secondsLeft });
      // Messages, such as a cancel, arrive only between two tasks.
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
    };
  }
}

/** Facts of an open diffusion model for the page. */
function describe({ bundle, model }: Diffusion): Partial<OpenedModel> {
  const { layers, steps, start, end } = resolveSettings(model, {});
  return {
    ...(bundle.config.notice && { notice: bundle.config.notice }),
    size: bundle.config.imageSize,
    layerSides: bundle.crossAttentionSides,
    defaults: { steps, noise: "inversion", layers, select: [start, end] },
  };
}

/** Facts of an open baseline for the page. */
function describeBaseline({ files: { method }, chosen }: Baseline): Partial<OpenedModel> {
  const { view } = chosen.facts as { readonly view: CenterCrop };
  return { baseline: { method, label: GRID_METHODS[method].label, view } };
}

/** SHA-256 over an open model's weights. */
async function hashOf(open: Open): Promise<string> {
  if ("model" in open) return await open.bundle.hash();
  return (open.chosen.facts as { readonly model: { readonly sha256: string } }).model.sha256;
}

/** A session that reports each of its runs; the report may throw to end the work. */
function watch(session: Session, onRun: () => Promise<void>): Session {
  return {
    async run(...feeds) {
      const outputs = await session.run(...feeds);
      try {
        await onRun();
      } catch (error) {
        for (const output of Object.values(outputs)) output.release();
        throw error;
      }
      return outputs;
    },
    release: () => session.release(),
  };
}

/** Key of an image's noisy latents: every fact that decides them, except the model. */
function keyOf({ id }: OpenImage, { noise, steps, start, end }: ResolvedSettings): string {
  return JSON.stringify([id, noise, steps, start, end]);
}

function toGroundSettings({ steps, noise, select }: EngineSettings): GroundSettings {
  return {
    ...(steps !== undefined && { steps }),
    ...(noise !== undefined && { noise }),
    ...(select && { select: { kind: "indices", start: select[0], end: select[1] } }),
  };
}

async function* one<T>(value: T): AsyncIterableIterator<Flow<T>> {
  yield await Promise.resolve(item(value));
}
