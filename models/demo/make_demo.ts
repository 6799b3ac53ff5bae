/**
 * Makes the bundled model: the architecture in small with seeded, untrained
 * weights, in the layout that `loadBundle` reads. Run by `deno task demo:make`.
 *
 * @module
 */

import { CLASSES } from "../../datasets/sample.ts";
import { drawPhantom } from "../../datasets/phantom.ts";
import { writeSafetensors } from "../checkpoint/mod.ts";
import { buildEncoder, downsampling } from "../ldm/autoencoder.ts";
import { buildTextEncoder } from "../ldm/clip_text.ts";
import { readFlatConfig, readTextConfig } from "../ldm/config.ts";
import { seededWeights } from "../ldm/seeded_weights.ts";
import { buildUnet } from "../ldm/unet.ts";

const SEED = 20260101;

/** Words of the phantoms' phrases are learnt from this many of them. */
const PHANTOMS = 200;

const TOKENS = 77;
const HIDDEN = 32;

/** Byte-pair merges that join letters into the words of some phrases, most frequent pair first. */
function learnMerges(phrases: readonly string[], count: number): [string, string][] {
  const words = new Map<string, number>();
  for (const phrase of phrases) {
    for (const word of phrase.toLowerCase().match(/\p{L}+/gu) ?? []) {
      words.set(word, (words.get(word) ?? 0) + 1);
    }
  }
  const pieces = [...words].map(([word, frequency]) => ({
    frequency,
    parts: [...word.slice(0, -1), `${word.at(-1)}</w>`],
  }));
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const pairs = new Map<string, number>();
    for (const { parts, frequency } of pieces) {
      for (let i = 0; i + 1 < parts.length; i++) {
        const pair = `${parts[i]} ${parts[i + 1]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + frequency);
      }
    }
    const [best] = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    if (!best) break;
    const [left, right] = best[0].split(" ") as [string, string];
    merges.push([left, right]);
    for (const piece of pieces) {
      for (let i = 0; i + 1 < piece.parts.length; i++) {
        if (piece.parts[i] === left && piece.parts[i + 1] === right) {
          piece.parts.splice(i, 2, left + right);
        }
      }
    }
  }
  return merges;
}

/** The printable characters that stand for the 256 bytes in a byte-level vocabulary (GPT-2's). */
function byteSymbols(): string[] {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = bytes.filter(isPrintable).map((byte) => String.fromCharCode(byte));
  const others = bytes.filter((byte) => !isPrintable(byte))
    .map((_, i) => String.fromCharCode(256 + i));
  return [...printable, ...others];
}

/** Writes the bundle into a folder. */
async function makeDemo(folder: string): Promise<void> {
  const phrases = Array.from(
    { length: PHANTOMS },
    (_, seed) => drawPhantom({ seed, width: 64, height: 64 }).findings.map(({ phrase }) => phrase),
  ).flat();
  const merges = learnMerges([...phrases, ...CLASSES], 600);
  const symbols = byteSymbols();
  const tokens = new Set([
    ...symbols,
    ...symbols.map((symbol) => `${symbol}</w>`),
    ...merges.map((pair) => pair.join("")),
    "<|startoftext|>",
    "<|endoftext|>",
  ]);
  const vocab = Object.fromEntries([...tokens].map((token, id) => [token, id]));

  const config = {
    notice: "The bundled model is untrained: its heatmaps and scores mean nothing.",
    steps: 50,
    image_size: 128,
    scale_factor: 0.3,
    autoencoder: {
      in_channels: 1,
      latent_channels: 3,
      num_channels: [16, 32, 32],
      num_res_blocks: [1, 1, 1],
      attention_levels: [false, false, false],
      with_encoder_nonlocal_attn: false,
      norm_num_groups: 16,
      norm_eps: 1e-6,
    },
    diffusion_model: {
      in_channels: 3,
      out_channels: 3,
      num_channels: [32, 48, 64],
      num_res_blocks: 2,
      attention_levels: [false, true, true],
      num_head_channels: [0, 48, 64],
      with_conditioning: true,
      transformer_num_layers: 1,
      cross_attention_dim: HIDDEN,
      norm_num_groups: 16,
      norm_eps: 1e-6,
    },
    scheduler: {
      num_train_timesteps: 1000,
      beta_start: 0.0015,
      beta_end: 0.0205,
      schedule: "scaled_linear_beta",
      prediction_type: "v_prediction",
    },
  };
  const text = {
    model_type: "clip_text_model",
    vocab_size: tokens.size,
    hidden_size: HIDDEN,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    intermediate_size: 2 * HIDDEN,
    hidden_act: "gelu",
    max_position_embeddings: TOKENS,
    layer_norm_eps: 1e-5,
  };

  const write = (name: string, value: unknown) =>
    Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(value, null, 2) + "\n");
  await Deno.mkdir(`${folder}/text_encoder`, { recursive: true });
  await Deno.mkdir(`${folder}/tokenizer`, { recursive: true });
  await write("config.json", config);
  await write("text_encoder/config.json", text);
  await write("tokenizer/vocab.json", vocab);
  await write("tokenizer/tokenizer_config.json", { pad_token: "!", model_max_length: TOKENS });
  const lines = ["#version: 0.2", ...merges.map((pair) => pair.join(" "))];
  await Deno.writeTextFile(`${folder}/tokenizer/merges.txt`, lines.join("\n") + "\n");

  const { autoencoder, unet, imageSize } = readFlatConfig(config, "the demo's configuration");
  const latentSize = imageSize / downsampling(autoencoder);
  const graphs = {
    autoencoder: buildEncoder(autoencoder, imageSize),
    diffusion_model: buildUnet(unet, { latentSize, tokens: TOKENS }).graph,
    "text_encoder/model": buildTextEncoder(readTextConfig(text, "the text encoder").config),
  };
  for (const [index, [name, graph]] of Object.entries(graphs).entries()) {
    const weights = seededWeights(graph, SEED + 10_000 * index);
    await writeSafetensors(`${folder}/${name}.safetensors`, weights, { type: "float16" });
  }
}

if (import.meta.main) await makeDemo(Deno.args[0] ?? "models/demo");
