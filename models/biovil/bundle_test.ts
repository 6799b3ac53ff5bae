import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { copy } from "../../tests/support/copy.ts";
import { saveAsTorch, saveRenamed } from "../../tests/support/save_as_torch.ts";
import { dict, int } from "../../tests/support/torch_file.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { openBiovil } from "./biovil.ts";
import { loadBiovil } from "./bundle.ts";
import { pattern } from "./fixtures/pattern.ts";
import { withSmallModel } from "./fixtures/small_model.ts";

const IMAGE = "biovil_image_resnet50_proj_size_128.pt";

Deno.test("loadBiovil() reads files of torch.save, which give the same heatmap", () =>
  withSmallModel("biovil", async (folder) => {
    const runtime = await openRuntime("native");
    const image = { width: 30, height: 40, data: pattern(30, 40) };
    const heatmaps = [];
    for (const format of ["safetensors", "pytorch"]) {
      if (format === "pytorch") {
        await saveAsTorch(`${folder}/${IMAGE}`, `${folder}/${IMAGE}`);
        await saveAsTorch(`${folder}/model.safetensors`, `${folder}/pytorch_model.bin`);
        await Deno.remove(`${folder}/model.safetensors`);
      }
      const { image: { checkpoint }, text } = await loadBiovil(folder, "biovil");
      assertEquals([checkpoint.format, text.checkpoint.format], [format, format]);
      const model = await openBiovil(folder, runtime, "biovil");
      heatmaps.push(await model.ground(image, ["left effusion"]));
      await model.close();
    }
    assertEquals(heatmaps[0], heatmaps[1]);
  }));

Deno.test("loadBiovil() finds weights in the forms that training scripts save", () =>
  withSmallModel("biovil", async (folder) => {
    const { image, text } = await loadBiovil(folder, "biovil");
    const stem = IMAGE.replace(/\.pt$/, "");
    await saveAsTorch(
      `${folder}/${IMAGE}`,
      `${folder}/${stem}.CKPT`,
      (name) => `model._orig_mod.${name}`,
      (state) => dict([["epoch", int(3)], ["state_dict", state]]),
    );
    await Deno.remove(`${folder}/${IMAGE}`);
    const file = "model.fp16.safetensors";
    await saveRenamed(
      `${folder}/model.safetensors`,
      `${folder}/${file}`,
      (name) => `module.${name}`,
    );
    await Deno.remove(`${folder}/model.safetensors`);
    const vocabulary = await Deno.readTextFile(`${folder}/vocab.txt`);
    await Deno.writeTextFile(`${folder}/vocab.txt`, `\ufeff${vocabulary.replaceAll("\n", "\r\n")}`);
    const again = await loadBiovil(folder, "biovil");
    assertEquals(again.image.config, image.config);
    assertEquals(again.image.checkpoint.path, `${folder}/${stem}.CKPT`);
    assertEquals(again.text.checkpoint.path, `${folder}/${file}`);
    for (const [found, graph] of [[again.image, image.graph], [again.text, text.graph]] as const) {
      for (const name of graph.weights.keys()) assert(found.checkpoint.tensors.has(name), name);
    }
  }));

Deno.test("loadBiovil() finds the text encoder beside the image encoder or in a folder", () =>
  withSmallModel("biovil-t", async (folder) => {
    const hash = await (await loadBiovil(folder, "biovil-t")).hash();
    const texts = ["config.json", "model.safetensors", "vocab.txt"];
    let from = folder;
    for (const to of [`${folder}/text`, `${folder}/BiomedVLP-BioViL-T`]) {
      await Deno.mkdir(to);
      for (const name of texts) await Deno.rename(`${from}/${name}`, `${to}/${name}`);
      from = to;
      assertEquals(await (await loadBiovil(folder, "biovil-t")).hash(), hash);
    }
    const name = "biovil_t_image_model_proj_size_128.pt";
    await Deno.rename(`${folder}/${name}`, `${from}/${name}`);
    assertEquals(await (await loadBiovil(folder, "biovil-t")).hash(), hash);
  }));

