/**
 * `deno task bench:e2e`: times one image at full size, with one, four and ten phrases. The peers
 * follow the released code's schedule, on the same runtime and in PyTorch. Each contender runs in a
 * process of its own, and they take turns.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";
import "../../base/host/deno/mod.ts";
import { folderFlag } from "../../base/options.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { preprocess } from "../../images/preprocess.ts";
import { groundImage, type LdmModel, loadBundle, openModel, openRuntime } from "../../mod.ts";
import { resolveSettings } from "../../pipeline/settings/settings.ts";
import {
  countFlag,
  gigabytes,
  inFolder,
  median,
  pathOf,
  peakBytes,
  type Peer,
  runBench,
  seconds,
  spreadOfRatios,
  startApart,
  startPeer,
  table,
} from "../harness.ts";
import { writeSeededBundle } from "./seeded_bundle.ts";

const PHRASE = "left pleural effusion";

/** Numbers of phrases of an image in the table; ten are the sentences of a report. */
const COUNTS = [1, 4, 10];

/**
 * Step counts at T = 300 (docs/method.md, step 5): all of the inversion, full passes, steps read.
 */
const AT_300 = { all: 334, last: 179, read: 60 };

/** Seconds of one round of Groundray. */
interface Ours {
  /** A pass of the empty phrase, with its trunk. */
  readonly full: number;
  /** A phrase's pass whose trunk is known; and with its own trunk, as before phrases shared it. */
  readonly phrase: number;
  readonly alone: number;
  /** The trunk of a step, for phrases on a cached trajectory. */
  readonly trunk: number;
}

const xray = drawPhantom({ seed: 1, width: 2544, height: 3056 });

/** Answers of a contender's process, by the line that asks. */
type Answers = Readonly<Record<string, () => Promise<unknown>>>;

/** Groundray's ordinary path from image to heatmaps, and its parts. */
async function ours(model: LdmModel, steps: number): Promise<Answers> {
  const { bundle } = model;
  const { start, end } = resolveSettings(model, { steps });
  const empty = await model.condition(bundle.tokenizer.encode(""));
  const latent = await model.encode(preprocess(xray, bundle.config.imageSize));
  const batch = Array.from({ length: model.batch }, () => latent);
  const timesteps = batch.map((_, step) => 400 + step);
  const each = async (work: () => Promise<unknown>) => await seconds(work) / batch.length;
  return {
    async image() {
      return {
        total: await seconds(() => groundImage(xray, [PHRASE], { model, steps })),
        ...{ full: end - 1, phrase: end - start },
      };
    },
    async round(): Promise<Ours> {
      const full = await seconds(() => model.step(latent, 0, 1, empty));
      const shared = await model.trunk(batch, timesteps);
      const phrase = await each(() => model.attend(batch, timesteps, empty, [1, 4], shared));
      shared.release();
      const alone = await each(() => model.attend(batch, timesteps, empty, [1, 4]));
      const trunk = await each(async () => (await model.trunk(batch, timesteps)).release());
      return { full, phrase, alone, trunk };
    },
  };
}

/** The released schedule on the same runtime: whole U-Net, phrase and empty phrase. */
async function released(model: LdmModel): Promise<Answers> {
  const { bundle } = model;
  const texts = [
    await model.condition(bundle.tokenizer.encode("")),
    await model.condition(bundle.tokenizer.encode(PHRASE)),
  ];
  const latent = await model.encode(preprocess(xray, bundle.config.imageSize));
  let timestep = 0;
  return {
    async round() {
      const time = await seconds(async () => {
        for (const text of texts) await model.predict(latent, timestep, text);
      });
      timestep += 3;
      return time;
    },
  };
}

/** Runs one contender, which answers each line of its input. */
async function answer([name, path, steps]: string[]): Promise<void> {
  const runtime = await openRuntime("native");
  const layers = name === "released" ? { layers: "all" } as const : {};
  const model = await openModel(await loadBundle(path!), runtime, layers);
  const answers: Answers = {
    ...await (name === "released" ? released(model) : ours(model, Number(steps))),
    peak: () => Promise.resolve(peakBytes()),
  };
  console.log(JSON.stringify({ version: model.runtime.version }));
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()) as ReadableStream<string>;
  for await (const line of lines) console.log(JSON.stringify(await answers[line]!()));
  await model.close();
}

