/**
 * Fuzz targets for a model's JSON and text files, and for cached latents.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { readFlatConfig, readMonaiConfig } from "../../models/ldm/config.ts";
import { Scheduler } from "../../models/scheduler.ts";
import { readTextConfig } from "../../models/text/text_encoder.ts";
import { createTokenizer } from "../../models/tokenizer.ts";
import type { Random } from "../../base/random.ts";
import { TrajectoryCache } from "../../pipeline/trajectory_cache.ts";
import { copy } from "../support/copy.ts";
import { chance, join, mutateBytes, mutateJson, mutateList, pick, utf8 } from "./mutate.ts";
import { Broken, requireSentence, type Target } from "./target.ts";

const DEMO = new URL("../../models/demo/", import.meta.url).pathname;
const demo = (name: string) => Deno.readTextFileSync(DEMO + name);

/** Mutates JSON, and in one of ten cases its bytes as well. */
function spoilJson(random: Random, json: unknown): Uint8Array {
  const bytes = utf8(mutateJson(random, json));
  return chance(random, 0.1) ? mutateBytes(random, bytes) : bytes;
}

// Architectures

/** A valid configuration of the whole model. */
export const FLAT = JSON.parse(demo("config.json"));
/** A valid configuration of the text encoder. */
export const TEXT = JSON.parse(demo("text_encoder/config.json"));
const MONAI = {
  autoencoder_def: FLAT.autoencoder,
  diffusion_def: FLAT.diffusion_model,
  scheduler: FLAT.scheduler,
  noise: "$torch.randn((1,6,16,16))",
};

/** Throws {@linkcode Broken} if a part of a configuration has a prototype from its file. */
function requireOwn(value: object): void {
  for (const part of [value, ...Object.values(value)]) {
    if (typeof part !== "object" || part === null || Array.isArray(part)) continue;
    if (Object.getPrototypeOf(part) !== Object.prototype || "polluted" in part) {
      throw new Broken("a configuration inherits from its file");
    }
  }
}

const config = (
  name: string,
  seed: unknown,
  read: (json: unknown, where: string) => object,
): Target => ({
  name,
  share: 5,
  make: (random) => spoilJson(random, seed),
  async read(bytes, folder) {
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      // The targets of whole models cover files that are not JSON.
      json = undefined;
    }
    const found = await read(json, `"${folder}/config.json"`);
    requireOwn(found);
    return found;
  },
});

function withScheduler(read: typeof readFlatConfig): typeof readFlatConfig {
  return (json, where) => {
    const found = read(json, where);
    const { alphas } = new Scheduler(found.scheduler);
    if (!alphas.every((alpha) => alpha >= 0 && alpha <= 1)) {
      throw new Broken("a noise schedule leaves more than all or less than nothing of an image");
    }
    if (found.notice) requireSentence(found.notice);
    return found;
  };
}

// Tokenizers

const START = "<|startoftext|>";
const END = "<|endoftext|>";
/** A valid vocabulary. */
export const VOCABULARY = {
  "!": 0,
  a: 1,
  "a</w>": 2,
  b: 3,
  "b</w>": 4,
  "ab</w>": 5,
  [START]: 6,
  [END]: 7,
};
const MERGES = "#version: 0.2\na b</w>\n";
/** A valid `tokenizer.json`. */
export const TOKENIZER = {
  added_tokens: [START, END].map((content, i) => ({ id: 6 + i, content, special: true })),
  normalizer: { type: "Lowercase" },
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
  model: {
    type: "BPE",
    unk_token: END,
    end_of_word_suffix: "</w>",
    vocab: VOCABULARY,
    merges: ["a b</w>"],
  },
};

