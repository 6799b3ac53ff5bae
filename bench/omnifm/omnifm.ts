/**
 * `deno task bench:omnifm`: times OmniFM-DR at full size with seeded weights. Each round reads a new
 * phrase in one image, from the decoded pixels to an answer of four tokens. The peer is the released
 * code in PyTorch on as many threads; `omnifm_peer.py` names its packages.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { folderFlag } from "../../base/options.ts";
import { openCheckpoint, writeSafetensors } from "../../models/checkpoint/mod.ts";
import { searchBeams } from "../../models/omnifm/beam_search.ts";
import {
  buildDecoderStep,
  buildEncoder,
  buildImagePart,
  type OmnifmConfig,
} from "../../models/omnifm/networks.ts";
import { DECODINGS } from "../../models/omnifm/omnifm.ts";
import { openSessions } from "../../models/omnifm/sessions.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { seededWeights } from "../../tests/support/seeded_weights.ts";
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

/** The published architecture: ofa_huge, with the flags of the training script. */
const FULL_SIZE: OmnifmConfig = {
  trunk: { stem: 64, width: 64, channels: 256, blocks: [3, 8, 36] },
  width: 1280,
  encoder: { layers: 24, heads: 16, mlp: 5120 },
  decoder: { layers: 12, heads: 16, mlp: 5120 },
  vocabulary: 59457,
  sourcePositions: 1026,
  targetPositions: 1026,
  imageBucket: 42,
  grid: 32,
  tokenBucket: 256,
  attentionFactor: 2,
  scaleAttention: true,
  scaleMlp: true,
  scaleHeads: true,
  imageTables: true,
};

/** Width and height of a radiograph of MIMIC-CXR, in pixels. */
const [WIDTH, HEIGHT] = [2544, 3056];

/** The peer's answer to a phrase. */
interface Answer {
  readonly seconds: number;
  readonly tokens: readonly (readonly number[])[];
  readonly scores: readonly number[];
  readonly bytes: number;
}

await runBench({
  task: "bench:omnifm",
  description: "Times OmniFM-DR at full size with seeded weights against the released code in " +
    "PyTorch, from the first python3 of the path. Needs 20 GB of memory and 4 GB of disk.",
  flags: {
    rounds: countFlag("Rounds.", 5),
    code: { ...folderFlag("Clone of github.com/MedHK23/OmniFM-DR."), required: true },
  },
}, ({ rounds, code }) =>
  inFolder(async (folder) => {
    const data = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => i * 7919 % 251);
    const image = { width: WIDTH, height: HEIGHT, data };
    await Deno.writeFile(`${folder}/image.gray`, data);
    const graphs = {
      image: buildImagePart(FULL_SIZE),
      encoder: buildEncoder(FULL_SIZE),
      decoder: buildDecoderStep(FULL_SIZE),
    };
    const tensors = new Map(
      Object.values(graphs).flatMap((graph) => seededWeights(graph, 1))
        .map((tensor) => [tensor.name, tensor]),
    );
    const path = `${folder}/model.safetensors`;
    await writeSafetensors(
      path,
      [...tensors.values()].map(({ name, shape, data }) => ({
        name,
        shape,
        // Heads and variances are neutral, as the norms are.
        data: () => /c_attn$|running_var$/.test(name) ? data().fill(1) : data(),
      })),
    );
    const checkpoint = await openCheckpoint(path);
    const bytes = [...checkpoint.tensors.values()]
      .reduce((sum, { byteLength }) => sum + byteLength, 0);
    const sessions = await openSessions(
      { config: FULL_SIZE, graphs, checkpoint, bytes },
      await openRuntime("native"),
    );
    const peer = await startPeer(pathOf("omnifm_peer.py", import.meta.url), [
      ...[code, path, `${folder}/image.gray`],
      ...[WIDTH, HEIGHT, navigator.hardwareConcurrency].map(String),
    ]);
    let round = 0;
    let furthest = 0;
    let peerBytes = 0;
    let found: Awaited<ReturnType<typeof searchBeams>> = [];
    /** Ten tokens, as many as the demo's sentence with a word has. */
    const tokens = () => [0, 61, 976, 473, 5, 2788, 1000 + round, 6190, 116, 2];
    const times = await timeInTurn([
      () =>
        seconds(async () => {
          const cells = await sessions.embedImage(image);
          const decoder = await sessions.decode(cells, tokens(), 5);
          found = await searchBeams(decoder.next, DECODINGS.training);
          decoder.release();
        }),
      async () => {
        const answer = await peer.ask<Answer>(JSON.stringify(tokens()));
        const own = found.map((hypothesis) => hypothesis.tokens);
        if (JSON.stringify(own) !== JSON.stringify(answer.tokens)) {
          throw new Error("Cannot compare the times: the answers have other tokens");
        }
        for (const [i, score] of answer.scores.entries()) {
          furthest = Math.max(furthest, Math.abs(score - found[i]!.score));
        }
        peerBytes = answer.bytes;
        round++;
        return answer.seconds;
      },
    ], rounds);
    await peer.close();
    await sessions.close();
    const [own, theirs] = times as [number[], number[]];
    return [
      `An image of ${WIDTH}x${HEIGHT}, a new phrase and an answer of four tokens by 5 beams, median ` +
      `of ${rounds} in turn, against PyTorch ${peer.version}. The weights have ` +
      `${gigabytes(bytes)} GB.`,
      "",
      ...table(["", "s a phrase", "peak memory, GB"], [
        ["Groundray", median(own).toFixed(1), gigabytes(peakBytes())],
        ["PyTorch", median(theirs).toFixed(1), gigabytes(peerBytes)],
      ]),
      "",
      `Time against PyTorch: ${spreadOfRatios(own, theirs)}. All tokens are equal; scores are at ` +
      `most ${furthest.toExponential(1)} apart.`,
    ];
  }));
