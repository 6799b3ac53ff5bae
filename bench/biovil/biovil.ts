/**
 * `deno task bench:biovil`: times BioViL and BioViL-T at full size with seeded weights. Each round
 * grounds a new phrase in one image. The peer is the public implementation in PyTorch
 * (`biovil_peer.py`, with its packages) on as many threads. Groundray and the peer take turns.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { TextLineStream } from "@std/streams/text-line-stream";
import { openBiovil } from "../../models/biovil/biovil.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { FIXTURES } from "../../models/biovil/fixtures/expected.ts";
import { pattern } from "../../models/biovil/fixtures/pattern.ts";
import { FULL_SIZE, writeSeededModel } from "../../models/biovil/seeded_model.ts";
import { describeMachine } from "../environment.ts";
import { median } from "../median.ts";

/** Timed rounds; one untimed round comes before them. */
const ROUNDS = 9;

/** Width and height of a radiograph of MIMIC-CXR, in pixels. */
const [WIDTH, HEIGHT] = [2544, 3056];

/** The timed parts: the way from decoded pixels to the heatmap, and the image encoder alone. */
const PARTS = ["whole", "encoder"] as const;

type Part = typeof PARTS[number];

/** An image that needs almost no preprocessing: times the encoder alone. */
const SMALL = { width: 512, height: 512, data: pattern(512, 512) };

/** The peer's answer to a phrase: seconds of each part, and the heatmap. */
interface PeerResult extends Readonly<Record<Part, number>> {
  readonly heatmap: readonly number[];
}

/** Starts the peer, a process that answers each line of its input with one line. */
function startPeer(args: readonly string[]) {
  const child = new Deno.Command("python3", {
    args: [new URL("biovil_peer.py", import.meta.url).pathname, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const next = async () => {
    const { value, done } = await lines.read();
    if (done) {
      throw new Error(
        "Cannot measure the peer: python3 ended; does it have what biovil_peer.py names?",
      );
    }
    return JSON.parse(value as string);
  };
  return {
    next,
    async ask(phrase: string): Promise<PeerResult> {
      await writer.write(new TextEncoder().encode(`${phrase}\n`));
      return await next();
    },
    async close() {
      await writer.close();
      await child.status;
    },
  };
}

const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
try {
  const { cpu, cpus } = describeMachine();
  const data = pattern(WIDTH, HEIGHT);
  await Deno.writeFile(`${folder}/image.gray`, data);
  const runtime = await openRuntime("native");
  console.log(`${cpu}, ${cpus} processors; an image of ${WIDTH}x${HEIGHT} and a new phrase,`);
  console.log(`median of ${ROUNDS} in turn.\n`);
  console.log("| | Groundray, s | PyTorch, s | images a second, ratio | furthest apart |");
  console.log("| --- | --- | --- | --- | --- |");
  for (const variant of ["biovil", "biovil-t"] as const) {
    const path = `${folder}/${variant}`;
    await writeSeededModel(path, variant, FULL_SIZE);
    await Deno.copyFile(`${FIXTURES}/vocab.txt`, `${path}/vocab.txt`);
    const model = await openBiovil(path, runtime, { variant });
    const peer = startPeer([
      path,
      variant,
      `${folder}/image.gray`,
      ...[WIDTH, HEIGHT, cpus].map(String),
    ]);
    const { version } = await peer.next();
    const seconds: Record<Part, { ours: number[]; theirs: number[] }> = {
      whole: { ours: [], theirs: [] },
      encoder: { ours: [], theirs: [] },
    };
    let furthest = 0;
    for (let round = 0; round <= ROUNDS; round++) {
      const phrase = `left pleural effusion in lobe ${round}`;
      const began = performance.now();
      const [heatmap] = await model.ground({ width: WIDTH, height: HEIGHT, data }, [phrase]);
      const grounded = performance.now();
      await model.embedImage(SMALL);
      const ours = { whole: grounded - began, encoder: performance.now() - grounded };
      const theirs = await peer.ask(phrase);
      for (const [i, value] of theirs.heatmap.entries()) {
        furthest = Math.max(furthest, Math.abs(value - heatmap!.values[i]!));
      }
      if (round === 0) continue;
      for (const part of PARTS) {
        seconds[part].ours.push(ours[part] / 1000);
        seconds[part].theirs.push(theirs[part]);
      }
    }
    for (const part of PARTS) {
      const [one, other] = [median(seconds[part].ours), median(seconds[part].theirs)];
      const cells = [one.toFixed(3), `${other.toFixed(3)} (${version})`, (other / one).toFixed(2)];
      const name = part === "whole" ? variant : `${variant}, image encoder alone`;
      console.log(`| ${name} | ${cells.join(" | ")} | ${furthest.toExponential(1)} |`);
    }
    await peer.close();
    await model.close();
    await Deno.remove(path, { recursive: true });
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