/** Encodes phrases as a run does. */
function encodeAll(files: Parameters<typeof createTokenizer>[0]): void {
  const tokenizer = createTokenizer(files, { positions: 8 });
  for (const phrase of ["", "ab a!", "é\u0000\ud800 " + "ab".repeat(40)]) {
    const { ids, length } = tokenizer.encode(phrase);
    if (ids.length !== 8 || length > 8 || !ids.every((id) => Number.isSafeInteger(id) && id >= 0)) {
      throw new Broken(`a phrase became the ids ${JSON.stringify(ids)}`);
    }
  }
}

const tokenizer = (
  name: string,
  make: Target["make"],
  files: (text: string) => Parameters<typeof createTokenizer>[0],
): Target => ({
  name,
  share: 4,
  make,
  async read(bytes) {
    await encodeAll(files(new TextDecoder().decode(bytes)));
  },
});

function spoilMerges(random: Random): Uint8Array {
  const lines = mutateList(
    random,
    MERGES.split("\n"),
    () =>
      pick(random, [
        "a b",
        "a a</w>",
        "__proto__ b",
        "a",
        "a b c",
        "x".repeat(4000),
        " ",
        "\u001b[2J",
      ]),
  );
  const bytes = utf8(lines.join(pick(random, ["\n", "\r\n"])));
  return chance(random, 0.2) ? mutateBytes(random, bytes) : bytes;
}

// Whole models

/** Replaces one file of a valid model by the input. */
const bundle = (file: string, make: Target["make"]): Target => ({
  name: `model ${file}`,
  share: 1,
  make,
  async read(bytes, folder) {
    if (!await Deno.stat(folder).catch(() => undefined)) await copy(DEMO, folder);
    await Deno.writeFile(`${folder}/${file}`, bytes);
    const { tokenizer, config } = await loadBundle(folder);
    tokenizer.encode("left pleural effusion");
    requireOwn(config);
  },
});

// Cached latents

const LATENTS = Float32Array.from({ length: 12 }, (_, i) => i / 12);
/** A valid cache entry: SHA-256 of the latents, then the latents. */
export const ENTRY = join(
  createHash("sha256").update(new Uint8Array(LATENTS.buffer)).digest(),
  new Uint8Array(LATENTS.buffer),
);

const cache: Target = {
  name: "cache",
  share: 4,
  make: (random) => chance(random, 0.05) ? ENTRY : mutateBytes(random, ENTRY),
  async read(bytes, folder) {
    let notice = "";
    const latents = await TrajectoryCache.open(`${folder}/cache`, (text) => notice = text);
    await Deno.writeFile(`${folder}/cache/0a.latents`, bytes);
    const values = await latents.read("0a", LATENTS.length);
    if (values && !values.every((value, i) => value === LATENTS[i])) {
      throw new Broken("an entry that was changed was taken for whole");
    }
    if (!values) throw new SyntaxError(notice);
  },
};

/** The fuzz targets for a model's files and for cached latents. */
export const MODEL_TARGETS: readonly Target[] = [
  config("config flat", FLAT, withScheduler(readFlatConfig)),
  config("config monai", MONAI, withScheduler(readMonaiConfig)),
  config("config text", TEXT, (json, where) => readTextConfig(json, where)),
  tokenizer(
    "vocab",
    (random) => spoilJson(random, VOCABULARY),
    (vocab) => ({ vocab, merges: MERGES }),
  ),
  tokenizer("merges", spoilMerges, (merges) => ({ vocab: JSON.stringify(VOCABULARY), merges })),
  tokenizer(
    "tokenizer.json",
    (random) => spoilJson(random, TOKENIZER),
    (tokenizerJson) => ({ tokenizerJson }),
  ),
  bundle("config.json", (random) => spoilJson(random, FLAT)),
  bundle("text_encoder/config.json", (random) => spoilJson(random, TEXT)),
  bundle(
    "tokenizer/vocab.json",
    (random) => mutateBytes(random, utf8(demo("tokenizer/vocab.json"))),
  ),
  bundle(
    "tokenizer/tokenizer_config.json",
    (random) => spoilJson(random, { pad_token: pick(random, ["!", END, { content: "!" }]) }),
  ),
  cache,
];
