/**
 * Runs eval with small baselines in place of BioViL and BioViL-T: what they see of an image as
 * these do, from its pixels and the phrase, without a network.
 *
 * @module
 */

import type { GroundingMethod, MethodCrop } from "../../models/method.ts";
import { type BaselineName, OPENERS } from "../../models/open_method.ts";
import type { Runtime } from "../../models/runtime/runtime.ts";
import { cropRegion } from "../../pipeline/preprocess.ts";

/** A heatmap of the mean grey of each patch about the crop's, the phrase's length added. */
export function fakeMethod(
  name: string,
  view: MethodCrop,
  side: number,
  runtime: Runtime,
): GroundingMethod {
  return {
    ...{ name, view, runtime },
    ground({ width, height, data }, phrases) {
      const crop = cropRegion(width, height, view);
      return Promise.resolve(phrases.map((phrase) => {
        if (phrase.includes("refuse")) throw new RangeError(`Cannot ground "${phrase}"`);
        const values = Float32Array.from({ length: side * side }, (_, i) => {
          const x = crop.x + Math.floor((i % side + 0.5) * crop.side / side);
          const y = crop.y + Math.floor((Math.floor(i / side) + 0.5) * crop.side / side);
          return data[y * width + x]! / 255 - 0.5 + phrase.length / 100;
        });
        return { values, side };
      }));
    },
    hash: () => Promise.resolve(name.padEnd(64, "0")),
    close: () => Promise.resolve(),
  };
}

if (import.meta.main || "WorkerGlobalScope" in globalThis) {
  const fakes: [BaselineName, number, number][] = [["biovil", 480, 15], ["biovil-t", 448, 14]];
  for (const [name, crop, side] of fakes) {
    OPENERS[name] = async (folder, runtime) => {
      await Deno.stat(folder);
      return fakeMethod(name, { crop, resized: 512 }, side, runtime);
    };
  }
  await import("../../cli/eval.ts");
}
