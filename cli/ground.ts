/**
 * `deno task ground`: shows where phrases apply in one image.
 *
 * @module
 */

import { ATTENTION_RANGES, decodeImage, encodeNpy, type GrayImage, toPng } from "../mod.ts";
import { BASELINES } from "../models/open_method.ts";
import { CACHE_FLAGS, chosenFolder, METHOD_FLAGS, MODEL_FLAGS, modelPaths } from "./kit/common.ts";
import { runCommand } from "./kit/confine.ts";
import { refuseEarlierResult, removeEarlierResult } from "./kit/earlier_result.ts";
import { EXIT } from "./kit/exit.ts";
import { makeFolder, makeOwnFolder, OUT, requireApart } from "./kit/files.ts";
import { command, givenFlags, UsageError, type ValuesOf } from "./kit/flags.ts";
import { type Grounder, openBaseline, openLdm, type ShownPhrase } from "./_grounder.ts";
import { findImages, imageReach } from "./kit/images.ts";
import { requireOwnOptions } from "./_method_options.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { nameOf, stat } from "../base/paths.ts";
import { mapStream } from "../base/stream.ts";
import { namedPhantom } from "../datasets/phantom/named_phantom.ts";
import { isOfClass } from "../pipeline/settings/token_range.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";
import { renderCaptionedOverlay } from "../reports/figures/captioned_overlay.ts";
import { type Backdrop, backdropOf } from "../reports/figures/overlay.ts";
import { type FoundHeatmap, resultJson } from "../reports/result_json.ts";
import { writeWhole } from "../base/write_whole.ts";

const COMMAND = command({
  usage: "deno task ground --image FILE [--image FILE …] --phrase TEXT [--phrase TEXT …] [options]",
  description:
    "Grounds phrases in chest X-rays. For each it writes heatmap.npy, overlay.png and result.json: " +
    "into the output folder itself if there is one image and one phrase, into a numbered folder for " +
    "each image if there are several of them, and therein for each phrase.",
  flags: {
    image: {
      type: "list",
      placeholder: "FILE",
      required: true,
      description:
        "The X-ray: a PNG, JPEG or DICOM file, a folder of them, or a pattern such as 'xrays/*.dcm'; phantom or phantom:SEED draws one. May be given several times.",
    },
    phrase: {
      type: "list",
      placeholder: "TEXT",
      required: true,
      description: "A phrase of the report; may be given several times.",
    },
    method: {
      type: "string",
      choices: ["ldm", ...BASELINES],
      default: "ldm",
      placeholder: "NAME",
      description:
        "What grounds; biovil and biovil-t need --model with the folder of their published files.",
    },
    ...MODEL_FLAGS,
    ...METHOD_FLAGS,
    ...CACHE_FLAGS,
    attention: {
      type: "string",
      choices: ATTENTION_RANGES,
      placeholder: "STEPS",
      description:
        "Write attention.svg and attention.png too: each cross-attention layer's attention by step, at all steps or at the selected ones. With all the U-Net runs at every step, for the image and again for each phrase.",
      defaultText: "neither",
    },
    "attention-columns": {
      type: "integer",
      min: 1,
      max: 50,
      placeholder: "N",
      description: "Columns of --attention: groups of neighbouring steps.",
      defaultText: "10",
    },
    ...PROGRESS_FLAGS,
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder to write to.",
      defaultText: "out/ground-<time>",
    },
    overwrite: {
      type: "boolean",
      description: "Remove the results that are in --out first; other files there stay.",
    },
  },
});

