/**
 * Runs eval with {@linkcode fakeMethod}s in place of BioViL and BioViL-T.
 *
 * @module
 */

import { type BaselineName, OPENERS } from "../../models/open_method.ts";
import { fakeMethod } from "./fake_method.ts";

const FAKES: readonly (readonly [name: BaselineName, crop: number, side: number])[] = [
  ["biovil", 480, 15],
  ["biovil-t", 448, 14],
];

for (const [name, crop, side] of FAKES) {
  OPENERS[name] = async (folder, runtime) => {
    await Deno.stat(folder);
    return fakeMethod(name, { crop, resized: 512 }, side, runtime);
  };
}

await import("../../cli/eval.ts");
