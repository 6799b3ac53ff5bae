import { isInputError } from "../base/errors.ts";
import type { GrayImage } from "../base/geometry.ts";
import { nameOf, stat, stemOf } from "../base/paths.ts";
import { mapStream } from "../base/stream.ts";
import { makeFolder, writeWhole } from "../base/write_whole.ts";
import { namedPhantom } from "../datasets/phantom/named_phantom.ts";
import { CLASSES } from "../datasets/sample.ts";
import type { MethodSource } from "../methods/choose_methods.ts";
import type { ChosenMethod, MethodRow } from "../methods/method_row.ts";
import { importMethod } from "../methods/outside_method.ts";
import { GROUND_METHOD_FLAGS, IMAGE_METHODS, SEED } from "../methods/registry.ts";
import { attentionGrids } from "../pipeline/attention_grid.ts";
import { decodeImage, type ImageRequest } from "../pipeline/decode.ts";
import { type Flow, item } from "../pipeline/flow.ts";
import { droppedSentence } from "../pipeline/ground.ts";
import type { BoxedPhrase, GroundedPhrase } from "../pipeline/method.ts";
import type { ScoredPhrase } from "../pipeline/metrics.ts";
import { drawAttention } from "../reports/figures/attention_sheet.ts";
import {
  type CaptionedOverlay,
  renderCaptionedOverlay,
} from "../reports/figures/captioned_overlay.ts";
import { type Backdrop, backdropOf, withoutHeat } from "../reports/figures/overlay.ts";
import { encodeNpy } from "../reports/exports/npy.ts";
import { toPng } from "../reports/figures/png.ts";
import { boxTexts } from "../reports/box_text.ts";
import { boxesJson, resultJson, type ResultRecord } from "../reports/result_json.ts";
import { type Answered, answerOf, writeAnswers } from "./grounding/conclude.ts";
import { readQuestions } from "./grounding/questions.ts";
import { BACKEND_FLAGS, requireBackend } from "./kit/backend.ts";
import { callOfProcess } from "./groundray/call.ts";
import { runCommand } from "./kit/confine.ts";
import { refuseEarlierResult, removeEarlierResult } from "./kit/earlier_result.ts";
import { EXIT } from "./kit/exit.ts";
import { makeOwnFolder, OUT, requireApart } from "./kit/files.ts";
import { CLASS_FLAGS } from "./kit/score_flags.ts";
import { command, givenFlags, UsageError, type ValuesOf } from "./kit/flags.ts";
import { findImages, imageReach } from "./kit/images.ts";
import {
  methodContext,
  methodPaths,
  methodSources,
  MODEL_FLAG,
  moduleReach,
} from "./kit/method_sources.ts";
import { MODELS_FLAGS } from "./kit/models.ts";
import { announceTime, Progress, PROGRESS_FLAGS } from "./kit/progress.ts";

