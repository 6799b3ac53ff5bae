/**
 * Inputs that have broken a reader, or would break a careless reader, each as small as possible.
 * Add a case here for each fault that fuzzing finds.
 *
 * @module
 */

import * as py from "../support/torch_file.ts";
import { torchZip, zip } from "./checkpoint_targets.ts";
import { MS_CXR } from "../../datasets/layouts/ms_cxr.ts";
import { chunk, deflated, END, grayPng, segment, SIGNATURE } from "./image_targets.ts";
import { ENTRY, FLAT, TEXT, TOKENIZER, VOCABULARY } from "./model_targets.ts";
import { RUN } from "./run_targets.ts";
import { big, join, little, utf8 } from "./mutate.ts";

/**
 * Name of the target, description, input and expected refusal. Without a refusal, the reader must
 * accept the input.
 */
export type Case = readonly [target: string, what: string, input: Uint8Array, refusal?: RegExp];

const json = (value: unknown) => utf8(JSON.stringify(value));

// Pickles

const TENSOR = py.tensor({ count: 6, shape: [2, 3], strides: [3, 1] });
const saved = (...pieces: py.Piece[]) => torchZip(py.pickle(...pieces));
const weight = (piece: py.Piece) => saved(py.dict([["weight", piece]]));

const PICKLES: readonly Case[] = [
  ["pickle", "harmless", weight(TENSOR)],
  [
    "pickle",
    "a command",
    weight(py.call(py.global("posix", "system"), py.text("touch x"))),
    /forbidden global "posix\.system"/,
  ],
  [
    "pickle",
    "a global by its name on the stack",
    weight([...py.text("builtins"), ...py.text("eval"), 0x93]),
    /forbidden global "builtins\.eval"/,
  ],
  [
    "pickle",
    "one element repeated to 128 MiB",
    weight(py.tensor({ count: 1, shape: [2 ** 25], strides: [0] })),
    /repeats 1 elements to 33554432/,
  ],
  [
    "pickle",
    "text longer than the file",
    saved([0x58, 0xff, 0xff, 0xff, 0xff]),
    /needs 4294967295/,
  ],
  ["pickle", "a list in itself", saved([0x5d, 0x94, 0x68, 0, 0x61]), /no named tensors/],
  [
    "pickle",
    "a list 100 000 deep",
    saved(Array(100_000).fill(0x5d), Array(99_999).fill(0x61)),
    /no named/,
  ],
  [
    "pickle",
    "more opcodes than any model",
    saved(Array(2_000_001).fill(0x4e)),
    /more than 2000000/,
  ],
  ["pickle", "a key of JavaScript's own", saved(py.dict([["__proto__", TENSOR]]))],
  [
    "pickle",
    "a name that clears the screen",
    saved(py.global("\u001b[2J", "x")),
    /"\\u001b\[2J\.x"/,
  ],
];

// Zips

const DATA = ["a/data.pkl", py.pickle(py.dict([["w", TENSOR]]))] as const;
const STORAGE = ["a/data/0", new Uint8Array(24)] as const;
const archive = zip([DATA, STORAGE]);

/** Offsets of the entries in the archive's directory. */
const [FIRST = 0, SECOND = 0] = [...archive.keys()].filter((at) =>
  [0x50, 0x4b, 1, 2].every((byte, i) => archive[at + i] === byte)
);

/** Returns the archive with some bytes replaced. */
function withBytes(...places: readonly (readonly [at: number, bytes: readonly number[]])[]) {
  const spoiled = join(archive);
  for (const [at, bytes] of places) spoiled.set(bytes, at);
  return spoiled;
}

const second = new DataView(archive.buffer).getUint32(SECOND + 42, true);
// The end record places the directory 9 bytes too late, so a reader subtracts 9 from every offset.
// The first entry's offset becomes -8.
const BEFORE = withBytes(
  [FIRST + 42, little(1, 4)],
  [SECOND + 42, little(second + 9, 4)],
  [archive.length - 6, little(FIRST + 9, 4)],
);

const ZIPS: readonly Case[] = [
  ["zip", "harmless", archive],
  ["zip", "a deflated pickle", withBytes([FIRST + 10, [8]]), /is compressed/],
  ["zip", "an encrypted pickle", withBytes([FIRST + 8, [1]]), /is encrypted/],
  ["zip", "a pickle of 4 GB", withBytes([FIRST + 20, Array(8).fill(0xfe)]), /has 4278124286 bytes/],
  [
    "zip",
    "an entry past the end",
    withBytes([FIRST + 42, Array(4).fill(0x7f)]),
    /truncated|not where/,
  ],
  [
    "zip",
    "an entry that is the directory",
    withBytes([FIRST + 42, little(archive.length - 99, 4)]),
    /not where/,
  ],
  ["zip", "an entry before the file", BEFORE, /points at byte -8/],
  ["zip", "two pickles", zip([DATA, DATA, STORAGE]), /two entries named "a\/data\.pkl"/],
  ["zip", "no storage", zip([DATA]), /"a\/data\/0", which is missing/],
  ["zip", "a storage elsewhere", zip([DATA, ["a/data/../data/0", STORAGE[1]]]), /Unsafe filename/],
];

