/**
 * Fuzz targets for datasets and predicted boxes; some image paths lead out of the images' root.
 *
 * @module
 */

import { folderOf } from "../../base/paths.ts";
import { IMAGES, type Layout } from "../../datasets/layouts/layout.ts";
import { LAYOUTS } from "../../datasets/layouts/registry.ts";
import { openDataset, type OpenDatasetOptions } from "../../datasets/open_dataset.ts";
import { matchMaps, openMapList } from "../../datasets/predictions/map_list.ts";
import { matchPredictions } from "../../datasets/predictions/match_predictions.ts";
import { readPredictions } from "../../datasets/predictions/read_predictions.ts";
import type { DatasetItem } from "../../datasets/sample.ts";
import { readWordings } from "../../datasets/wordings.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { boxIou } from "../../methods/boxes/score_boxes.ts";
import type { Random } from "../../base/random.ts";
import { chance, mutateBytes, mutateJson, mutateList, pick, utf8 } from "./mutate.ts";
import { grayPng } from "./image_targets.ts";
import { Broken, requireSentence, requireTyped, type Target } from "./target.ts";

/** Makes a root with the images of examples and a secret image beside it. Some links in the root lead out of it. */
async function prepare(folder: string): Promise<string> {
  const root = `${folder}/images`;
  if (await Deno.stat(root).catch(() => undefined)) return root;
  const own = IMAGES.filter((path) => path.endsWith(".png")).map((path) => `images/${path}`);
  for (const path of ["secret.png", ...own]) {
    await Deno.mkdir(folderOf(`${folder}/${path}`), { recursive: true });
    await Deno.writeFile(`${folder}/${path}`, grayPng(8, 8));
  }
  await Deno.symlink("..", `${root}/out`);
  await Deno.symlink("../secret.png", `${root}/link.png`);
  await Deno.symlink("a.png", `${root}/inside.png`);
  await Deno.symlink("loop.png", `${root}/loop.png`);
  return root;
}

const PATHS = [
  "a.png",
  "files/b.png",
  "inside.png",
  "link.png",
  "loop.png",
  "out/secret.png",
  "out",
  "../secret.png",
  "files/../../secret.png",
  "files//b.png",
  "./a.png",
  ".",
  "/etc/passwd",
  "//etc/passwd",
  "C:/windows/win.ini",
  "..\\secret.png",
  "files\\b.png",
  "../images/a.png",
  "images/../out/../a.png",
  "file:a.png",
  "https://example.org/a.png",
  "file:///etc/passwd",
  "a.png\u0000.jpg",
  "missing.png",
  "__proto__",
  "\u001b[2J.png",
  "d/".repeat(3000) + "a.png",
  "x".repeat(5000),
  "",
  " ",
];

/** Reads a dataset and each of its images, by its phrases and by its classes. */
async function readAll(bytes: Uint8Array, folder: string, name: string): Promise<void> {
  const images = await prepare(folder);
  const path = `${folder}/${name}`;
  await Deno.writeFile(path, bytes);
  const detection = { classes: ["all"], template: "{label}" };
  await readItems(path, { images, detection }).catch((error) => requireTyped(error, [folder]));
  await readItems(path, { images });
}

async function readItems(
  path: string,
  options: OpenDatasetOptions & { readonly images: string },
): Promise<void> {
  const { images } = options;
  const dataset = await openDataset(path, options);
  for await (const entry of dataset.items) {
    if (entry.kind === "failure") {
      requireSentence(entry.failure.id);
      requireSentence(entry.failure.reason);
      continue;
    }
    const { sample } = entry;
    [sample.id, ...sample.notes ?? []].forEach(requireSentence);
    const isShare = (value: number) => value >= 0 && value <= 1;
    const isCoordinate = sample.boxUnit === "image" ? isShare : Number.isSafeInteger;
    if (!sample.boxes.flat().every(isCoordinate)) {
      throw new Broken(`a box is [${sample.boxes}]`);
    }
    const masks = (sample.masks ?? []).flatMap((mask) => mask.kind === "png" ? mask.path : []);
    for (const file of [sample.image, ...masks]) {
      // Check the path only as text: a link in the root is its owner's and may lead out.
      const isBelow = file.startsWith(`${images}/`) && !file.split("/").includes("..");
      if (!isBelow) throw new Broken(`a file is read from outside its root: ${file}`);
    }
    await decodeImage(sample.image).catch((error) => requireTyped(error, [images], true));
  }
}

