import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { writeSafetensors } from "../models/checkpoint/mod.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { buildTextEncoder, readTextConfig } from "../models/text/text_encoder.ts";
import { inFolder } from "../tests/support/command.ts";
import { FakeHub } from "../tests/support/hub.ts";
import { seededWeights } from "../tests/support/seeded_weights.ts";
import { findModel } from "./catalog.ts";
import { fetchModel } from "./fetch_model.ts";

const MODEL =
  new URL("../../shared/reference/diffusers/c-radedit/model/", import.meta.url).pathname;

/** Name of a part's weights in the reference's folders. */
const WEIGHTS: Readonly<Record<string, string>> = {
  unet: "unet/diffusion_pytorch_model.bin",
  vae: "vae/diffusion_pytorch_model.bin",
};

/** Reads a file of a model; the text encoder has 128 positions, since RadEdit needs as many. */
async function contentOf(to: string, folder: string): Promise<string | Uint8Array<ArrayBuffer>> {
  const [part, name] = to.split("/") as [string, string];
  if (part === "text_encoder") {
    const config = JSON.parse(await Deno.readTextFile(`${MODEL}text_encoder/config.json`));
    config.max_position_embeddings = 128;
    if (name === "config.json") return JSON.stringify(config);
    const file = `${folder}/text.safetensors`;
    const graph = buildTextEncoder(readTextConfig(config, "the text encoder"));
    await writeSafetensors(file, seededWeights(graph, 1));
    return await Deno.readFile(file);
  }
  return name.endsWith(".safetensors")
    ? await Deno.readFile(MODEL + WEIGHTS[part])
    : await Deno.readTextFile(MODEL + to);
}

for (const name of ["generate-to-ground", "radedit"]) {
  Deno.test(`fetchModel() puts ${name} together from its repositories, ready to load`, () =>
    inFolder(async (folder) => {
      await using hub = new FakeHub();
      const model = findModel(name)!;
      for (const { repository, files } of model.sources) {
        for (const { path, others = [], to = path } of files) {
          // The last path must serve too.
          hub.add(`${repository}/${others.at(-1) ?? path}`, await contentOf(to, folder));
        }
      }
      const target = `${folder}/${name}`;
      const source = { endpoint: hub.endpoint, hosts: [hub.host("hub"), hub.host("storage")] };
      assert(await fetchModel(model, target, { source, freeBytes: () => Promise.resolve(1e12) }));
      const { config, tokenizer } = await loadBundle(target);
      const isRadedit = name === "radedit";
      assertEquals(tokenizer.positions, isRadedit ? 128 : 77);
      assertEquals(tokenizer.encode("").masked, undefined);
      assertEquals(tokenizer.encode("left lung").masked, isRadedit ? undefined : true);
      assertEquals(config.scheduler.spacing, "trailing");
    }));
}
