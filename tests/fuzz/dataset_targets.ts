/**
 * Datasets: plain CSV, MS-CXR as CSV and as JSON, with images that lie about where they are.
 *
 * @module
 */

import { MS_CXR_COLUMNS } from "../../datasets/ms_cxr.ts";
import { openDataset } from "../../datasets/open_dataset.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import type { Random } from "../../pipeline/random.ts";
import { chance, mutateBytes, mutateJson, mutateList, pick, utf8 } from "./mutate.ts";
import { grayPng } from "./image_targets.ts";
import { Broken, requireSentence, requireTyped, type Target } from "./target.ts";

/** Images inside a root and a secret beside it, with links from the one to the other. */
async function prepare(folder: string): Promise<string> {
  const root = `${folder}/images`;
  if (await Deno.stat(root).catch(() => undefined)) return root;
  await Deno.mkdir(`${root}/files`, { recursive: true });
  for (const path of ["secret.png", "images/a.png", "images/files/b.png"]) {
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

/** Reads a dataset and each of its images. */
async function readAll(bytes: Uint8Array, folder: string, name: string): Promise<void> {
  const images = await prepare(folder);
  const path = `${folder}/${name}`;
  await Deno.writeFile(path, bytes);
  const dataset = await openDataset(path, { images });
  const real = await Deno.realPath(images);
  for await (const entry of dataset.items) {
    if (entry.kind === "failure") {
      requireSentence(entry.failure.id);
      requireSentence(entry.failure.reason);
      continue;
    }
    const { sample } = entry;
    [sample.id, ...sample.notes ?? []].forEach(requireSentence);
    if (!sample.boxes.flat().every(Number.isSafeInteger)) {
      throw new Broken(`a box is [${sample.boxes}]`);
    }
    const inside = await Deno.realPath(sample.image).catch(() => undefined);
    if (inside !== undefined && !inside.startsWith(`${real}/`)) {
      throw new Broken(`an image is read from outside its root: ${sample.image}`);
    }
    await decodeImage(sample.image).catch((error) => requireTyped(error, [images]));
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

/** A field as CSV has it, seldom with its quotes wrong. */
function field(random: Random, value: string): string {
  if (chance(random, 0.01)) return value + '"';
  return /[",\r\n]/.test(value) || chance(random, 0.1) ? `"${value.replaceAll('"', '""')}"` : value;
}

function table(random: Random, columns: readonly string[]): string {
  const value = (column: string) => {
    if (chance(random, 0.02)) {
      return pick(random, ["\u001b[2J", "x".repeat(4000), "__proto__", "toString"]);
    }
    if (/image$|path/.test(column)) return chance(random, 0.5) ? "a.png" : pick(random, PATHS);
    if (/^[xywh]$|_/.test(column) && !/name|text|id/.test(column)) {
      return chance(random, 0.7) ? pick(random, ["1", "4", "8"]) : pick(random, NUMBERS);
    }
    return pick(random, PHRASES);
  };
  const header = chance(random, 0.8)
    ? [...columns]
    : mutateList(random, columns, () => value("image"));
  const rows = Array.from({ length: random.integer(0, 4) }, () => {
    const row = header.map(value);
    return chance(random, 0.9) ? row : mutateList(random, row, () => value("x"));
  });
  const end = pick(random, ["\n", "\n", "\r\n", "\r"]);
  const start = chance(random, 0.1) ? "\ufeff" : "";
  return start +
    [header, ...rows].map((row) => row.map((text) => field(random, text)).join()).join(end);
}

const csv = (name: string, columns: readonly string[]): Target => ({
  name,
  share: 7,
  make(random) {
    const bytes = utf8(table(random, columns));
    return chance(random, 0.2) ? mutateBytes(random, bytes) : bytes;
  },
  read: (bytes, folder) => readAll(bytes, folder, "rows.csv"),
});

// COCO

/** Whole and harmless. */
export const COCO = {
  images: [
    { id: 1, file_name: "a.png", width: 8, height: 8, path: "files/b.png" },
    { id: 2, file_name: "a.png", width: 8, height: 8 },
  ],
  categories: [{ id: 1, name: "Edema" }],
  annotations: [
    { image_id: 1, category_id: 1, bbox: [1, 1, 4, 4], label_text: "edema", split: "test" },
    { image_id: 2, category_id: 1, bbox: [0, 0, 8, 8], label_text: "more edema" },
  ],
};

const coco: Target = {
  name: "ms-cxr json",
  share: 10,
  make(random) {
    const json = structuredClone(COCO);
    if (chance(random, 0.5)) pick(random, json.images).file_name = pick(random, PATHS);
    const bytes = utf8(mutateJson(random, json));
    return chance(random, 0.1) ? mutateBytes(random, bytes) : bytes;
  },
  read: (bytes, folder) => readAll(bytes, folder, "rows.json"),
};

/** The readers of datasets. */
export const DATASET_TARGETS: readonly Target[] = [
  csv("csv", ["image", "phrase", "x", "y", "w", "h", "category"]),
  csv("ms-cxr csv", [...MS_CXR_COLUMNS, "split"]),
  coco,
];