// CSV

const NUMBERS = [
  "0",
  "1",
  "4",
  "8",
  "-1",
  "0.5",
  "1e3",
  "1e308",
  "1e999",
  "-0",
  "NaN",
  "0x10",
  " 2 ",
  "",
  "9".repeat(400),
];
const PHRASES = [
  "left lung",
  "",
  " ",
  "a,b",
  'say "ah"',
  "two\nlines",
  "=cmd|' /C calc'!A0",
  "\u0000\u001b[2J\u202e",
  "é".repeat(3000),
];

/** Writes a CSV field; one in a hundred has a stray quote. */
function field(random: Random, value: string): string {
  if (chance(random, 0.01)) return value + '"';
  return /[",;\t\r\n]/.test(value) || chance(random, 0.1)
    ? `"${value.replaceAll('"', '""')}"`
    : value;
}

/** Writes a table with the columns of an example, and with its fields or hostile ones. */
function table(random: Random, example: string): string {
  const [columns, ...records] = example.trimEnd().split("\n").map((line) => line.split(","));
  const value = (column: string) => {
    if (chance(random, 0.02)) {
      return pick(random, ["\u001b[2J", "x".repeat(4000), "__proto__", "toString"]);
    }
    const own = pick(random, records)[columns!.indexOf(column)] ?? "";
    if (chance(random, 0.6)) return own;
    return pick(random, IMAGES.includes(own) ? PATHS : isNumber(own) ? NUMBERS : PHRASES);
  };
  const header = chance(random, 0.8)
    ? [...columns!]
    : mutateList(random, columns!, () => pick(random, PHRASES));
  const rows = Array.from({ length: random.integer(0, 4) }, () => {
    const row = header.map(value);
    return chance(random, 0.9) ? row : mutateList(random, row, () => pick(random, NUMBERS));
  });
  const end = pick(random, ["\n", "\n", "\r\n", "\r"]);
  const start = (chance(random, 0.1) ? "\ufeff" : "") + (chance(random, 0.1) ? "sep=;" + end : "");
  const delimiter = pick(random, [",", ",", ";", "\t"]);
  return start +
    [header, ...rows].map((row) => row.map((text) => field(random, text)).join(delimiter)).join(
      end,
    );
}

const isNumber = (text: string) => text !== "" && Number.isFinite(Number(text));

function csv(name: string, example: string, read = readAll): Target {
  return {
    name,
    share: 6,
    isOfSample: true,
    make(random) {
      const bytes = utf8(table(random, example));
      return chance(random, 0.2) ? mutateBytes(random, bytes) : bytes;
    },
    read: (bytes, folder) => read(bytes, folder, "rows.csv"),
  };
}

// JSON

/** Mutates an example; a fifth of its images get a hostile path. */
function document(random: Random, example: object): Uint8Array {
  const json = JSON.parse(
    JSON.stringify(example),
    (_, value) => IMAGES.includes(value) && chance(random, 0.2) ? pick(random, PATHS) : value,
  );
  const bytes = utf8(mutateJson(random, json));
  return chance(random, 0.1) ? mutateBytes(random, bytes) : bytes;
}

function json(name: string, example: object, read = readAll): Target {
  return {
    name,
    share: 6,
    isOfSample: true,
    make: (random) => document(random, example),
    read: (bytes, folder) => read(bytes, folder, "rows.json"),
  };
}

// Predicted boxes

/** Valid predictions. */
const PREDICTIONS = [
  { image: "a.png", phrase: "left lung", boxes: [[1, 1, 4.5, 4], [-2, 0, 8, 8]] },
  { image: "b", phrase: "left lung", boxes: [] },
];

async function* items(): AsyncIterableIterator<DatasetItem> {
  for (const image of ["images/a.png", "images/files/b.png"]) {
    const sample = { id: image, image, phrase: "left lung", boxes: [] };
    yield await Promise.resolve({ kind: "sample", sample });
  }
}

/** Reads predictions, matches them to samples and scores them. */
async function scoreAll(bytes: Uint8Array, folder: string, name: string): Promise<void> {
  const path = `${folder}/${name}`;
  await Deno.writeFile(path, bytes);
  const predictions = await readPredictions(path);
  const { boxes } = await matchPredictions(predictions, items(), "images");
  for (const { boxes: predicted, confidence = [] } of boxes.values()) {
    if (!confidence.every(Number.isFinite)) throw new Broken(`confidences are ${confidence}`);
    const iou = boxIou(predicted, [[2, 2, 5, 5]], { width: 8, height: 8 });
    if (!(iou >= 0 && iou <= 1)) throw new Broken(`an IoU is ${iou}`);
  }
}

/** A valid list of heatmaps. */
const MAPS = [
  { image: "a.png", phrase: "left lung", file: "a.png", covers: "square" },
  {
    image: "files/b.png",
    phrase: "left lung",
    file: "d/b.npz",
    covers: "crop:480/512",
    array: "m",
  },
];

/** Reads a list of heatmaps, and matches it to samples. */
async function listMaps(bytes: Uint8Array, folder: string, name: string): Promise<void> {
  await Deno.writeFile(`${folder}/${name}`, bytes);
  const list = await openMapList(`${folder}/${name}`);
  const { maps, faults, example } = await matchMaps(list, items(), "images");
  [...faults.values(), ...(example?.fault ? [example.fault] : [])].forEach(requireSentence);
  for (const { path, covers } of maps.values()) {
    const isBelow = path.startsWith(`${folder}/`) && !path.split("/").includes("..");
    if (!isBelow) throw new Broken(`a heatmap is read from outside its folder: ${path}`);
    if (typeof covers === "object" && !(covers.crop <= covers.resized)) {
      throw new Broken(`a map covers ${JSON.stringify(covers)}`);
    }
  }
}

/** Reads wordings of classes. */
async function readPhrases(bytes: Uint8Array, folder: string, name: string): Promise<void> {
  const path = `${folder}/${name}`;
  await Deno.writeFile(path, bytes);
  const wordings = Object.values(await readWordings(path));
  if (!wordings.every((list) => list.length > 0 && list.every((phrase) => phrase.trim() !== ""))) {
    throw new Broken("a class has no phrase");
  }
}

/** The fuzz targets for each layout of datasets, their phrases, and boxes predicted for them. */
export const DATASET_TARGETS: readonly Target[] = [
  ...Object.entries<Layout>(LAYOUTS).flatMap(([name, layout]) => [
    ...(layout.table ? [csv(`${name} table`, layout.table.example)] : []),
    ...(layout.json ? [json(`${name} json`, layout.json.example)] : []),
  ]),
  csv("predictions table", "image,phrase,x,y,w,h,score\na.png,left lung,1,1,4.5,4,1\n", scoreAll),
  json("predictions json", PREDICTIONS, scoreAll),
  csv(
    "heatmaps table",
    "image,phrase,file,covers,id,array\na.png,left lung,files/b.png,original,images/a.png,\n",
    listMaps,
  ),
  json("heatmaps json", MAPS, listMaps),
  csv("phrases table", "class,phrase\nMass,a mass\nMass,a lesion\n", readPhrases),
  json("phrases json", { Mass: ["a mass", "a lesion"], Nodule: "a nodule" }, readPhrases),
];
