import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { groundImage } from "../../pipeline/ground.ts";
import { copy } from "../../tests/support/copy.ts";
import { saveAsTorch, saveRenamed } from "../../tests/support/save_as_torch.ts";
import { dict, int } from "../../tests/support/torch_file.ts";
import { writeSafetensors } from "../checkpoint/mod.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { buildTextEncoder, type ClipLayout } from "../text/text_encoder.ts";
import { loadBundle } from "./bundle.ts";
import { openModel } from "./model.ts";
import { seededWeights } from "../../tests/support/seeded_weights.ts";

const DEMO = new URL("../demo", import.meta.url).pathname;

/** Runs a test on a copy of the demo model, which the test may damage. */
async function withCopy(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    await copy(DEMO, `${folder}/demo`);
    await test(`${folder}/demo`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function edit(path: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await Deno.readTextFile(path));
  change(json);
  await Deno.writeTextFile(path, JSON.stringify(json));
}

// deno-lint-ignore no-explicit-any
type AnyJson = any;

Deno.test("loadBundle() reads the bundled model", async () => {
  const bundle = await loadBundle(DEMO);
  assertEquals(bundle.crossAttentionLayers, 11);
  assertEquals(bundle.config.steps, 50);
  assert(bundle.config.layers!.every((layer) => layer < 11));
  const { ids, length } = bundle.tokenizer.encode("Left lung");
  assertEquals([ids.length, length], [77, 4]);
  assertEquals(ids[4], 0);
  assertEquals(await bundle.hash(), await (await loadBundle(DEMO)).hash());
});

Deno.test("loadBundle() names missing files and fields, and misfits", () =>
  withCopy(async (folder) => {
    const config = `${folder}/config.json`;
    const original = await Deno.readTextFile(config);
    const cases: [(json: AnyJson) => void, string][] = [
      [(json) => delete json.autoencoder, '"autoencoder"'],
      [(json) => json.diffusion_model.num_channels = [48, 64, 96], "list of 3"],
      [(json) => json.diffusion_model.num_channels = [48, 128], "misshaped"],
      [(json) => json.diffusion_model.num_channels = [48, -1], "num_channels"],
      [(json) => json.diffusion_model.attention_levels = [false, true], "unexpected"],
      [(json) => json.diffusion_model.num_res_blocks = 3, "missing"],
      [(json) => json.diffusion_model.num_head_channels = [40, 64], "heads of 40"],
      [(json) => json.diffusion_model.norm_num_groups = 7, "7 groups"],
      [(json) => json.diffusion_model.with_conditioning = false, "no cross-attention"],
      [(json) => json.autoencoder.latent_channels = 4, "latent has 4"],
      [(json) => json.image_size = 100, "multiple of 16"],
      [(json) => json.layers = [], '"layers" must be a list of layers, got []'],
      [(json) => json.layers = [1.5], '"layers"'],
      [(json) => json.select = [0.6, 0.4], '"select" must be two shares of T'],
      [(json) => json.select = [{ toString: 1 }, 0.6], '"select" must be two shares of T'],
      [(json) => json.select = ["0.4", "0.6"], '"select" must be two shares of T'],
      [(json) => json.select = [0.4], '"select" must be two shares of T'],
      [(json) => json.scheduler.prediction_type = "x0", '"v_prediction" or "epsilon"'],
      [(json) => json.image_size = 0, '"image_size" must be a whole number from 1'],
      [(json) => json.diffusion_model.num_res_blocks = 1e9, "num_res_blocks"],
      [(json) => json.diffusion_model.transformer_num_layers = 250, "1000 transformer layers"],
      [(json) => json.diffusion_model.spatial_dims = 3, 'config.json": "spatial_dims" must be 2'],
      [(json) => json.scheduler.beta_end = 1, '"beta_end" must be a number between 0 and 1'],
      [(json) => json.scheduler.num_train_timesteps = 1, '"num_train_timesteps" must be'],
      [(json) => json.steps = "x".repeat(5000), "xxx…"],
      [(json) => json.scheduler.beta_start = "x", '"beta_start" must be a number, got "x"'],
    ];
    for (const [change, message] of cases) {
      await Deno.writeTextFile(config, original);
      await edit(config, change);
      await assertRejects(() => loadBundle(folder), Error, message);
    }
    await Deno.writeTextFile(config, "{");
    await assertRejects(() => loadBundle(folder), SyntaxError, "not valid JSON");
    await Deno.writeTextFile(config, original);
    await Deno.remove(`${folder}/diffusion_model.safetensors`);
    await assertRejects(() => loadBundle(folder), Deno.errors.NotFound, "diffusion_model.pth");
    await assertRejects(() => loadBundle(`${folder}/nowhere`), Deno.errors.NotFound, "nowhere");
    await assertRejects(() => loadBundle(config), TypeError, "not a folder");
  }));

Deno.test("loadBundle() takes a MONAI bundle with the text encoder from elsewhere", () =>
  withCopy(async (folder) => {
    const flat = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
    const monai = `${folder}/../monai`;
    await Deno.mkdir(`${monai}/configs`, { recursive: true });
    await Deno.mkdir(`${monai}/models`);
    await Deno.writeTextFile(
      `${monai}/configs/inference.json`,
      JSON.stringify({
        imports: ["$import torch"],
        autoencoder_def: {
          _target_: "generative.networks.nets.AutoencoderKL",
          ...flat.autoencoder,
        },
        diffusion_def: { _target_: "x", ...flat.diffusion_model },
        scheduler: flat.scheduler,
        noise: "$torch.randn((1, 6, 16, 16)).to(@device)",
      }),
    );
    for (const name of ["autoencoder", "diffusion_model"]) {
      const file = `${name}.safetensors`;
      await Deno.copyFile(`${folder}/${file}`, `${monai}/models/${file}`);
    }
    await assertRejects(() => loadBundle(monai), Deno.errors.NotFound, "--text-encoder");
    const bundle = await loadBundle(monai, { textEncoder: folder });
    assertEquals(bundle.config.imageSize, 128);
    assertEquals(bundle.config.scaleFactor, 0.3);
    assertEquals(await bundle.hash(), await (await loadBundle(folder)).hash());
  }));

Deno.test("loadBundle() takes a whole CLIP model and leaves out its last layer", () =>
  withCopy(async (folder) => {
    const clip = `${folder}/../clip`;
    await Deno.mkdir(clip);
    const text = JSON.parse(await Deno.readTextFile(`${folder}/text_encoder/config.json`));
    const { config } = (await loadBundle(folder)).text as ClipLayout;
    const weights = seededWeights(buildTextEncoder({ config: { ...config, layers: 2 } }), 7);
    const plain = { name: "logit_scale", shape: [], data: () => Float32Array.of(4.6) };
    const vision = { ...plain, name: "vision_model.embeddings.class_embedding" };
    const ids = { ...plain, name: "text_model.embeddings.position_ids" };
    await writeSafetensors(`${clip}/model.safetensors`, [...weights, plain, vision, ids]);
    await Deno.writeTextFile(
      `${clip}/config.json`,
      JSON.stringify({ model_type: "clip", text_config: { ...text, num_hidden_layers: 2 } }),
    );
    for (const name of ["vocab.json", "merges.txt"]) {
      await Deno.copyFile(`${folder}/tokenizer/${name}`, `${clip}/${name}`);
    }
    // The text encoder files of OpenAI and LAION name the end token as padding; the model was
    // trained with "!".
    await Deno.writeTextFile(`${clip}/tokenizer_config.json`, '{"pad_token": "<|endoftext|>"}');
    const bundle = await loadBundle(folder, { textEncoder: clip });
    assertEquals(bundle.text.config.layers, 1);
    assertEquals(bundle.tokenizer.encode("").ids[2], 0);

    // A text encoder cut to one layer by hand must give the same embeddings.
    const kept = weights.filter(({ name }) => !name.includes(".layers.1."));
    await writeSafetensors(`${folder}/text_encoder/model.safetensors`, kept);
    await edit(`${folder}/text_encoder/config.json`, (json) => json.num_hidden_layers = 1);
    const runtime = await openRuntime("native");
    const embeddings = [];
    for (const each of [bundle, await loadBundle(folder)]) {
      const model = await openModel(each, runtime);
      embeddings.push((await model.embed(each.tokenizer.encode("left effusion"))).data);
      await model.close();
    }
    assertEquals(embeddings[0], embeddings[1]);

    const stray = { ...plain, name: "audio_model.weight" };
    await writeSafetensors(`${clip}/model.safetensors`, [...weights, stray]);
    await assertRejects(
      () => loadBundle(folder, { textEncoder: clip }),
      RangeError,
      "unexpected (audio_model.weight)",
    );
  }));

/** Splits a checkpoint into two files with an index; the index has a byte order mark. */
async function shard(
  folder: string,
  stem: string,
  prefix: string,
): Promise<Record<string, string>> {
  const files = [1, 2].map((number) => `${stem}-0000${number}-of-00002.safetensors`);
  const map: Record<string, string> = {};
  for (const [i, file] of files.entries()) {
    const names = await saveRenamed(
      `${folder}/${stem}.safetensors`,
      `${folder}/${file}`,
      (name) => prefix + name,
      (index) => index % 2 === i,
    );
    for (const name of names) map[name] = file;
  }
  await Deno.remove(`${folder}/${stem}.safetensors`);
  const index = JSON.stringify({ metadata: {}, weight_map: map });
  await Deno.writeTextFile(`${folder}/${stem}.safetensors.index.json`, `\ufeff${index}`);
  return map;
}

Deno.test("loadBundle() finds weights in the forms that training scripts save, with the same heatmap", () =>
  withCopy(async (folder) => {
    const xray = drawPhantom({ seed: 3 });
    const ground = async () => {
      const model = await openModel(await loadBundle(folder), await openRuntime("native"));
      const options = { model, steps: 10, noise: "sample" } as const;
      const [result] = await groundImage(xray, ["left pleural effusion"], options);
      await model.close();
      return result!.smoothed;
    };
    const right = await ground();
    await saveAsTorch(
      `${folder}/autoencoder.safetensors`,
      `${folder}/autoencoder.ckpt`,
      (name) => `model.${name}`,
      (state) => dict([["epoch", int(3)], ["state_dict", state]]),
    );
    await Deno.remove(`${folder}/autoencoder.safetensors`);
    await shard(folder, "diffusion_model", "module._orig_mod.");
    await shard(`${folder}/text_encoder`, "model", "");
    // Several files in full precision come before a file in half precision.
    await Deno.writeTextFile(`${folder}/diffusion_model.fp16.safetensors`, "");
    for (const path of ["config.json", "tokenizer/vocab.json", "tokenizer/merges.txt"]) {
      const text = await Deno.readTextFile(`${folder}/${path}`);
      await Deno.writeTextFile(`${folder}/${path}`, `\ufeff${text.replaceAll("\n", "\r\n")}`);
    }
    assertEquals(await ground(), right);
    assertEquals((await loadBundle(folder)).checkpoints.unet.files.length, 2);
  }));

Deno.test("loadBundle() names the fault of an index of several files", () =>
  withCopy(async (folder) => {
    const encoder = `${folder}/text_encoder`;
    const map = await shard(encoder, "model", "");
    const [name] = Object.keys(map);
    const path = `${encoder}/model.safetensors.index.json`;
    const [first, second] = [1, 2].map((number) => `model-0000${number}-of-00002.safetensors`);
    const cases: [unknown, string][] = [
      [{ ...map, [name!]: second }, `it has "${name}" in "${second}", which lacks it`],
      [{ ...map, [name!]: "gone.safetensors" }, 'it names "gone.safetensors", which is not there'],
      ...["../x.safetensors", "/etc/passwd", "a\\b", "..", 5].map((file): [unknown, string] => [
        { ...map, [name!]: file },
        `it names the file ${JSON.stringify(String(file))}, expected one beside it`,
      ]),
      [{}, 'it has no "weight_map" that names the file of each tensor'],
    ];
    for (const [weight_map, message] of cases) {
      await Deno.writeTextFile(path, JSON.stringify({ weight_map }));
      await assertRejects(() => loadBundle(folder), Error, `Cannot read "${path}": ${message}`);
    }
    await Deno.writeTextFile(path, "{");
    await assertRejects(() => loadBundle(folder), SyntaxError, "not valid JSON");
    // The reader also finds a tensor that the index does not list.
    const { [name!]: _, ...others } = map;
    await Deno.writeTextFile(path, JSON.stringify({ weight_map: others }));
    assertEquals(
      (await loadBundle(folder)).checkpoints.textEncoder.tensors.get(name!)!.path,
      `${encoder}/${first}`,
    );
  }));

Deno.test("loadBundle() asks special_tokens_map.json for the padding first", () =>
  withCopy(async (folder) => {
    const path = `${folder}/tokenizer/tokenizer_config.json`;
    await Deno.writeTextFile(path, '{"pad_token": "<|endoftext|>"}');
    const padding = async () => (await loadBundle(folder)).tokenizer.encode("").ids.at(-1);
    const { ids } = (await loadBundle(folder)).tokenizer.encode("");
    assertEquals(await padding(), ids[1]);
    const map = `${folder}/tokenizer/special_tokens_map.json`;
    await Deno.writeTextFile(map, '{"pad_token": {"content": "!"}}');
    assertEquals(await padding(), 0);
  }));

Deno.test("openModel() loads a checkpoint that is a link, as hubs keep them", () =>
  withCopy(async (folder) => {
    const file = `${folder}/diffusion_model.safetensors`;
    await Deno.mkdir(`${folder}/../blobs`);
    await Deno.rename(file, `${folder}/../blobs/0123abcd`);
    await Deno.symlink("../blobs/0123abcd", file);
    for (const name of ["native", "wasm"] as const) {
      const model = await openModel(await loadBundle(folder), await openRuntime(name));
      await model.close();
    }
  }));

Deno.test("loadBundle() refuses a text encoder that asks for the impossible", () =>
  withCopy(async (folder) => {
    const config = `${folder}/text_encoder/config.json`;
    const original = await Deno.readTextFile(config);
    const cases: [(json: AnyJson) => void, string][] = [
      [(json) => json.num_hidden_layers = 1_000_000, '"num_hidden_layers" must be a whole number'],
      [(json) => json.max_position_embeddings = 1_000_000, '"max_position_embeddings" must be'],
      [(json) => json.text_config = { num_hidden_layers: 0 }, "from 1 to 256, got 0"],
      [(json) => json.vocab_size = 700, "token ids below 700"],
    ];
    for (const [change, message] of cases) {
      await Deno.writeTextFile(config, original);
      await edit(config, change);
      await assertRejects(() => loadBundle(folder), SyntaxError, message);
    }
  }));

Deno.test("loadBundle() cuts a notice and escapes unprintable characters", () =>
  withCopy(async (folder) => {
    await edit(`${folder}/config.json`, (json) => json.notice = "\x1b[2J" + "x".repeat(5000));
    const { config } = await loadBundle(folder);
    assertEquals(config.notice, "\\u001b[2J" + "x".repeat(291) + "…");
  }));

Deno.test("loadBundle() reads no text file that is larger than memory should hold", () =>
  withCopy(async (folder) => {
    await Deno.truncate(`${folder}/tokenizer/vocab.json`, 2 ** 26 + 1);
    await assertRejects(() => loadBundle(folder), RangeError, "at most 67108864 bytes");
  }));

Deno.test("loadBundle() matches the weights of every network strictly", () =>
  withCopy(async (folder) => {
    const files = ["autoencoder", "diffusion_model", "text_encoder/model"];
    for (const file of files.map((name) => `${folder}/${name}.safetensors`)) {
      const bytes = await Deno.readFile(file);
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
      // Skip the decoder's tensors, because the reader ignores them.
      const name = /"((?!decoder|post)[\w.]+\.weight)":/.exec(header)![1]!;
      // Keep the name's length, so that all offsets stay correct.
      const other = name.replace(/weight$/, "height");
      const renamed = bytes.slice();
      renamed.set(new TextEncoder().encode(header.replace(`"${name}"`, `"${other}"`)), 8);
      await Deno.writeFile(file, renamed);
      const error = await assertRejects(() => loadBundle(folder), Error, "missing");
      assert(error.message.includes(name) && error.message.includes(other), error.message);
      await Deno.writeFile(file, bytes);
    }
    await loadBundle(folder);
  }));