/** A folder name for one of several phrases or images, such as `2-left-pleural-effusion`. */
function folderName(text: string, index: number): string {
  const words = text.normalize("NFKD").toLowerCase().match(/[a-z0-9]+/g)?.join("-") ?? "";
  return [index + 1, words.slice(0, 40).replace(/-$/, "")].filter((part) => part !== "").join("-");
}

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { phrase: phrases, cache } = values;
  const empty = phrases.findIndex((phrase) => phrase.trim() === "");
  if (empty >= 0) throw new UsageError(`Phrase ${empty + 1} is empty`);
  requireApart(values);
  requireOwnOptions([values.method], givenFlags(Deno.args, COMMAND.flags));
  if (isOfClass(values.tokens)) {
    throw new UsageError(
      `Option "--tokens ${values.tokens}" needs samples with a class, as deno task eval has them`,
    );
  }
  if (values["attention-columns"] !== undefined && !values.attention) {
    throw new UsageError('Option "--attention-columns" needs "--attention"');
  }
  if (values.overwrite && values.out === undefined) {
    throw new UsageError('Option "--overwrite" needs "--out"');
  }
  const { method, model } = values;
  if (method !== "ldm" && model === undefined) {
    throw new UsageError(
      `Option "--method ${method}" needs "--model DIR", the folder of its published files`,
    );
  }
  const progress = new Progress(values.progress);
  progress.hold();
  const say = (notice: string) => progress.say(notice);
  const images = await findImages(values.image, say);
  const isOne = images.length === 1;
  if (values.out !== undefined && !values.overwrite) await refuseEarlierResult(values.out);
  // Decode a single image now: its errors must show before the model takes seconds to load.
  const only = isOne ? await openImage(images[0]!, say) : undefined;
  if (cache) await TrajectoryCache.open(cache);
  const grounder = await openGrounder(values, progress);
  try {
    // Create the folder before the model runs for minutes, since results may not be writable.
    const out = values.out ?? await makeOwnFolder("ground");
    await makeFolder(out);
    if (values.overwrite) await removeEarlierResult(out);
    progress.release();
    const total = images.length * phrases.length;
    progress.begin(total);
    const onNotice = (notice: string) => progress.warn(notice);
    let [written, failed] = [0, 0];
    for (const [number, image] of images.entries()) {
      let gray = only;
      try {
        gray ??= await openImage(image, say);
      } catch (error) {
        // A faulty image must not stop the others.
        onNotice(`error: ${(error as Error).message}`);
        failed += phrases.length;
        progress.update((number + 1) * phrases.length, failed);
        continue;
      }
      const onProgress = (done: number) => progress.update(number * phrases.length + done);
      const results = grounder.ground(gray, phrases, { signal, onProgress, onNotice });
      const stem = nameOf(image).replace(/\.[^.]*$/, "");
      const folder = isOne ? out : `${out}/${folderName(stem, number)}`;
      const folderOf = (phrase: string, index: number) =>
        phrases.length === 1 ? folder : `${folder}/${folderName(phrase, index)}`;
      const source = { image, backdrop: backdropOf(gray), ...grounder };
      try {
        for await (const { sentence, folder, notes } of writeResults(folderOf, results, source)) {
          progress.clear();
          console.log(`${isOne ? "" : `${image}: `}${sentence}; ${folder}`);
          for (const note of notes) console.log(`  note: ${note}`);
          written++;
        }
      } catch (error) {
        progress.clear();
        if (written > 0 || signal.aborted) {
          onNotice(`${written} of ${total} heatmaps are done; they are in ${out}`);
        }
        throw error;
      }
    }
    progress.finish(total);
    return failed > 0 ? EXIT.failures : EXIT.ok;
  } finally {
    await grounder.close();
  }
}

/** Decodes an image. `phantom` and `phantom:SEED` stand for a drawn X-ray, unless files have these names. */
async function openImage(path: string, say: (notice: string) => void): Promise<GrayImage> {
  const phantom = await stat(path) ? undefined : namedPhantom(path);
  if (!phantom) return await decodeImage(path);
  const phrases = phantom.findings.map(({ phrase }) => `"${phrase}"`);
  say(`The X-ray "${path}" is drawn, with the findings ${phrases.join(", ")}.`);
  return phantom;
}

async function openGrounder(values: Values, progress: Progress): Promise<Grounder> {
  const { method } = values;
  return method === "ldm"
    ? await openLdm(values, progress)
    : await openBaseline(method, chosenFolder(values), values, progress);
}

/** Path and picture of an image, with the record and the notes of the model. */
interface Source extends Pick<Grounder, "record" | "notes"> {
  readonly image: string;
  readonly backdrop: Backdrop;
}

/** Writes the results of one image as they arrive; yields a sentence, folder and notes for each. */
function writeResults(
  folderOf: (phrase: string, index: number) => string,
  results: AsyncIterable<ShownPhrase>,
  source: Source,
): AsyncIterable<{ sentence: string; folder: string; notes: readonly string[] }> {
  let index = 0;
  const write = async (result: ShownPhrase) => {
    const { originalBox, sample: { phrase, notes = [] }, constant } = result;
    const folder = folderOf(phrase, index++);
    await writeResult(folder, result, source);
    const where = constant
      ? "nothing found: the heatmap is the same everywhere"
      : originalBox
      ? `mask within [${originalBox}]`
      : "whole heatmap";
    return { sentence: `${phrase}: ${where}`, folder, notes };
  };
  // The files of a phrase are written while the model runs on the next phrase.
  return mapStream(results, write, { concurrency: 2 });
}

async function writeResult(folder: string, result: ShownPhrase, source: Source): Promise<void> {
  const { image, heatmap, size, threshold, originalBox, sample, drawSheet } = result;
  await makeFolder(folder);
  await writeWhole(`${folder}/heatmap.npy`, encodeNpy(heatmap, [size, size]));
  const notes = [...sample.notes ?? [], ...source.notes];
  const caption = {
    phrase: sample.phrase,
    // Leave out the folders: their names may be names of patients.
    image: nameOf(source.image),
    threshold,
    isOtsu: threshold !== undefined,
    notes,
  };
  const shown = { gray: image.gray, heatmap, size, crop: image.crop, caption };
  await writeWhole(`${folder}/overlay.png`, await renderCaptionedOverlay(shown, source.backdrop));
  if (drawSheet) {
    const sheet = await drawSheet();
    await writeWhole(`${folder}/attention.svg`, sheet);
    await writeWhole(`${folder}/attention.png`, await toPng(sheet));
  }
  const found: FoundHeatmap = {
    image: source.image,
    phrase: sample.phrase,
    size: image.gray,
    grayLevels: image.gray.grayLevels,
    threshold,
    box: originalBox,
    crop: image.crop,
    heatmapSize: size,
    notes,
  };
  const json = resultJson(found, source.record);
  await writeWhole(`${folder}/result.json`, JSON.stringify(json, null, 2) + "\n");
}

await runCommand(COMMAND, main, async (values) => ({
  read: [...modelPaths(values), ...await imageReach(values.image)],
  write: [values.out ?? OUT, values.cache],
}));
