import "../../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { copy } from "../../tests/support/copy.ts";
import { saveAsTorch, saveRenamed } from "../../tests/support/save_as_torch.ts";
import { type Checkpoint, openCheckpoint, readTensor } from "../checkpoint/mod.ts";
import { dict } from "../../tests/support/torch_file.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { type Bundle, loadBundle } from "./bundle.ts";
import { openModel } from "./model.ts";

const path = (name: string) => new URL(name, import.meta.url).pathname;
const SHARED = path("../../../shared/reference/");
/** The same model, saved by MONAI Generative and by MONAI 1.6.1. */
const OLDER = `${SHARED}ldm-tiny`;
const CORE = `${SHARED}ldm-tiny-core`;
/** A bundle with combined projections, and with outputs of MONAI 1.6.1. */
const FIXTURE = path("fixtures/monai");
const DEMO = path("../demo");

// deno-lint-ignore no-explicit-any
type AnyJson = any;

/** Runs a test in a folder of its own. */
async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Checks that two bundles have the same architecture, and the same numbers under equal names.
 *
 * @param every Which tensors to read: each of them, or each so many.
 */
async function assertSame(bundle: Bundle, other: Bundle, every = 1): Promise<void> {
  assertEquals(bundle.config, other.config);
  const all = ({ checkpoints }: Bundle) => Object.values<Checkpoint>(checkpoints);
  for (const [i, checkpoint] of all(bundle).entries()) {
    const expected = all(other)[i]!;
    const names = [...checkpoint.tensors.keys()].sort();
    assertEquals(names, [...expected.tensors.keys()].sort());
    for (const name of names.filter((_, i) => i % every === 0)) {
      const [a, b] = [await readTensor(checkpoint, name), await readTensor(expected, name)];
      assert(a.length === b.length && a.every((value, i) => value === b[i]), name);
    }
  }
}

Deno.test("loadBundle() reads the same numbers by MONAI's names as by MONAI Generative's", async () => {
  await assertSame(await loadBundle(CORE), await loadBundle(OLDER));
});

Deno.test("loadBundle() reads each network in its own layout", () =>
  withFolder(async (folder) => {
    const [autoencoder, unet] = ["autoencoder", "diffusion_model"];
    await Deno.copyFile(`${CORE}/config.json`, `${folder}/config.json`);
    await Deno.copyFile(`${CORE}/${autoencoder}.pt`, `${folder}/${autoencoder}.pt`);
    await Deno.copyFile(`${OLDER}/${unet}.pth`, `${folder}/${unet}.pth`);
    const older = await loadBundle(OLDER);
    await assertSame(await loadBundle(folder, { textEncoder: CORE }), older, 20);
    for (const name of [`${autoencoder}.pt`, `${unet}.pth`]) await Deno.remove(`${folder}/${name}`);
    await Deno.copyFile(`${OLDER}/${autoencoder}.pth`, `${folder}/${autoencoder}.pth`);
    await Deno.copyFile(`${CORE}/${unet}.pt`, `${folder}/${unet}.pt`);
    await assertSame(await loadBundle(folder, { textEncoder: CORE }), older, 20);
  }));

Deno.test("loadBundle() reads MONAI's names behind any prefix", () =>
  withFolder(async (folder) => {
    await copy(FIXTURE, folder);
    const [autoencoder, unet] = ["autoencoder_tuned", "diffusion_model"]
      .map((name) => `${folder}/models/${name}.safetensors`) as [string, string];
    await saveAsTorch(
      autoencoder,
      `${autoencoder}.pt`,
      (name) => `module.${name}`,
      (state) => dict([["state_dict", state]]),
    );
    await Deno.rename(`${autoencoder}.pt`, autoencoder);
    await saveAsTorch(unet, `${unet}.pt`, (name) => `model._orig_mod.${name}`);
    await Deno.rename(`${unet}.pt`, unet);
    const load = (path: string) => loadBundle(path, { textEncoder: DEMO });
    await assertSame(await load(folder), await load(FIXTURE));
  }));

Deno.test("loadBundle() names misfits in the file's own names", () =>
  withFolder(async (folder) => {
    await copy(FIXTURE, folder);
    const out = "middle_block.attention.transformer_blocks.0.attn2";
    const cases: [(name: string) => string, string][] = [
      [
        (name) => name === `${out}.out_proj.bias` ? "x" : name,
        `1 missing (${out}.out_proj.bias); 1 unexpected (x)`,
      ],
      [
        (name) => name.replace(`${out}.out_proj`, `${out}.to_out.0`),
        `2 missing (${out}.out_proj.weight, ${out}.out_proj.bias); ` +
        `2 unexpected (${out}.to_out.0.bias, ${out}.to_out.0.weight)`,
      ],
      [
        (name) => name.replace("attn1.qkv", "attn1.kqv"),
        "missing (down_blocks.1.attentions.0.transformer_blocks.0.attn1.qkv.weight,",
      ],
    ];
    const file = "models/diffusion_model.safetensors";
    for (const [rename, message] of cases) {
      await Deno.remove(`${folder}/${file}`);
      await saveRenamed(`${FIXTURE}/${file}`, `${folder}/${file}`, rename);
      const loading = () => loadBundle(folder, { textEncoder: DEMO });
      await assertRejects(loading, RangeError, message);
    }
  }));