const COMMAND = command({
  usage:
    "deno task ground --image FILE … --phrase TEXT … | --classes LIST | --report FILE [options]",
  description:
    "Grounds phrases in chest X-rays. Writes heatmap.npy, overlay.png and result.json for each " +
    "phrase of each image. A method that gives boxes writes no heatmap.npy. With one image and one phrase the files lie in the output folder itself. " +
    "Several images have a numbered folder each, and so have several phrases of an image. " +
    "Classes and reports have a file of all answers besides: detections.json with detections.csv and overview.png, or report.json with report.html.",
  flags: {
    image: {
      type: "list",
      placeholder: "FILE",
      required: true,
      description:
        "X-ray: a PNG, JPEG or DICOM file, a folder of such files, or a pattern such as 'xrays/*.dcm'. phantom or phantom:SEED draws one. The option may be repeated.",
    },
    phrase: {
      type: "list",
      placeholder: "TEXT",
      description: "Phrase of the report. The option may be repeated.",
    },
    ...CLASS_FLAGS,
    classes: {
      ...CLASS_FLAGS.classes,
      description: `${CLASS_FLAGS.classes.description} all stands for ${CLASSES.join(", ")}.`,
    },
    report: {
      type: "string",
      placeholder: "FILE",
      description: "Text file of a report in English: grounds each of its sentences.",
    },
    method: {
      type: "string",
      default: SEED,
      placeholder: "NAME",
      description:
        `Method: one of ${
          IMAGE_METHODS.join(", ")
        }, or the path of a module with a method of your own. ` +
        "biovil, biovil-t, medrpg and omnifm-dr need --model with their published files.",
    },
    model: MODEL_FLAG,
    ...MODELS_FLAGS,
    ...BACKEND_FLAGS,
    ...GROUND_METHOD_FLAGS,
    ...PROGRESS_FLAGS,
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder to write to.",
      defaultText: "out/ground-<time>",
    },
    overwrite: {
      type: "boolean",
      description: "Remove the results in --out first; other files there stay.",
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
  requireBackend(values);
  const questions = await readQuestions(values);
  const { kind, list } = questions;
  const phrases = list.map(({ phrase }) => phrase);
  const [name, { row, source }] = await methodOf(values, importMethod);
  requireApart(values.out, row.paths?.(values).write ?? []);
  if (values.overwrite && values.out === undefined) {
    throw new UsageError('Option "--overwrite" needs "--out"');
  }
  const progress = new Progress(values.progress);
  progress.hold();
  const say = (notice: string) => progress.say(notice);
  const images = await findImages(values.image, say);
  const isOne = images.length === 1;
  if (values.out !== undefined && !values.overwrite) await refuseEarlierResult(values.out);
  // Decode a single image now: its errors must show before the model takes seconds to load.
  const only = isOne ? await openImage(images[0]!, say) : undefined;
  const context = methodContext(values, progress, false);
  const chosen = await row.choose(source, values, context);
  const record = resultRecord(name, chosen, await context.versions());
  const method = await chosen.open(() => Promise.reject(new Error("there is no dataset")));
  try {
    // Create the folder before the model runs for minutes, since results may not be writable.
    const out = values.out ?? await makeOwnFolder("ground");
    await makeFolder(out);
    if (values.overwrite) await removeEarlierResult(out);
    progress.release();
    const total = images.length * phrases.length;
    await announceTime(progress, method, images.length, total);
    progress.begin(total);
    const onNotice = (notice: string) => progress.warn(notice);
    let [written, failed] = [0, 0];
    for (const [number, image] of images.entries()) {
      let gray = only;
      try {
        gray ??= await openImage(image, say);
      } catch (error) {
        if (!isInputError(error)) throw error;
        // A faulty image must not stop the others.
        onNotice(`error: ${error.message}`);
        failed += phrases.length;
        progress.update((number + 1) * phrases.length, failed);
        continue;
      }
      const onProgress = (done: number) => progress.update(number * phrases.length + done, failed);
      const flows = method.ground(oneImage(gray, phrases), { signal, onProgress, onNotice });
      const answers = new Map<number, Answered>();
      const results = shownPhrases(flows, chosen, phrases, (sentence, index) => {
        if (total === 1) throw new Error(sentence);
        onNotice(`error: ${isOne ? "" : `${image}: `}${sentence}`);
        answers.set(index, { ...list[index]!, error: sentence });
        failed++;
      });
      const stem = stemOf(nameOf(image));
      const folder = isOne ? out : `${out}/${folderName(stem, number)}`;
      const nameOfPhrase = (index: number) => {
        const { phrase, label = phrase } = list[index]!;
        return phrases.length === 1 ? "" : folderName(label, index);
      };
      const folderOf = (index: number) => [folder, nameOfPhrase(index)].filter(Boolean).join("/");
      const backdrop = backdropOf(gray);
      const shown = { image, gray, backdrop, record, notes: chosen.notes ?? [] };
      const print = (sentence: string) => {
        progress.clear();
        console.log(`${isOne ? "" : `${image}: `}${sentence}`);
      };
      try {
        for await (const found of writeResults(folderOf, results, shown)) {
          const { result, json, sentence, folder } = found;
          written++;
          if (kind !== "phrases") {
            const index = Number(result.sample.id);
            const answer = await answerOf(kind, result, gray, json);
            answers.set(index, { ...list[index]!, folder: nameOfPhrase(index), ...answer });
            continue;
          }
          print(`${sentence}; ${folder}`);
          for (const note of result.sample.notes ?? []) console.log(`  note: ${note}`);
        }
        if (kind !== "phrases") {
          const all = [...answers].sort(([one], [other]) => one - other).map(([, own]) => own);
          const sorted = await writeAnswers(folder, questions, all, shown);
          for (const answer of sorted) print(answerText(answer));
          print(`All answers: ${folder}/${kind === "classes" ? "detections.json" : "report.html"}`);
        }
      } catch (error) {
        progress.clear();
        if (written > 0 || signal.aborted) {
          onNotice(`${written} of ${total} ${row.gives} are done; they are in ${out}`);
        }
        throw error;
      }
    }
    progress.finish(total);
    return failed > 0 ? EXIT.failures : EXIT.ok;
  } finally {
    await method.close();
  }
}

/** An answer about a class or a sentence in words. */
function answerText({ label, phrase, sentence, detected, error }: Answered): string {
  if (!detected) return `${label ?? phrase}: failed: ${error}`;
  const denial = sentence?.negated ? " (says that nothing is there)" : "";
  const { existence, boxes, confidence } = detected;
  const [first = "no box"] = boxTexts(boxes, confidence);
  const more = boxes.length > 1 ? ` and ${boxes.length - 1} more` : "";
  return `${label ?? phrase}${denial}: existence ${existence.mean.toFixed(3)}, ${first}${more}`;
}

/**
 * Decodes an image. `phantom` and `phantom:SEED` stand for a drawn X-ray, unless there is a file of
 * this name.
 */
async function openImage(path: string, say: (notice: string) => void): Promise<GrayImage> {
  const phantom = await stat(path) ? undefined : namedPhantom(path);
  if (!phantom) return await decodeImage(path);
  const phrases = phantom.findings.map(({ phrase }) => `"${phrase}"`);
  say(`The X-ray "${path}" is drawn, with the findings ${phrases.join(", ")}.`);
  return phantom;
}

/** The method of the options, with its files. */
async function methodOf(
  values: Values,
  take?: (module: string) => Promise<MethodRow>,
): Promise<readonly [name: string, method: MethodSource]> {
  const given = givenFlags(callOfProcess().args, COMMAND.flags);
  const model = values.model === undefined ? [] : [values.model];
  const sources = await methodSources({ ...values, model }, IMAGE_METHODS, given, take);
  const [first, another] = sources;
  if (!another) return first!;
  throw new UsageError(`Option "--method" must be one method, got "${values.method}"`);
}

/** Method, settings, model and versions behind the results. */
function resultRecord(
  name: string,
  { facts, source }: ChosenMethod,
  versions: Readonly<Record<string, string>>,
): ResultRecord {
  // The seed method's results have no name, as before there were other methods.
  return { ...(name !== SEED && { method: name }), ...facts, ...source, versions } as ResultRecord;
}

/** An image and phrases without boxes, as the source of a method. */
async function* oneImage(
  image: GrayImage,
  phrases: readonly string[],
): AsyncIterableIterator<Flow<ImageRequest>> {
  const samples = phrases.map((phrase, i) => ({ id: String(i), image: "", phrase, boxes: [] }));
  yield await Promise.resolve(item({ image, samples }));
}

/** A phrase's result, with the attention sheet if the options ask for a sheet. */
interface ShownPhrase extends GroundedPhrase {
  /** Draws the phrase's attention by layer and step as SVG. */
  readonly drawSheet?: () => Promise<string>;
}

/**
 * Yields a result per phrase. Only the first variant is a heatmap of the command; the others are
 * the attention of the sheet.
 *
 * @param onFailure Receives a sentence for each phrase that cannot be grounded.
 * @throws {Error} If the method does not give one result for each phrase.
 */
async function* shownPhrases(
  flows: AsyncIterable<Flow<GroundedPhrase | BoxedPhrase>>,
  { variants = [""], settings }: ChosenMethod,
  phrases: readonly string[],
  onFailure: (sentence: string, index: number) => void,
): AsyncIterableIterator<ShownPhrase | BoxedPhrase> {
  const left = new Map(phrases.map((phrase, i) => [String(i), phrase]));
  const failed = new Set<string>();
  let made: ScoredPhrase[] = [];
  for await (const flow of flows) {
    const { id, phrase } = (flow.kind === "item" ? flow.item : flow.dropped).sample;
    // Further variants of a failed phrase fail too.
    if (failed.has(id)) continue;
    if (flow.kind === "dropped") {
      left.delete(id);
      failed.add(id);
      made = [];
      onFailure(droppedSentence(flow.dropped), Number(id));
      continue;
    }
    const found = flow.item;
    if (!left.has(id)) {
      throw new Error(`Cannot ground "${phrase}": the method gave more than one result`);
    }
    if ("predicted" in found) {
      left.delete(id);
      yield found;
      continue;
    }
    made.push(found as ScoredPhrase);
    if (made.length < variants.length) continue;
    left.delete(id);
    const [shown] = made as [ScoredPhrase];
    const [grid] = variants.length > 1 ? attentionGrids(made) : [];
    yield { ...shown, ...(grid && { drawSheet: () => drawAttention(grid, settings!) }) };
    made = [];
  }
  for (const phrase of left.values()) {
    throw new Error(`Cannot ground "${phrase}": the method left it out`);
  }
}

/** Path, pixels and picture of an image, with the record and the notes of the model. */
interface Source {
  readonly record: ResultRecord;
  /** Sentences for every result, for example that the model knows only phantoms. */
  readonly notes: readonly string[];
  readonly image: string;
  readonly gray: GrayImage;
  readonly backdrop: Backdrop;
}

/** Writes the results of one image as they arrive; each comes with its `result.json` in words too. */
function writeResults(
  folderOf: (index: number) => string,
  results: AsyncIterable<ShownPhrase | BoxedPhrase>,
  source: Source,
) {
  const write = async (result: ShownPhrase | BoxedPhrase) => {
    const { id, phrase } = result.sample;
    const folder = folderOf(Number(id));
    await makeFolder(folder);
    const json = await writeResult(folder, result, source);
    const where = "predicted" in result
      ? foundText(result)
      : result.constant
      ? "nothing found: the heatmap is the same everywhere"
      : result.originalBox
      ? `mask within [${result.originalBox}]`
      : "whole heatmap";
    return { result, json, sentence: `${phrase}: ${where}`, folder };
  };
  // The files of a phrase are written while the model runs on the next phrase.
  return mapStream(results, write, { concurrency: 2 });
}

/** Writes the files of a result; returns the content of its `result.json`. */
async function writeResult(
  folder: string,
  result: ShownPhrase | BoxedPhrase,
  { image, gray, backdrop, record, notes: common }: Source,
): Promise<object> {
  const { phrase, notes: own = [] } = result.sample;
  const notes = [...own, ...common];
  const facts = { image, phrase, size: gray, grayLevels: gray.grayLevels, notes };
  // Leave out the folders: their names may be names of patients.
  const caption = { phrase, image: nameOf(image), notes };
  const draw = async (overlay: CaptionedOverlay) =>
    await writeWhole(`${folder}/overlay.png`, await renderCaptionedOverlay(overlay, backdrop));
  let json: object;
  if ("predicted" in result) {
    const { predicted, confidence, details } = result;
    const text = foundText(result);
    const found = `${text[0]!.toUpperCase()}${text.slice(1)}.`;
    const shown = { gray, ...withoutHeat(gray), predicted };
    await draw({ ...shown, caption: { ...caption, isOtsu: false, found } });
    json = boxesJson({ ...facts, boxes: predicted, confidence, details }, record);
  } else {
    const { heatmap, size, threshold, originalBox, drawSheet, image: { crop } } = result;
    await writeWhole(`${folder}/heatmap.npy`, encodeNpy(heatmap, [size, size]));
    const isOtsu = threshold !== undefined;
    await draw({ gray, heatmap, size, crop, caption: { ...caption, threshold, isOtsu } });
    if (drawSheet) {
      const sheet = await drawSheet();
      await writeWhole(`${folder}/attention.svg`, sheet);
      await writeWhole(`${folder}/attention.png`, await toPng(sheet));
    }
    const found = { threshold, box: originalBox, crop, heatmapSize: size };
    json = resultJson({ ...facts, ...found }, record);
  }
  await writeWhole(`${folder}/result.json`, JSON.stringify(json, null, 2) + "\n");
  return json;
}

/** Describes predicted boxes as a part of a sentence. */
function foundText({ predicted, confidence }: BoxedPhrase): string {
  if (predicted.length === 0) return "nothing found: the model names no box";
  return `${predicted.length === 1 ? "box" : "boxes"} ${
    boxTexts(predicted, confidence).join("; ")
  }`;
}

await runCommand(COMMAND, main, async (values) => {
  const [name, method] = await methodOf(values);
  const paths = methodPaths(new Map([[name, method]]), values);
  return {
    read: [
      ...paths.read,
      ...moduleReach(values),
      ...await imageReach(values.image),
      values.report,
    ],
    write: [values.out ?? OUT, ...paths.write],
  };
});