// Safetensors

const safetensors = (header: Uint8Array, length = header.length, data = 0) =>
  join(little(length, 8), header, new Uint8Array(data));
const tensors = (header: unknown, data: number) => safetensors(json(header), undefined, data);
const F32 = (shape: readonly number[], ...range: number[]) => ({
  dtype: "F32",
  shape,
  data_offsets: range,
});

const SAFETENSORS: readonly Case[] = [
  ["safetensors", "harmless", tensors({ a: F32([2], 0, 8) }, 8)],
  [
    "safetensors",
    "a header past the end",
    safetensors(json({}), 2 ** 52),
    /claims 4503599627370496/,
  ],
  [
    "safetensors",
    "a shape past all numbers",
    tensors({ a: F32(Array(8).fill(2 ** 53 - 1), 0, 8) }, 8),
    /impossible shape/,
  ],
  ["safetensors", "a huge shape of nothing", tensors({ a: F32([0, 2 ** 53 - 1], 0, 0) }, 0)],
  [
    "safetensors",
    "tensors over each other",
    tensors({ a: F32([2], 0, 8), b: F32([2], 4, 12) }, 12),
    /overlap/,
  ],
  [
    "safetensors",
    "a key of JavaScript's own",
    safetensors(
      utf8('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'),
      undefined,
      4,
    ),
  ],
  [
    "safetensors",
    "a prototype for a tensor",
    safetensors(
      utf8('{"a":{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}'),
      undefined,
      4,
    ),
    /data type none/,
  ],
  [
    "safetensors",
    "a header 100 000 deep",
    safetensors(utf8('{"a":'.repeat(100_000) + "1" + "}".repeat(100_000))),
    /data type none/,
  ],
];

// A model's text files

const unet = (fields: object) =>
  json({ ...FLAT, diffusion_model: { ...FLAT.diffusion_model, ...fields } });
const DEEP = '{"0":'.repeat(50_000) + "1" + "}".repeat(50_000);

const MODELS: readonly Case[] = [
  ["model config.json", "harmless", json(FLAT)],
  [
    "model config.json",
    "a thousand million blocks",
    unet({ num_res_blocks: 1e9 }),
    /"num_res_blocks"/,
  ],
  [
    "model config.json",
    "a million layers",
    unet({ transformer_num_layers: 1e6 }),
    /"transformer_num_layers"/,
  ],
  [
    "model config.json",
    "a share that is no number",
    json({ ...FLAT, select: [{ toString: 1 }, 0.6] }),
    /"select" must be/,
  ],
  [
    "model config.json",
    "a number too deep to show",
    utf8(JSON.stringify({ ...FLAT, image_size: 0.5 }).replace("0.5,", `${DEEP},`)),
    /nested too deeply/,
  ],
  [
    "model config.json",
    "an architecture as prototype",
    utf8(`{"__proto__":${JSON.stringify(FLAT)}}`),
    /"autoencoder"/,
  ],
  [
    "config monai",
    "an image of no size",
    json({
      autoencoder_def: FLAT.autoencoder,
      diffusion_def: FLAT.diffusion_model,
      scheduler: FLAT.scheduler,
      noise: "randn((1,6,0,0))",
    }),
    /image size 0/,
  ],
  [
    "model text_encoder/config.json",
    "a mask of 4 TB",
    json({ ...TEXT, max_position_embeddings: 1e6 }),
    /"max_position_embeddings"/,
  ],
  [
    "model text_encoder/config.json",
    "one layer less than none",
    json({ text_config: { ...TEXT, num_hidden_layers: 0 } }),
    /"num_hidden_layers"/,
  ],
  [
    "model tokenizer/tokenizer_config.json",
    "padding from JavaScript",
    json({ pad_token: "constructor" }),
    /no token "constructor"/,
  ],
  ["vocab", "a token id of none", json({ ...VOCABULARY, c: -1 }), /got -1 for "c"/],
  ["merges", "a merge that clears the screen", utf8("\u001b[2J\n"), /merge 1 .* "\\u001b\[2J"/],
  [
    "tokenizer.json",
    "a pattern that never ends",
    json({
      ...TOKENIZER,
      normalizer: { type: "Replace", pattern: { Regex: "(b|b)+$" }, content: "" },
    }),
  ],
  [
    "tokenizer.json",
    "a token that is none",
    json({ ...TOKENIZER, added_tokens: [null] }),
    /"added_tokens"/,
  ],
  ["cache", "harmless", ENTRY],
  ["cache", "a bit of a number", join(ENTRY.subarray(0, -1), [1]), /is corrupt/],
];

// Datasets

