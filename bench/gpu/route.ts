/**
 * This process measures a route of `deno task bench:gpu`: a model, a runtime and a type of weights.
 * It prints a line of JSON after each part, so that a failure costs later parts alone.
 *
 *     route.ts MODEL RUNTIME WEIGHTS END FOLDER
 *
 * END is a time in milliseconds since 1970. FOLDER keeps the CPU's numbers for the other routes.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import "../../base/host/deno/mod.ts";
import { quietenDriver } from "../../cli/kit/driver.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { preprocess } from "../../images/preprocess.ts";
import { groundImage, type LdmModel, loadBundle, openModel, openRuntime } from "../../mod.ts";
import type { AttentionMaps } from "../../models/ldm/unet_session.ts";
import type { WeightType } from "../../models/ldm/weights.ts";
import type { RuntimeChoice } from "../../models/runtime/open_runtime.ts";
import type { TensorData } from "../../models/runtime/runtime.ts";
import { noisePasses } from "../../pipeline/noise.ts";
import { resolveSettings } from "../../pipeline/settings/settings.ts";
import { median, peakBytes, seconds, slope } from "../harness.ts";

/** Numbers of steps that go through the U-Net together. */
export const BATCHES = [1, 2, 4, 5] as const;

/** Values of T whose throughput is measured. */
export const STEPS = [30, 300] as const;

/** Facts of a route; a route that fails or is slow lacks some of them. */
export interface RouteReport {
  /** Library and version. */
  readonly version?: string;
  /** GPU of the route; absent if the CPU computes. */
  readonly adapter?: string;
  /** Seconds to load all networks. */
  readonly loadSeconds?: number;
  /** Peak memory of the process after loading, in bytes. */
  readonly loadBytes?: number;
  /** Largest difference from the CPU's prediction and attention, as a share of the largest value. */
  readonly off?: { readonly prediction: number; readonly attention: number };
  /** Seconds of a full pass. */
  readonly full?: number;
  /** Processor seconds of a full pass, of all threads. */
  readonly processor?: number;
  /** Seconds of a phrase's pass by the steps of a batch. */
  readonly phrase?: Readonly<Record<string, number>>;
  /** Images with a phrase each in a minute through the whole pipeline, by T. */
  readonly images?: Readonly<
    Record<string, { readonly perMinute: number; readonly isExtrapolated: boolean }>
  >;
  /** Growth of the process a full pass in bytes, without the first passes. */
  readonly memory?: { readonly passes: number; readonly growth: number };
  /** Peak memory of the process until its last part, in bytes. */
  readonly peakBytes?: number;
  /** Why the route ended before its time. */
  readonly failure?: string;
}

/** Timesteps that a latent moves between; any two of the middle do. */
const [NEAR, FAR] = [400, 403];

/** Passes of the watch over memory, between two looks, and the share that counts as warm-up. */
const WATCH = { passes: 200, every: 5, warmUp: 0.2 };

/** Most passes in a row, and the seconds that a row aims at. */
const ROW = { passes: 20, seconds: 1 };

/** Runs full passes in a row, each on the latent of the pass before, and waits for the last. */
async function chain(model: LdmModel, first: TensorData, count: number): Promise<void> {
  const text = await model.condition(model.bundle.tokenizer.encode(""));
  let latent = first;
  for (let pass = 0; pass < count; pass++) {
    const [from, to] = pass % 2 === 0 ? [NEAR, FAR] : [FAR, NEAR];
    const next = await model.step(latent, from, to, text);
    if (latent !== first) model.free(latent);
    latent = next;
  }
  await model.read(latent, model.latentLength);
  model.free(latent);
}

/** Runs passes of a phrase in a row, and waits for the last. */
async function attend(
  model: LdmModel,
  latent: TensorData,
  batch: number,
  count: number,
): Promise<void> {
  const text = await model.condition(model.bundle.tokenizer.encode("left pleural effusion"));
  const latents = Array.from({ length: batch }, () => latent);
  const timesteps = latents.map((_, step) => NEAR + step);
  let maps: AttentionMaps[] = [];
  for (let pass = 0; pass < count; pass++) {
    for (const map of maps) map.release();
    maps = await model.attend(latents, timesteps, text, [1, 4]);
  }
  for (const map of maps) {
    await model.read(map.data, 1);
    map.release();
  }
}

/**
 * Median seconds of a pass in three rows.
 *
 * @param left Seconds that the route has left; where they are few, one pass is timed alone.
 */
async function perPass(run: (count: number) => Promise<void>, left: number): Promise<number> {
  await run(1);
  const once = await seconds(() => run(1));
  if (40 * once > left) return once;
  const count = Math.max(1, Math.min(ROW.passes, Math.round(ROW.seconds / once)));
  const rows: number[] = [];
  for (let row = 0; row < 3; row++) rows.push(await seconds(() => run(count)) / count);
  return median(rows);
}