Deno.test("loadBiovil() takes both models from one folder, but no text encoder for the other's", () =>
  withSmallModel("biovil-t", (temporal) =>
    withSmallModel("biovil", async (folder) => {
      const name = "biovil_t_image_model_proj_size_128.pt";
      await Deno.copyFile(`${temporal}/${name}`, `${folder}/${name}`);
      for (const variant of ["biovil", "biovil-t"] as const) {
        await assertRejects(
          () => loadBiovil(folder, variant),
          TypeError,
          "Cannot tell which model",
        );
      }
      await Deno.remove(`${folder}/${name}`);
      await copy(temporal, `${folder}/BiomedVLP-BioViL-T`);
      const { view } = await loadBiovil(folder, "biovil-t");
      assertEquals([view.crop, (await loadBiovil(folder, "biovil")).view.crop], [448, 480]);
    })));

Deno.test("loadBiovil() says which file is missing and where it comes from", () =>
  withSmallModel("biovil", async (folder) => {
    await assertRejects(() => loadBiovil(`${folder}/none`, "biovil"), Deno.errors.NotFound, "none");
    await assertRejects(() => loadBiovil(folder, "biovil-t"), Deno.errors.NotFound, "BioViL-T");
    for (
      const [name, what] of [
        ["vocab.txt", "the vocabulary of biovil"],
        ["model.safetensors", "the text encoder's weights of biovil"],
        ["config.json", "the text encoder's configuration of biovil"],
        [IMAGE, "the image encoder of biovil"],
      ] as const
    ) {
      await Deno.remove(`${folder}/${name}`);
      const error = await assertRejects(
        () => loadBiovil(folder, "biovil"),
        Deno.errors.NotFound,
        `Cannot find ${what} (from microsoft/BiomedVLP-CXR-BERT-specialized on Hugging Face`,
      );
      assertEquals(error.message.includes(`/${name}"`), true, error.message);
    }
  }));

Deno.test("loadBiovil() names missing, surplus and misshaped tensors", () =>
  withSmallModel("biovil", async (folder) => {
    const file = `${folder}/${IMAGE}`;
    const original = `${folder}/original`;
    await Deno.rename(file, original);
    const cases: [(name: string) => string | undefined, string][] = [
      [(name) => name.endsWith("layer3.0.bn2.running_var") ? undefined : name, "1 missing"],
      [(name) => name.replace("projector.model.3.bias", "projector.model.3.shift"), "unexpected"],
      [(name) => name.replace("encoder.encoder.fc.bias", "encoder.encoder.fc2.bias"), "fc2.bias"],
      [(name) => name.replace("bn1.num_batches", "bn9.num_batches"), "bn9.num_batches_tracked"],
    ];
    for (const [rename, message] of cases) {
      await saveAsTorch(original, file, rename);
      await assertRejects(() => loadBiovil(folder, "biovil"), RangeError, message);
    }
    await Deno.rename(original, file);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
    for (
      const [change, message] of [
        [{ vocab_size: 300 }, 'word_embeddings.weight" expected [300,64], got [256,64]'],
        [{ num_attention_heads: 5 }, "hidden size 64 does not fall into 5 heads"],
        [{ hidden_act: "relu" }, '"hidden_act" must be "gelu"'],
        [{ num_hidden_layers: 3 }, "missing (bert.encoder.layer.2."],
        [{ num_hidden_layers: 1 }, "unexpected (bert.encoder.layer.1."],
      ] as const
    ) {
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...config, ...change }));
      await assertRejects(() => loadBiovil(folder, "biovil"), Error, message);
    }
  }));

Deno.test("loadBiovil() refuses a corrupt checkpoint and a vocabulary of another model", () =>
  withSmallModel("biovil", async (folder) => {
    const words = await Deno.readTextFile(`${folder}/vocab.txt`);
    await Deno.writeTextFile(`${folder}/vocab.txt`, words + "word\n".repeat(200));
    await assertRejects(() => loadBiovil(folder, "biovil"), SyntaxError, "token ids below 256");
    const file = `${folder}/${IMAGE}`;
    await saveAsTorch(file, file);
    await Deno.truncate(file, 1_000_000);
    await assertRejects(() => loadBiovil(folder, "biovil"), SyntaxError, IMAGE);
    await Deno.writeTextFile(file, "<html>Not found</html>");
    await assertRejects(() => loadBiovil(folder, "biovil"), SyntaxError, IMAGE);
  }));
