/**
 * Scores a model on new phantoms, beside guesses that do not depend on the image. Also tests
 * whether the model's heatmaps depend on the phrase. Run by `deno task train:report --data DATA`.
 *
 * @module
 */

import "../../../base/host/deno/mod.ts";
import { folderFlag } from "../../../base/options.ts";
import { EXIT, runMain } from "../../../cli/kit/exit.ts";
import { command, helpText, parseFlags } from "../../../cli/kit/flags.ts";
import { parseSetting } from "../../../methods/ldm/parsers.ts";
import { area, type Box, intersect } from "../../../base/geometry.ts";
import { writePhantomSet } from "../../../datasets/phantom/phantom_set.ts";
import type { Sample } from "../../../datasets/sample.ts";
import { ground } from "../../../pipeline/ground.ts";
import { tableTwoVariants, type VariantSettings } from "../../../pipeline/settings/variants.ts";
import { ScoreSummary, SummaryByVariant } from "../../../reports/tables/summary.ts";
import { formatTable } from "../../../reports/tables/table.ts";
import { scoreHeatmap } from "../../../scoring/score_heatmap.ts";
import { loadBundle } from "../../ldm/bundle.ts";
import { defaultLayers, openModel } from "../../ldm/model.ts";
import { openRuntime } from "../../runtime/open_runtime.ts";
import { DEMO } from "../../../methods/ldm/ldm.ts";
import { readSamples } from "../../../tests/support/read_samples.ts";
import { type Guess, readGuesses } from "./_guesses.ts";
import { makeTable } from "../../../reports/tables/result_table.ts";

const COMMAND = command({
  usage: "deno task train:report --data DIR [options]",
  description:
    "Scores a model on phantoms of a seed, beside the whole image, a centre box and the mean of " +
    "the training set's boxes, of all classes and of the phrase's own.",
  flags: {
    data: { ...folderFlag("The training set that draw_set.ts wrote."), required: true },
    model: { ...folderFlag("Folder of the model."), default: DEMO },
    images: {
      type: "integer",
      min: 2,
      default: 150,
      placeholder: "N",
      description: "Phantoms, of one to two phrases each.",
    },
    seed: { type: "integer", min: 0, default: 1, placeholder: "N", description: "Their seed." },
    setting: {
      type: "list",
      placeholder: "NAME:LAYERS:STEPS:OTSU",
      description: "Score this setting too; as in deno task eval.",
    },
  },
});

/** Name of the model's own settings in the tables. */
const OWN = "the model's own settings";

/**
 * Number of heatmaps of two phrases in different places, and of heatmaps with more contrast in
 * their own boxes.
 */
interface Listening {
  pairs: number;
  own: number;
}

async function main(args: string[]): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const { data, images, seed } = values;
  const guesses = await readGuesses(data);
  const bundle = await loadBundle(values.model);
  const layers = defaultLayers(bundle);
  // The last variant of Table II is the model's own settings.
  const tableTwo = tableTwoVariants(bundle, layers);
  const own: VariantSettings = { ...tableTwo.pop()!, name: OWN };
  const variants = [
    own,
    ...values.setting.map(parseSetting),
    ...tableTwo,
    {
      name: "the paper's layers and steps, Otsu",
      layers: [3, 4, 6, 7],
      select: { kind: "share", start: 0.4, end: 0.6 },
      otsu: true,
    } as const,
  ];
  const model = await openModel(bundle, await openRuntime("auto", "cpu"), {
    layers: "all",
    separate: true,
  });
  const folder = await Deno.makeTempDir({ prefix: "groundray-report-" });
  try {
    const { csv } = await writePhantomSet(folder, { seed, images });
    const samples = await readSamples(csv);
    console.log(`${samples.length} phrases on ${images} phantoms of seed ${seed}\n`);

    for (const guess of guesses) {
      console.log(
        `${guess.name}\n${formatTable(makeTable({ "": scoreGuess(guess, samples).toJSON() }))}\n`,
      );
    }

    const ablation = new SummaryByVariant(variants.map(({ name }) => name));
    const listening = new Map(variants.map(({ name }) => [name, { pairs: 0, own: 0 }]));
    const began = performance.now();
    for await (const result of ground(samples, { model, variants })) {
      if (result.kind === "dropped") throw new Error(`${result.sample.id}: ${result.reason}`);
      const { sample, scores, heatmap, image, variant } = result;
      const setting = variant!.name;
      ablation.add({ ...scored(sample), ...scores!, setting });
      listen(sample, heatmap, image.gray, samples, listening.get(setting)!);
    }
    const seconds = (performance.now() - began) / 1000;
    const summaries = ablation.toJSON();
    console.log(`${OWN}\n${formatTable(makeTable({ "": summaries[OWN]! }))}\n`);

    const swapped = new ScoreSummary();
    const strangers = samples.map((sample, i) => ({ ...sample, phrase: strange(samples, i) }));
    const only = { model, variants: [own] };
    for await (const result of ground(strangers, only)) {
      if (result.kind === "dropped") throw new Error(`${result.sample.id}: ${result.reason}`);
      swapped.add({ ...scored(result.sample), ...result.scores! });
    }
    console.log(
      `phrases swapped between images\n${formatTable(makeTable({ "": swapped.toJSON() }))}\n`,
    );
    const [right, wrong] = [summaries[OWN]!.average!.miou, swapped.toJSON().average!.miou];
    console.log(`swapped phrases lose ${percent(1 - wrong / right)} of mIoU\n`);
    console.log("Heatmaps of two phrases in different places with more contrast in their own box:");
    for (const [name, { own, pairs }] of listening) {
      console.log(`${percent(own / pairs).padStart(7)} (${own} of ${pairs})  ${name}`);
    }
    console.log(`\n${formatTable(makeTable(summaries))}`);
    console.log(`\n${(seconds / samples.length).toFixed(2)} s a phrase with every setting`);
    return EXIT.ok;
  } finally {
    await model.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Returns the sample's fields of a scored result. */
function scored({ id, category, boxes }: Sample) {
  return { id, ...(category && { category }), boxes, threshold: null, status: "scored" as const };
}

function scoreGuess(guess: Guess, samples: readonly Sample[]): ScoreSummary {
  const summary = new ScoreSummary();
  for (const sample of samples) {
    const scores = scoreHeatmap(guess.map(sample.category!), sample.imageSize!, sample.boxes);
    summary.add({ ...scored(sample), ...scores });
  }
  return summary;
}

/**
 * Compares a heatmap's contrast in its own boxes and in the boxes of the image's other phrase.
 * Skips phrases with overlapping boxes.
 */
function listen(
  sample: Sample,
  heatmap: Float32Array,
  image: { width: number; height: number },
  samples: readonly Sample[],
  listening: Listening,
): void {
  const other = samples.find(({ image, id }) => image === sample.image && id !== sample.id);
  if (!other || sample.boxes.some((a) => other.boxes.some((b) => area(intersect(a, b)) > 0))) {
    return;
  }
  const contrast = (boxes: readonly Box[]) => scoreHeatmap(heatmap, image, boxes).cnr;
  listening.pairs++;
  if (contrast(sample.boxes) > contrast(other.boxes)) listening.own++;
}

/** Returns the phrase of another image, at least three samples later. */
function strange(samples: readonly Sample[], index: number): string {
  const image = samples[index]!.image;
  for (let step = 3;; step++) {
    const other = samples[(index + step) % samples.length]!;
    if (other.image !== image) return other.phrase;
  }
}

if (import.meta.main) await runMain(main);
