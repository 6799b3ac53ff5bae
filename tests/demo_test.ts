import "../base/host/deno/mod.ts";
import { assert } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { ground } from "../pipeline/ground.ts";
import { scoreHeatmap } from "../scoring/score_heatmap.ts";
import { readSamples } from "./support/read_samples.ts";

const DEMO = new URL("../models/demo", import.meta.url).pathname;

/** Seed of phantoms that neither training, choice of settings nor the model card uses. */
const SEED = 24;

const PHRASES = 24;

/** mIoU of the bundled model when it was made, as a mean over these phrases. */
const RECORDED_MIOU = 0.2905;

Deno.test("the bundled model grounds 24 phrases as well as when it was made", async () => {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  const model = await openModel(await loadBundle(DEMO), await openRuntime("native"));
  try {
    const { csv } = await writePhantomSet(folder, { seed: SEED, images: 14 });
    const samples = (await readSamples(csv)).slice(0, PHRASES);
    let miou = 0;
    let swapped = 0;
    for await (const result of ground(samples, { model })) {
      if (result.kind === "dropped") throw new Error(result.reason);
      miou += result.scores!.miou / PHRASES;
      // Score the same heatmap on the boxes of the image's other phrase.
      const { sample, heatmap, image } = result;
      const other = samples.find(({ id, image }) => image === sample.image && id !== sample.id);
      swapped += scoreHeatmap(heatmap, image.gray, (other ?? sample).boxes).miou / PHRASES;
    }
    assert(miou >= 0.95 * RECORDED_MIOU, `mIoU ${miou}, was ${RECORDED_MIOU}`);
    assert(swapped < miou, `mIoU ${miou}, and ${swapped} on the boxes of other phrases`);
  } finally {
    await model.close();
    await Deno.remove(folder, { recursive: true });
  }
});