/** Starts the released schedule in PyTorch; `undefined`, with the reason, where that fails. */
async function startPyTorch(monai: string | undefined): Promise<Peer | undefined> {
  const script = pathOf("e2e_peer.py", import.meta.url);
  try {
    return await startPeer(script, monai ? [monai] : []);
  } catch (error) {
    console.error(`Without PyTorch: ${(error as Error).message}.`);
    return undefined;
  }
}

/** Times all contenders in turn, and returns the table of one image at T = 300. */
async function compare(own: Peer, peers: readonly Peer[], rounds: number): Promise<string[]> {
  const all = [own, ...peers];
  const answers: unknown[][] = all.map(() => []);
  // Before the counted rounds one round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [i, peer] of all.entries()) {
      const time = await peer.ask("round");
      if (round > 0) answers[i]!.push(time);
    }
  }
  const [mine, ...theirs] = answers as [Ours[], ...number[][]];
  const middle = (key: keyof Ours) => median(mine.map((round) => round[key]));
  const image = await own.ask<{ total: number; full: number; phrase: number }>("image");
  const rest = Math.max(
    0,
    image.total - image.full * middle("full") - image.phrase * middle("phrase"),
  );
  const totals = (count: number, kind: "phrase" | "alone") =>
    mine.map((round) => rest + AT_300.last * round.full + count * AT_300.read * round[kind]);
  const row = async (name: string, peer: Peer, cell: (count: number) => string) => {
    return [name, ...COUNTS.map(cell), `${gigabytes(await peer.ask<number>("peak"))} GB`];
  };
  return [
    `A full pass ${middle("full").toFixed(3)} s, a phrase's pass ` +
    `${middle("phrase").toFixed(3)} s, with its own trunk ${middle("alone").toFixed(3)} s; all ` +
    `else ${rest.toFixed(2)} s; a phrase on a cached trajectory ` +
    `${
      (AT_300.read * (middle("phrase") + middle("trunk"))).toFixed(1)
    } s. Medians of ${rounds} rounds in turn, ratios with their range. At T = 300, from the passes:`,
    "",
    ...table(
      ["", ...COUNTS.map((count) => `${count} phrase${count > 1 ? "s" : ""}`), "peak"],
      await Promise.all([
        row(
          `Groundray, ${own.version}`,
          own,
          (count) => `${median(totals(count, "phrase")).toFixed(0)} s`,
        ),
        row(
          "a trunk for each phrase",
          own,
          (count) => `${spreadOfRatios(totals(count, "alone"), totals(count, "phrase"), 3)} x`,
        ),
        ...peers.map((peer, i) =>
          row(`the released schedule, ${peer.version}`, peer, (count) => {
            const total = theirs[i]!.map((step) => count * AT_300.all * step);
            return `${spreadOfRatios(total, totals(count, "phrase"))} x`;
          })
        ),
      ]),
    ),
  ];
}

if (["ours", "released"].includes(Deno.args[0]!)) await answer(Deno.args);
else {
  await runBench({
    task: "bench:e2e",
    description: "Times the heatmaps of one, four and ten phrases of an image at full size with " +
      "seeded weights, against the released code's schedule on the same runtime and in PyTorch " +
      "(the first python3 of the path, if it has MONAI Generative). All take turns.",
    flags: {
      steps: {
        ...countFlag("Number of inversion steps of the one image that is run whole.", 20, 10),
        ...{ max: 100, placeholder: "T" },
      },
      rounds: countFlag("Rounds.", 5),
      model: folderFlag("Another model, which is measured without PyTorch."),
      monai: folderFlag("Checkout of MONAI GenerativeModels, where it is not installed."),
    },
  }, ({ steps, rounds, model, monai }) =>
    inFolder(async (folder) => {
      if (!model) await writeSeededBundle(folder);
      const self = import.meta.filename!;
      const own = await startApart(self, ["ours", model ?? folder, String(steps)]);
      const peers = [
        await startApart(self, ["released", model ?? folder]),
        model ? undefined : await startPyTorch(monai),
      ].filter((peer) => peer !== undefined);
      const lines = await compare(own, peers, rounds);
      for (const peer of [own, ...peers]) await peer.close();
      return lines;
    }));
}