/** The prediction, and the attention of every layer in order. */
async function numbers(model: LdmModel, latent: TensorData): Promise<Float32Array[]> {
  const text = await model.condition(model.bundle.tokenizer.encode("left pleural effusion"));
  const prediction = await model.predict(latent, NEAR, text);
  const layers = new Map<number, Float32Array>();
  for (const map of await model.attend([latent], [NEAR], text)) {
    const length = map.positions * map.tokens;
    const values = await model.read(map.data, length * map.layers.length);
    map.layers.forEach((layer, i) => layers.set(layer, values.slice(i * length, (i + 1) * length)));
    map.release();
  }
  const order = [...layers.keys()].sort((a, b) => a - b);
  return [prediction, Float32Array.from(order.flatMap((layer) => [...layers.get(layer)!]))];
}

/** Largest difference as a share of the largest expected value. */
function furthest(values: Float32Array, expected: Float32Array): number {
  let [off, largest] = [0, 0];
  expected.forEach((value, i) => {
    off = Math.max(off, Math.abs(value - values[i]!));
    largest = Math.max(largest, Math.abs(value));
  });
  return off / largest;
}

/** Compares with the CPU's numbers, or on the CPU in float32 writes them. */
async function compare(
  folder: string,
  isReference: boolean,
  values: readonly Float32Array[],
): Promise<RouteReport> {
  const path = `${folder}/reference.json`;
  if (isReference) {
    await Deno.writeTextFile(path, JSON.stringify(values.map((part) => [...part])));
    return {};
  }
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return {};
  const expected = JSON.parse(text).map((part: number[]) => Float32Array.from(part));
  const [prediction, attention] = values.map((part, i) => furthest(part, expected[i]));
  return { off: { prediction: prediction!, attention: attention! } };
}

async function measure([path, name, weights, end, folder]: string[]): Promise<void> {
  quietenDriver();
  const left = () => (Number(end) - Date.now()) / 1000;
  const print = (report: RouteReport) =>
    console.log(JSON.stringify({ ...report, peakBytes: peakBytes() }));
  const runtime = await openRuntime(name as RuntimeChoice);
  const { version, adapter } = runtime;
  print({ version, ...(adapter && { adapter }) });
  const bundle = await loadBundle(path!);
  let model!: LdmModel;
  const loadSeconds = await seconds(async () => {
    model = await openModel(bundle, runtime, { weights: weights as WeightType });
  });
  print({ loadSeconds, loadBytes: peakBytes() });
  const { imageSize } = bundle.config;
  const isSmall = imageSize < 512;
  const xray = drawPhantom({ seed: 1, ...(isSmall ? {} : { width: 2544, height: 3056 }) });
  const latent = await model.encode(preprocess(xray, imageSize));
  print(await compare(folder!, name === "native", await numbers(model, latent)));
  const full = await perPass((count) => chain(model, latent, count), left());
  const before = cpuUsage();
  await chain(model, latent, 2);
  const { user, system } = cpuUsage(before);
  print({ full, processor: (user + system) / 1e6 / 2 });
  const phrase: Record<string, number> = {};
  for (const batch of BATCHES) {
    // A slow route keeps time for its memory.
    if (8 * batch * (phrase[1] ?? 0) > left()) break;
    const run = (count: number) => attend(model, latent, batch, count);
    phrase[batch] = await perPass(run, left()) / batch;
    print({ phrase });
  }
  const images: Record<string, { perMinute: number; isExtrapolated: boolean }> = {};
  /** Seconds of an image outside the passes. */
  let rest = 0;
  const pipeline = async (steps: typeof STEPS[number]) => {
    const settings = resolveSettings(model, { steps });
    const batch = BATCHES.findLast((batch) => batch <= model.batch && phrase[batch])!;
    const passes = noisePasses(settings) * full +
      (settings.end - settings.start) * phrase[batch]!;
    let took = passes + rest;
    const isExtrapolated = 1.3 * took > left();
    if (!isExtrapolated) {
      took = await seconds(() => groundImage(xray, ["left pleural effusion"], { model, steps }));
      rest = Math.max(0, took - passes);
    }
    images[steps] = { perMinute: 60 / took, isExtrapolated };
    print({ images });
  };
  await pipeline(STEPS[0]);
  const points: (readonly [number, number])[] = [];
  const reserve = 0.4 * left() + WATCH.every * full;
  for (let pass = WATCH.every; pass <= WATCH.passes && left() > reserve; pass += WATCH.every) {
    await chain(model, latent, WATCH.every);
    points.push([pass, Deno.memoryUsage().rss]);
  }
  const steady = points.slice(Math.floor(WATCH.warmUp * points.length));
  if (steady.length > 2) print({ memory: { passes: points.at(-1)![0], growth: slope(steady) } });
  await pipeline(STEPS[1]);
  model.free(latent);
  await model.close();
}

if (import.meta.main) {
  try {
    await measure(Deno.args);
  } catch (error) {
    console.log(JSON.stringify({ failure: (error as Error).message }));
  }
  // A library's threads would keep the process.
  Deno.exit(0);
}
