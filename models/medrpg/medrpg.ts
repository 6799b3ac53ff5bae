import type { GrayImage } from "../../base/geometry.ts";
import type { BoxModel, FoundBoxes } from "../box_model.ts";
import { loadGraphs } from "../ldm/load_graph.ts";
import { takeOutput } from "../runtime/read_values.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { HIDDEN, paddingOf } from "../text/padding.ts";
import { phraseNotes } from "../tokenizer.ts";
import type { MedrpgBundle } from "./bundle.ts";
import { cellsOf } from "./networks.ts";
import {
  paddingCells,
  placeImage,
  preprocess,
  preprocessAsPaper,
  sinePositions,
  toImageBox,
} from "./preprocess.ts";

/** MedRPG, ready to ground phrases. */
export interface Medrpg extends BoxModel {
  close(): Promise<void>;
  /**
   * Encodes an image. The model keeps the encoding of the latest image.
   *
   * @returns Tokens of the image's cells for the fusion, `[cells², width]`.
   */
  encodeImage(image: GrayImage): Promise<Float32Array>;
  /**
   * Answers a phrase.
   *
   * @returns Centre, width and height of the box as shares of the padded square, `[4]`.
   */
  answer(image: GrayImage, phrase: string): Promise<Float32Array>;
}

/**
 * Loads MedRPG into a runtime.
 *
 * @param runtime Runtime for the model; closing the model leaves its GPU open.
 * @param input Way in which the model sees an image. `released` is the way of the released code, which
 * trained the model. `paper` repeats three deviations of the public loader of Vilouras et al.
 *
 * @example Usage
 * ```ts ignore
 * import { openRuntime } from "../runtime/open_runtime.ts";
 * import { loadMedrpg } from "./bundle.ts";
 * import { openMedrpg } from "./medrpg.ts";
 *
 * const medrpg = await openMedrpg(await loadMedrpg("medrpg"), await openRuntime("native"));
 * const image = { width: 640, height: 512, data: new Uint8Array(640 * 512) };
 * const [found] = await medrpg.ground(image, ["left pleural effusion"]);
 * console.log(found!.boxes[0]); // [x, y, width, height]
 * await medrpg.close();
 * ```
 */
export async function openMedrpg(
  { config, checkpoint, imageGraph, phraseGraph, encode }: MedrpgBundle,
  runtime: Runtime,
  input: "released" | "paper" = "released",
): Promise<Medrpg> {
  const { side, tokens, visual, fusion } = config;
  const cells = cellsOf(config) ** 2;
  const [imageSession, phraseSession] = await loadGraphs(
    [{ graph: imageGraph, checkpoint }, { graph: phraseGraph, checkpoint }],
    runtime,
    "float32",
  );
  const look = async (image: GrayImage) => {
    const padding = paddingCells(placeImage(image, side), side);
    const hidden = Float32Array.from(padding, (isPadding) => isPadding ? HIDDEN : 0);
    const pixels = input === "paper" ? preprocessAsPaper(image, side) : preprocess(image, side);
    const feeds = {
      image: { data: pixels, dims: [1, 3, side, side] },
      position: { data: sinePositions(padding, visual.width), dims: [cells, visual.width] },
      hidden: { data: hidden, dims: [1, 1, 1, cells] },
    };
    const output = await imageSession.run(feeds, ["visual"]);
    return { hidden, seen: await takeOutput(runtime.gpu, output.visual!) };
  };
  let latest: { readonly image: GrayImage; readonly looked: ReturnType<typeof look> } | undefined;
  const lookOnce = async (image: GrayImage) => {
    if (latest?.image.data !== image.data) {
      const looked = look(image);
      latest = { image, looked };
      looked.catch(() => latest = undefined);
    }
    return await latest!.looked;
  };
  const answer = async (image: GrayImage, phrase: string) => {
    const encoded = encode(phrase);
    const { hidden, seen } = await lookOnce(image);
    const text = paddingOf(encoded);
    const all = new Float32Array(1 + tokens + cells);
    all.set(text, 1);
    all.set(hidden, 1 + tokens);
    const feeds = {
      input_ids: { data: BigInt64Array.from(encoded.ids, BigInt), dims: [1, tokens] },
      text_hidden: { data: text, dims: [1, 1, 1, tokens] },
      visual: { data: seen, dims: [1, cells, fusion.width] },
      hidden: { data: all, dims: [1, 1, 1, all.length] },
    };
    const { box } = await phraseSession.run(feeds, ["box"]);
    return await takeOutput(runtime.gpu, box!);
  };
  return {
    answer,
    encodeImage: async (image) => (await lookOnce(image)).seen,
    async ground(image, phrases, { signal } = {}) {
      // An unreadable phrase fails before the long run on the image.
      for (const phrase of phrases) encode(phrase);
      const placement = placeImage(image, side);
      const found: FoundBoxes[] = [];
      for (const phrase of phrases) {
        signal?.throwIfAborted();
        const shares = [...await answer(image, phrase)] as [number, number, number, number];
        const box = toImageBox(shares, placement, side, image);
        const isInside = box[2] > 0 && box[3] > 0;
        found.push({
          boxes: [box],
          ...(!isInside && { notes: ["the box lies outside the image, which counts as no box"] }),
        });
      }
      return found;
    },
    notes: (phrase) => phraseNotes(encode(phrase)),
    async close() {
      await imageSession.release();
      await phraseSession.release();
    },
  };
}