Deno.test("loadBundle() reads a MONAI bundle in the model zoo's older and newer version", () =>
  withFolder(async (folder) => {
    const versions = [
      [OLDER, "generative.networks", "pth"],
      [CORE, "monai.networks", "pt"],
    ] as const;
    for (const [from, library, ending] of versions) {
      const flat = JSON.parse(await Deno.readTextFile(`${from}/config.json`));
      const bundle = `${folder}/${ending}`;
      await Deno.mkdir(`${bundle}/configs`, { recursive: true });
      await Deno.mkdir(`${bundle}/models`);
      const side = flat.image_size / 8;
      await Deno.writeTextFile(
        `${bundle}/configs/inference.json`,
        JSON.stringify({
          bundle_root: ".",
          load_old: 1,
          model_dir: "$@bundle_root + '/models'",
          autoencoder_def: { _target_: `${library}.nets.AutoencoderKL`, ...flat.autoencoder },
          load_autoencoder_path: `$@model_dir + '/autoencoder.${ending}'`,
          diffusion_def: {
            _target_: `${library}.nets.DiffusionModelUNet`,
            ...flat.diffusion_model,
          },
          load_diffusion_path: `$@model_dir + '/diffusion_model.${ending}'`,
          scheduler: { _target_: `${library}.schedulers.DDIMScheduler`, ...flat.scheduler },
          noise: `$torch.randn((1, 3, ${side}, ${side})).to(@device)`,
        }),
      );
      for (const name of ["autoencoder", "diffusion_model"]) {
        await Deno.copyFile(`${from}/${name}.${ending}`, `${bundle}/models/${name}.${ending}`);
      }
      const read = await loadBundle(bundle, { textEncoder: from });
      await assertSame(read, await loadBundle(OLDER), 20);
    }
  }));

Deno.test("the networks give MONAI's numbers where only MONAI has the option", async () => {
  const bundle = await loadBundle(FIXTURE, { textEncoder: DEMO });
  const expected = JSON.parse(await Deno.readTextFile(`${FIXTURE}/expected.json`));
  const model = await openModel(bundle, await openRuntime("native"), { layers: "all" });
  const ramp = (length: number, from: number) =>
    Float32Array.from({ length }, (_, i) => from + (1 - from) * i / (length - 1));
  const mean = await model.read(await model.encode(ramp(64, 0)), 32);
  const context = ramp(77 * 64, -1).map(Math.sin);
  const prediction = await model.predict(ramp(32, -1), 500, await model.project(context));
  await model.close();
  // The bundle's configuration has scale_factor 0.5.
  mean.forEach((value, i) => assertAlmostEquals(value, 0.5 * expected.mean[i], 1e-5));
  prediction.forEach((value, i) => assertAlmostEquals(value, expected.prediction[i], 1e-5));
});

Deno.test("loadBundle() tells by the names whether attention ends in a projection", () =>
  withFolder(async (folder) => {
    await copy(FIXTURE, folder);
    const load = () => loadBundle(folder, { textEncoder: DEMO });
    const core = await load();
    assertEquals(core.config.autoencoder.attentionProjection, "applied");
    const file = `${folder}/models/autoencoder_tuned.safetensors`;
    const older = (name: string) =>
      name.replace(".attn.out_proj.", ".proj_attn.").replace(".attn.", ".");
    await Deno.remove(file);
    await saveRenamed(`${FIXTURE}/models/autoencoder_tuned.safetensors`, file, older);
    const { config, checkpoints } = await load();
    assert(!("attentionProjection" in config.autoencoder));
    assertEquals(checkpoints.autoencoder.tensors.size, core.checkpoints.autoencoder.tensors.size);
  }));

Deno.test("loadBundle() resolves the references of a MONAI bundle, and runs no code", () =>
  withFolder(async (folder) => {
    await copy(FIXTURE, folder);
    const load = () => loadBundle(folder, { textEncoder: DEMO });
    const file = `${folder}/configs/inference.json`;
    const original = await Deno.readTextFile(file);
    const { config, checkpoints } = await load();
    assertEquals(config.imageSize, 8);
    assertEquals(config.scaleFactor, 0.5);
    assertEquals(config.unet.headChannels, [0, 4]);
    assert(checkpoints.autoencoder.path.endsWith("/autoencoder_tuned.safetensors"));
    const cases: [(json: AnyJson) => void, string][] = [
      [(json) => json.latent_channels = "@latent_channels", 'must be a number, got "@latent_ch'],
      [
        (json) => json.latent_channels = "$1 + 1",
        '"in_channels" must be a number, got "$1 + 1"',
      ],
      [(json) => json.groups = "@nowhere", '"num_head_channels" must be a list of 2, got [0,"@no'],
      [
        (json) => json.scale_factor = "$1 / @std",
        '"scale_factor" must be a number, got "$1 / @std"',
      ],
      [(json) => json.noise = "$torch.load('z')", '"noise" must be a call of torch.randn'],
      [(json) => json.latent_shape = [2, 4, 6], '"latent_shape" must be the latent\'s channels'],
      [(json) => json.diffusion_def.include_fc = 1, '"include_fc" must be true or false, got 1'],
      [(json) => json.diffusion_def.num_class_embeds = 3, '"num_class_embeds" is not supported'],
      [(json) => json.diffusion_def.include_fc = true, "attn1.out_proj.weight"],
      [(json) => json.autoencoder_def.include_fc = false, "unexpected (encoder.blocks.4.attn.out_"],
    ];
    for (const [change, message] of cases) {
      const json = JSON.parse(original);
      change(json);
      await Deno.writeTextFile(file, JSON.stringify(json));
      await assertRejects(load, Error, message);
    }
  }));

Deno.test("loadBundle() takes the file that a MONAI bundle names before the usual files", () =>
  withFolder(async (folder) => {
    await copy(FIXTURE, folder);
    await Deno.writeTextFile(`${folder}/models/autoencoder.pth`, "another model");
    const { checkpoints } = await loadBundle(folder, { textEncoder: DEMO });
    const named = await openCheckpoint(`${folder}/models/autoencoder_tuned.safetensors`);
    assertEquals(checkpoints.autoencoder.files, named.files);
  }));
