import { writeSafetensors } from "../../models/checkpoint/mod.ts";
import { buildEncoder, downsampling } from "../../models/ldm/autoencoder.ts";
import { readFlatConfig } from "../../models/ldm/config.ts";
import { buildTextEncoder, readTextConfig } from "../../models/text/text_encoder.ts";
import {
  PUBLISHED_CONFIG,
  PUBLISHED_TEXT,
  PUBLISHED_TOKENS,
} from "../../tests/support/published_model.ts";
import { seededWeights } from "../../tests/support/seeded_weights.ts";
import { buildUnet } from "../../models/ldm/unet.ts";

/** Folder of the bundled model's tokenizer. Its words take the first ids of the vocabulary. */
const TOKENIZER = new URL("../../models/demo/tokenizer/", import.meta.url);

/**
 * Writes a bundle with the published architecture and seeded weights, 2.4 GB.
 *
 * @param folder Folder of the bundle; it must exist.
 */
export async function writeSeededBundle(folder: string): Promise<void> {
  const { unet, autoencoder, imageSize } = readFlatConfig(PUBLISHED_CONFIG, "the published model");
  const latentSize = imageSize / downsampling(autoencoder);
  const text = readTextConfig(PUBLISHED_TEXT, "the published text encoder");
  const graphs = {
    "diffusion_model": buildUnet(unet, { latentSize, tokens: PUBLISHED_TOKENS }).graph,
    "autoencoder": buildEncoder(autoencoder, imageSize),
    "text_encoder/model": buildTextEncoder(text),
  };
  await Deno.mkdir(`${folder}/text_encoder`);
  await Deno.mkdir(`${folder}/tokenizer`);
  for (const [name, graph] of Object.entries(graphs)) {
    await writeSafetensors(`${folder}/${name}.safetensors`, seededWeights(graph, 1));
  }
  const writeJson = (name: string, value: unknown) =>
    Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(value));
  await writeJson("config.json", PUBLISHED_CONFIG);
  await writeJson("text_encoder/config.json", PUBLISHED_TEXT);
  for (const name of ["merges.txt", "tokenizer_config.json"]) {
    await Deno.copyFile(new URL(name, TOKENIZER), `${folder}/tokenizer/${name}`);
  }
  const words = JSON.parse(await Deno.readTextFile(new URL("vocab.json", TOKENIZER)));
  await writeJson("tokenizer/vocab.json", words);
}
