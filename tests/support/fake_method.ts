import { InputRangeError } from "../../base/errors.ts";
import type { GridModel } from "../../models/grid_model.ts";
import type { CenterCrop } from "../../base/geometry.ts";
import { gridMethod } from "../../methods/grid_method.ts";
import type { ChosenMethod, MethodContext } from "../../methods/method_row.ts";
import { METHODS } from "../../methods/registry.ts";
import { cropRegion } from "../../images/preprocess.ts";

/**
 * Returns a method without a network. Each value is the grey at the centre of a patch of the crop,
 * from -0.5 to 0.5. A hundredth of the phrase's length is added to each value.
 *
 * @throws {RangeError} From `ground()`, if a phrase contains "refuse".
 * @throws {TypeError} From `ground()` as by a bug, if a phrase contains "bug".
 */
export function fakeMethod(view: CenterCrop, side: number): GridModel {
  return {
    view,
    ground({ width, height, data }, phrases) {
      const crop = cropRegion(width, height, view);
      return Promise.resolve(phrases.map((phrase) => {
        if (phrase.includes("bug")) (undefined as unknown as []).length;
        if (phrase.includes("refuse")) throw new InputRangeError(`Cannot ground "${phrase}"`);
        const values = Float32Array.from({ length: side * side }, (_, i) => {
          const x = crop.x + Math.floor((i % side + 0.5) * crop.side / side);
          const y = crop.y + Math.floor((Math.floor(i / side) + 0.5) * crop.side / side);
          return data[y * width + x]! / 255 - 0.5 + phrase.length / 100;
        });
        return { values, side };
      }));
    },
  };
}

const FAKES: readonly (readonly [name: string, crop: number, side: number])[] = [
  ["biovil", 480, 15],
  ["biovil-t", 448, 14],
];

/** Replaces BioViL and BioViL-T by {@linkcode fakeMethod}s. */
export function useFakes(): void {
  for (const [name, crop, side] of FAKES) {
    const view = { crop, resized: 512 };
    const sha256 = name.padEnd(64, "0");
    Object.assign(METHODS[name]!, {
      choose: async (folder: string, _: unknown, context: MethodContext): Promise<ChosenMethod> => {
        await context.backend();
        await Deno.stat(folder);
        return {
          facts: { view, model: { sha256 } },
          source: { model: { path: folder, sha256 } },
          open: () => Promise.resolve(gridMethod(fakeMethod(view, side))),
        };
      },
    });
  }
}
