import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { decodeImage } from "../../pipeline/decode.ts";
import { floats, readSafetensors } from "../../tests/support/safetensors.ts";
import { furthest } from "../../tests/support/gpu.ts";
import { loadGraph } from "../ldm/load_graph.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { readValues } from "../runtime/read_values.ts";
import type { Tensor } from "../runtime/runtime.ts";
import { HIDDEN, paddingOf } from "../text/padding.ts";
import { loadMedrpg } from "./bundle.ts";
import { openMedrpg } from "./medrpg.ts";
import { paddingCells, placeImage, preprocess, sinePositions } from "./preprocess.ts";
import { RUNTIMES_TO_TRY, testOn } from "../../tests/support/runtimes.ts";

/** Seeded models in the published layout, with results of the original modules. */
const ROOT = new URL("../../../shared/reference/", import.meta.url).pathname;

/** Largest differences to the original modules, for features and for shares of the square. */
const FEATURE = 2e-4;
const SHARE = 2e-5;

for (const name of RUNTIMES_TO_TRY) {
  for (const shape of ["portrait", "landscape"] as const) {
    testOn(name, `MedRPG's features and boxes are the original's, ${shape},`, async () => {
      const folder = `${ROOT}medrpg_${shape}`;
      const { phrases } = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
      const tensors = await readSafetensors(`${folder}/expected.safetensors`);
      const image = await decodeImage(`${folder}/image.png`);
      const runtime = await openRuntime(name);
      const bundle = await loadMedrpg(folder, { features: true });
      const { config: { side, tokens, visual, fusion }, checkpoint } = bundle;
      const [imageSession, phraseSession] = [
        await loadGraph(bundle.imageGraph, checkpoint, runtime, "float32"),
        await loadGraph(bundle.phraseGraph, checkpoint, runtime, "float32"),
      ];
      const run = async (
        session: typeof imageSession,
        feeds: Record<string, Tensor>,
        i: number,
        features: readonly string[],
      ) => {
        const outputs = await session.run(feeds, features);
        const read: Record<string, Float32Array> = {};
        for (const [feature, output] of Object.entries(outputs)) {
          const expected = floats(tensors, `${i}.${FEATURES[feature] ?? feature}`);
          read[feature] = await readValues(runtime.gpu, output.data, expected.length);
          const off = furthest(read[feature], expected);
          assert(off < (feature === "box" ? SHARE : FEATURE), `${i}.${feature}: ${off}`);
          output.release();
        }
        return read;
      };
      const padding = paddingCells(placeImage(image, side), side);
      const hidden = padding.map((isPadding) => isPadding ? HIDDEN : 0);
      const cells = padding.length;
      const seen = await run(
        imageSession,
        {
          image: { data: preprocess(image, side), dims: [1, 3, side, side] },
          position: { data: sinePositions(padding, visual.width), dims: [cells, visual.width] },
          hidden: { data: Float32Array.from(hidden), dims: [1, 1, 1, cells] },
        },
        0,
        ["layer1", "layer4", "input_proj", "detr_layer_0", "detr_memory", "visual"],
      );
      const model = await openMedrpg(bundle, runtime);
      const found = await model.ground(image, phrases.map(({ phrase }: Phrase) => phrase));
      for (const [i, { phrase, input_ids, box }] of (phrases as Phrase[]).entries()) {
        const encoded = bundle.encode(phrase);
        assertEquals(encoded.ids, input_ids);
        const text = paddingOf(encoded);
        await run(
          phraseSession,
          {
            input_ids: { data: BigInt64Array.from(encoded.ids, BigInt), dims: [1, tokens] },
            text_hidden: { data: text, dims: [1, 1, 1, tokens] },
            visual: { data: seen.visual!, dims: [1, cells, fusion.width] },
            hidden: {
              data: Float32Array.from([0, ...text, ...hidden]),
              dims: [1, 1, 1, 1 + tokens + cells],
            },
          },
          i,
          ["bert_last_hidden", "text_proj", "vl_layer_0", "vl_output", "box_logits", "box"],
        );
        const [x0, y0, x1, y1] = box.image_pixels as [number, number, number, number];
        const edges = [x0, y0, x1 - x0, y1 - y0];
        const off = furthest(Float32Array.from(found[i]!.boxes[0]!), Float32Array.from(edges));
        assert(off < 2 * SHARE * Math.max(image.width, image.height), `${edges}: ${off}`);
      }
      for (const session of [imageSession, phraseSession, model]) {
        await ("close" in session ? session.close() : session.release());
      }
      runtime.gpu?.destroy();
    });
  }
}

/** A phrase of a reference, with the original's answer. */
interface Phrase {
  readonly phrase: string;
  readonly input_ids: readonly number[];
  readonly box: { readonly image_pixels: readonly number[] };
}

/** Names of features in the references, where they differ. */
const FEATURES: Readonly<Record<string, string>> = { visual: "visu_proj", box: "pred_box" };
