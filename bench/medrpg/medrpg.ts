/**
 * `deno task bench:medrpg`: times MedRPG at full size on an image and a phrase, and on a further
 * phrase of the image. The weights follow a recipe, and the box must be that of the original
 * modules. The peer is the network in PyTorch on as many threads; `medrpg_peer.py` names its
 * packages.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import type { GrayImage } from "../../base/geometry.ts";
import { loadMedrpg } from "../../models/medrpg/bundle.ts";
import { openMedrpg } from "../../models/medrpg/medrpg.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import {
  countFlag,
  gigabytes,
  inFolder,
  median,
  pathOf,
  peakBytes,
  runBench,
  seconds,
  spreadOfRatios,
  startPeer,
  table,
  timeInTurn,
} from "../harness.ts";
import { fullShapes, makeTensor, writeFullSize } from "./recipe.ts";

const REFERENCE = pathOf("../../../shared/reference/medrpg_full", import.meta.url);

/** Largest difference of a box to the original's, as a share of the square. */
const TOLERANCE = 2e-5;

/** The peer's answer to a phrase. */
interface Answer {
  readonly seconds: number;
  readonly box: readonly number[];
}

await runBench({
  task: "bench:medrpg",
  description: "Times MedRPG at full size against its network in PyTorch, from the first python3 " +
    "of the path.",
  flags: { rounds: countFlag("Rounds.", 5) },
}, ({ rounds }) =>
  inFolder(async (folder) => {
    const expected = JSON.parse(await Deno.readTextFile(`${REFERENCE}/expected.json`));
    const shapes = fullShapes();
    for (const [name, [first, second, last]] of Object.entries<number[]>(expected.spot_checks)) {
      const values = makeTensor(name, shapes.get(name)!);
      const found = [values[0], values[1], values.at(-1)];
      if (found.join() !== [first, second, last].join()) {
        throw new Error(`"${name}" begins ${found}, expected ${first}, ${second}, ${last}`);
      }
    }
    await writeFullSize(folder);
    const stored = await decodeImage(`${REFERENCE}/image.png`);
    await Deno.writeFile(`${folder}/image.gray`, Uint8Array.from(stored.data));
    const ids = (expected.input_ids as number[]).filter((id) => id > 103);
    const phrase = ids.map((id) => `w${id}`).join(" ");
    const model = await openMedrpg(await loadMedrpg(folder), await openRuntime("native"));
    const peer = await startPeer(pathOf("medrpg_peer.py", import.meta.url), [
      `${folder}/MedMPG_MS_CXR.safetensors`,
      `${folder}/image.gray`,
      ...[stored.width, stored.height, navigator.hardwareConcurrency].map(String),
    ]);
    let [image, furthest]: [GrayImage, number] = [stored, 0];
    const compare = (box: ArrayLike<number>) => {
      for (const [i, share] of (expected.box.cxcywh as number[]).entries()) {
        furthest = Math.max(furthest, Math.abs(box[i]! - share));
      }
    };
    compare(await model.answer(image, phrase));
    if (furthest > TOLERANCE) throw new Error(`The box is ${furthest} off the original's`);
    const own = peakBytes();
    const times = await timeInTurn([
      () => {
        // Other bytes are another image for the model.
        image = { ...stored, data: stored.data.slice() };
        return seconds(() => model.ground(image, [phrase]));
      },
      () => seconds(() => model.ground(image, [`${phrase} w2000`])),
      async () => {
        const answer = await peer.ask<Answer>(ids.join(" "));
        compare(answer.box);
        return answer.seconds;
      },
    ], rounds);
    await peer.close();
    await model.close();
    const [first, further, original] = times as [number[], number[], number[]];
    return [
      `An image of ${stored.width}x${stored.height}, median of ${rounds} in turn, ratios with their range; ` +
      `PyTorch ${peer.version}. Boxes are at most ${furthest.toExponential(1)} apart from the ` +
      `original's. Peak memory of Groundray ${gigabytes(own)} GB.`,
      "",
      ...table(
        ["", "Groundray, s", "PyTorch, s", "ratio"],
        Object.entries({ "image and phrase": first, "further phrase": further }).map((
          [name, times],
        ) => [
          ...[name, median(times).toFixed(2), median(original).toFixed(2)],
          spreadOfRatios(times, original),
        ]),
      ),
    ];
  }));
