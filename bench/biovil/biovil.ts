/**
 * `deno task bench:biovil`: times BioViL and BioViL-T at full size with seeded weights. Each round
 * grounds a new phrase in one image. The peer is the public implementation in PyTorch on as many
 * threads; `biovil_peer.py` names its packages.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { openBiovil } from "../../models/biovil/biovil.ts";
import { FIXTURES } from "../../models/biovil/fixtures/expected.ts";
import { pattern } from "../../models/biovil/fixtures/pattern.ts";
import { FULL_SIZE, writeSeededModel } from "../../tests/support/seeded_biovil.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import {
  countFlag,
  inFolder,
  median,
  pathOf,
  runBench,
  seconds,
  spreadOfRatios,
  startPeer,
  table,
  timeInTurn,
} from "../harness.ts";

/** Width and height of a radiograph of MIMIC-CXR, in pixels. */
const [WIDTH, HEIGHT] = [2544, 3056];

/** The peer's answer to a phrase. */
interface Answer {
  readonly seconds: number;
  readonly heatmap: readonly number[];
}

await runBench({
  task: "bench:biovil",
  description: "Times BioViL and BioViL-T at full size with seeded weights against the public " +
    "implementation in PyTorch, from the first python3 of the path.",
  flags: { rounds: countFlag("Rounds.", 9) },
}, ({ rounds }) =>
  inFolder(async (folder) => {
    const image = { width: WIDTH, height: HEIGHT, data: pattern(WIDTH, HEIGHT) };
    await Deno.writeFile(`${folder}/image.gray`, image.data);
    const runtime = await openRuntime("native");
    const rows: string[][] = [];
    for (const variant of ["biovil", "biovil-t"] as const) {
      const path = `${folder}/${variant}`;
      await writeSeededModel(path, variant, FULL_SIZE);
      await Deno.copyFile(`${FIXTURES}/vocab.txt`, `${path}/vocab.txt`);
      const model = await openBiovil(path, runtime, variant);
      const peer = await startPeer(pathOf("biovil_peer.py", import.meta.url), [
        ...[path, variant, `${folder}/image.gray`],
        ...[WIDTH, HEIGHT, navigator.hardwareConcurrency].map(String),
      ]);
      let round = 0;
      let furthest = 0;
      let ours: Float32Array;
      const phrase = () => `left pleural effusion in lobe ${round}`;
      const times = await timeInTurn([
        () => seconds(async () => ours = (await model.ground(image, [phrase()]))[0]!.values),
        async () => {
          const answer = await peer.ask<Answer>(phrase());
          for (const [i, value] of answer.heatmap.entries()) {
            furthest = Math.max(furthest, Math.abs(value - ours[i]!));
          }
          round++;
          return answer.seconds;
        },
      ], rounds);
      const [own, theirs] = times as [number[], number[]];
      rows.push([
        `${variant}, PyTorch ${peer.version}`,
        ...[own, theirs].map((times) => median(times).toFixed(3)),
        ...[spreadOfRatios(theirs, own), furthest.toExponential(1)],
      ]);
      await peer.close();
      await model.close();
      await Deno.remove(path, { recursive: true });
    }
    return [
      `An image of ${WIDTH}x${HEIGHT} and a new phrase, median of ${rounds} in turn; ratios with ` +
      "their range.",
      "",
      ...table(
        ["", "Groundray, s", "PyTorch, s", "images a second, ratio", "furthest apart"],
        rows,
      ),
    ];
  }));
