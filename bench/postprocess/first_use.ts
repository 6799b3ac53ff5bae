/**
 * Times the first heatmap, which compiles and allocates, apart from the second.
 *
 * @module
 */

import { openGpu } from "../../shaders/device.ts";
import type { Size } from "../../base/geometry.ts";
import type { Case } from "./cases.ts";
import { HeatmapRun, PAPER } from "./heatmap_cases.ts";
import { type Inputs, type Place, uploadMaps } from "./inputs.ts";
import type { Peers } from "./peers.ts";

/** Milliseconds of each contender's first two calls. */
export interface FirstUse {
  /** Plain TypeScript, before and after the engine has compiled it. */
  readonly typescript: Calls;
  /** The shaders on a newly opened device; `open` is the time to open it. */
  readonly shaders?: Calls & { readonly open: number };
  /** The Python peers; `open` is the time until Python's libraries are loaded. */
  readonly released?: Calls & { readonly open: number };
  readonly best?: Calls & { readonly open: number };
}

/** Milliseconds of the first and of the second call. */
interface Calls {
  readonly first: number;
  readonly second: number;
}

/**
 * Opens the GPU and uploads the attention maps.
 *
 * @returns The place, with the milliseconds that the device took to open; `undefined` without a
 * GPU.
 */
export async function openPlace(inputs: Inputs): Promise<Place & { open: number } | undefined> {
  const began = performance.now();
  const gpu = await openGpu();
  const open = performance.now() - began;
  return gpu && { gpu, maps: uploadMaps(gpu, inputs), open };
}

/**
 * Times the first two heatmaps of each contender. Call it before any other computation.
 *
 * @param subject The whole post-processing at the paper's sizes.
 * @param image Size of the X-ray.
 */
export async function measureFirstUse(
  subject: Case,
  image: Size,
  place: Place & { open: number } | undefined,
  peers: Peers | undefined,
): Promise<FirstUse> {
  const twice = async (run: () => unknown): Promise<Calls> => {
    const time = async () => {
      const began = performance.now();
      const own = await run();
      return typeof own === "number" ? own : performance.now() - began;
    };
    return { first: await time(), second: await time() };
  };
  const typescript = await twice(() => void subject.typescript());
  let shaders: FirstUse["shaders"];
  if (place) {
    const run = new HeatmapRun(place, PAPER, image);
    shaders = { open: place.open, ...await twice(async () => void await run.run()) };
    run.destroy();
  }
  const ofPeer = async (name: "released" | "best") => {
    const request = subject.peers[name];
    if (!peers || !request) return {};
    const calls = await twice(async () => (await peers.run(request)).milliseconds);
    return { [name]: { open: peers.loadMilliseconds, ...calls } };
  };
  return {
    typescript,
    ...(shaders && { shaders }),
    ...await ofPeer("released"),
    ...await ofPeer("best"),
  };
}