const row = (image: string, box = "1,1,4,4") =>
  utf8(`image,phrase,x,y,w,h\n${image},haze,${box}\n`);

/** Valid annotations of MS-CXR. */
const COCO = MS_CXR.json!.example;

const DATASETS: readonly Case[] = [
  ["csv table", "harmless", row("a.png")],
  [
    "csv table",
    "paths out of the root",
    utf8("image,phrase\n../secret.png,a\nlink.png,b\nout/secret.png,c\n/etc/passwd,d\n"),
  ],
  ["csv table", "a path of 6000 characters", row("d/".repeat(3000))],
  ["csv table", "links that go round", row("loop.png")],
  ["csv table", "a box past all numbers", row("a.png", "1,1,1e308,1")],
  [
    "csv table",
    "40 000 columns",
    utf8(Array.from({ length: 40_000 }, (_, i) => i).join()),
    /expected the columns/,
  ],
  ["csv table", "a column that clears the screen", utf8("\u001b[2J,b\n"), /found \\u001b\[2J, b/],
  ["ms-cxr json", "harmless", json(COCO)],
  [
    "ms-cxr json",
    "a class that is no text",
    json({ ...COCO, categories: [{ id: 1, name: { toString: 1 } }] }),
  ],
  ["ms-cxr json", "a box too deep to show", utf8(JSON.stringify(COCO).replace("[1,1,4,4]", DEEP))],
  ["ms-cxr json", "a text that clears the screen", utf8('{"\u001b[2J'), /not valid JSON \(.*\)/],
];

// Images

const header = (width: number, height: number) =>
  chunk("IHDR", [...big(width, 4), ...big(height, 4), 8, 0, 0, 0, 0]);
const png = (...chunks: Uint8Array[]) => join(SIGNATURE, ...chunks, END);
const PIXELS = chunk("IDAT", deflated(72));
const frame = (side: number) => segment(0xc0, [8, ...big(side, 2), ...big(side, 2), 1, 1, 0x11, 0]);
const SCAN = join(segment(0xda, [1, 1, 0, 0, 63, 0]), [0]);
const TABLES = [0, 0x10].map((table) => segment(0xc4, [table, 1, ...Array(16).fill(0)]));
const jpeg = (...segments: Uint8Array[]) =>
  join([0xff, 0xd8], segment(0xdb, [0, ...Array(64).fill(1)]), ...TABLES, ...segments, [
    0xff,
    0xd9,
  ]);

const IMAGES: readonly Case[] = [
  ["png", "harmless", grayPng(8, 8)],
  ["png", "60 000 x 60 000 pixels", png(header(60_000, 60_000), PIXELS), /pixels are more than/],
  [
    "png",
    "5000 x 5000 pixels in 70 bytes",
    png(header(5000, 5000), PIXELS),
    /truncated or corrupt/,
  ],
  [
    "png",
    "64 MiB of 8 x 8 pixels",
    png(header(8, 8), chunk("IDAT", deflated(2 ** 26))),
    /truncated or corrupt/,
  ],
  [
    "png",
    "64 MiB of text",
    png(header(8, 8), chunk("zTXt", join(utf8("a\0\0"), deflated(2 ** 26))), PIXELS),
  ],
  ["png", "two frames", png(header(8, 8), header(5000, 5000), PIXELS), /truncated or corrupt/],
  [
    "png",
    "an animation",
    png(header(8, 8), chunk("acTL", [0, 0, 0, 2, 0, 0, 0, 0]), PIXELS),
    /an animation/,
  ],
  ["png", "a GIF", utf8("GIF89a" + "\0".repeat(40)), /not a PNG, JPEG or DICOM/],
  ["jpeg", "harmless", jpeg(frame(8), SCAN)],
  ["jpeg", "5000 x 5000 pixels in 140 bytes", jpeg(frame(5000), SCAN), /truncated or corrupt/],
  ["jpeg", "two frames", jpeg(frame(5000), frame(8), SCAN), /truncated or corrupt/],
  ["jpeg", "a thousand scans", jpeg(frame(8), ...Array(1000).fill(SCAN)), /1000 scans/],
];

// Folders of runs

const RUNS: readonly Case[] = [
  ["record", "harmless", json(RUN)],
  [
    "record",
    "a protocol that is no name",
    json({ ...RUN, facts: { ...RUN.facts, protocols: [{ toString: 1 }] } }),
    /expected sigma, margin, protocols/,
  ],
  [
    "heatmaps",
    "values that are not there",
    join(little(0x314d4847, 4), little(2, 4), little(2 ** 26, 4), little(0, 4), utf8("{}")),
    /expected a whole record of the heatmap of "1", setting "a"/,
  ],
];

/** All cases. */
export const CORPUS: readonly Case[] = [
  ...PICKLES,
  ...ZIPS,
  ...SAFETENSORS,
  ...MODELS,
  ...DATASETS,
  ...IMAGES,
  ...RUNS,
];
