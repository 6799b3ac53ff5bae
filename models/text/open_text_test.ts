import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { copy } from "../../tests/support/copy.ts";
import { furthest } from "../../tests/support/gpu.ts";
import { readSafetensors } from "../../tests/support/safetensors.ts";
import { saveRenamed } from "../../tests/support/save_as_torch.ts";
import { openCheckpoint, readTensor } from "../checkpoint/mod.ts";
import { loadGraph } from "../ldm/load_graph.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { type EncodedPhrase, phraseNotes } from "../tokenizer.ts";
import { openText } from "./open_text.ts";
import { buildTextEncoder, textFeeds } from "./text_encoder.ts";

const REFERENCE = new URL("../../../shared/reference/diffusers/", import.meta.url).pathname;

const open = (model: string) =>
  openText(`${model}/text_encoder`, `${model}/tokenizer`, "diffusers");

/** Embeds phrases, one after another, with the model in a folder. */
async function embed(
  model: string,
  phrases: readonly string[],
  change: Partial<EncodedPhrase> = {},
): Promise<Float32Array> {
  const { layout, checkpoint, tokenizer } = await open(model);
  const graph = buildTextEncoder(layout, { lookUp: false, tokens: tokenizer.positions });
  const session = await loadGraph(graph, checkpoint, await openRuntime("native"), "float32");
  const values: number[] = [];
  for (const phrase of phrases) {
    const encoded = { ...tokenizer.encode(phrase), ...change };
    const output = await session.run(await textFeeds(layout, checkpoint, encoded), ["embeddings"]);
    values.push(...output.embeddings!.data as Float32Array);
  }
  await session.release();
  return Float32Array.from(values);
}

/** Opens a reference case: its model, phrase and tensors. */
async function reference(name: string) {
  const folder = `${REFERENCE}${name}`;
  const { phrase } = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  const file = await openCheckpoint(`${folder}/expected.safetensors`);
  return {
    model: `${folder}/model`,
    phrases: ["", phrase as string],
    ids: (await readSafetensors(`${folder}/expected.safetensors`)).get("text.ids")!.data,
    tensor: (tensor: string) => readTensor(file, tensor),
  };
}

/** Runs a test on a copy of a reference model, which the test may change. */
async function withCopy(name: string, test: (model: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    for (const part of ["text_encoder", "tokenizer"]) {
      await copy(`${REFERENCE}${name}/model/${part}`, `${folder}/${part}`);
      for (const { name } of Deno.readDirSync(`${folder}/${part}`)) {
        await Deno.chmod(`${folder}/${part}/${name}`, 0o644);
      }
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function edit(path: string, change: Record<string, unknown>): Promise<void> {
  const json = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...json, ...change }));
}

for (const name of ["a-sd1", "b-sd2", "c-radedit"]) {
  Deno.test(`openText() gives the ids and embeddings of transformers for ${name}`, async () => {
    const { model, phrases, ids, tensor } = await reference(name);
    const { tokenizer } = await open(model);
    assertEquals(
      phrases.flatMap((phrase) => tokenizer.encode(phrase).ids),
      Array.from(ids, Number),
    );
    const embeddings = await embed(model, phrases);
    assert(furthest(embeddings, await tensor("text.embeddings")) < 1e-5);
  });
}

Deno.test("openText() hides BERT's padding where a phrase says so", async () => {
  const { model, phrases, tensor } = await reference("c-radedit");
  for (const masked of [false, true]) {
    const expected = await tensor(`text.embeddings_${masked ? "" : "un"}masked`);
    assert(furthest(await embed(model, phrases, { masked }), expected) < 1e-5);
  }
});

Deno.test("openText() reads when to hide the padding from the files", () =>
  withCopy("c-radedit", async (model) => {
    const masked = async () => {
      const { tokenizer } = await open(model);
      return ["", "left"].map((phrase) => tokenizer.encode(phrase).masked ?? false);
    };
    assertEquals(await masked(), [false, false]);
    await edit(`${model}/text_encoder/config.json`, { use_attention_mask: true });
    assertEquals(await masked(), [true, true]);
    await edit(`${model}/tokenizer/tokenizer_config.json`, { mask_padding: "phrases" });
    assertEquals(await masked(), [false, true]);
  }));

Deno.test("openText() reads names without the encoder's prefix, as CLIP of transformers 5 has", async () => {
  for (const [name, prefix] of [["a-sd1", "text_model."], ["c-radedit", "bert."]] as const) {
    await withCopy(name, async (model) => {
      const phrases = ["left lung"];
      const right = await embed(model, phrases);
      const folder = `${model}/text_encoder`;
      const [file] = [...Deno.readDirSync(folder)].map(({ name }) => name)
        .filter((name) => /^(pytorch_)?model\./.test(name));
      await saveRenamed(
        `${folder}/${file}`,
        `${folder}/model.new`,
        (name) => name.startsWith(prefix) ? name.slice(prefix.length) : name,
      );
      await Deno.remove(`${folder}/${file}`);
      await Deno.rename(`${folder}/model.new`, `${folder}/model.safetensors`);
      assertEquals(await embed(model, phrases), right);
    });
  }
});

Deno.test("openText() cuts a long phrase before the end token, and notes unknown words", () =>
  withCopy("c-radedit", async (model) => {
    await edit(`${model}/tokenizer/tokenizer_config.json`, { model_max_length: 5 });
    const { tokenizer } = await open(model);
    const encoded = tokenizer.encode("left left [MASK] left \u80ba");
    const [start, left, , mask, end] = encoded.ids;
    assertEquals(encoded.ids, [start, left, left, mask, end]);
    assertEquals([encoded.length, encoded.cut], [5, 2]);
    const notes = phraseNotes(encoded);
    assertStringIncludes(notes[0]!, "has 5 tokens, of which the model reads the first 3");
    assertStringIncludes(notes[1]!, 'does not know "\u80ba"');
  }));

Deno.test("openText() refuses other encoders and vocabularies by name", async () => {
  const encoder = "text_encoder/config.json";
  const tokenizer = "tokenizer/tokenizer_config.json";
  const cases: [string, string, Record<string, unknown>, string][] = [
    ["a-sd1", encoder, { model_type: "t5" }, 'text encoder "t5" is not supported'],
    ["a-sd1", encoder, { hidden_act: "gelu_new" }, '"hidden_act" must be "gelu" or "quick_gelu"'],
    [
      "a-sd1",
      encoder,
      { model_type: null, architectures: ["XLMRobertaModel"] },
      '"XLMRobertaModel" is not supported',
    ],
    ["a-sd1", tokenizer, { tokenizer_class: "T5Tokenizer" }, "must be CLIPTokenizer"],
    ["a-sd1", tokenizer, { mask_padding: "all" }, '"mask_padding" must be "none" for a CLIP'],
    ["c-radedit", encoder, { is_decoder: true }, '"is_decoder" must be false'],
    ["c-radedit", encoder, { position_embedding_type: "relative_key" }, 'must be "absolute"'],
    ["c-radedit", tokenizer, { tokenizer_class: "CLIPTokenizer" }, "must be BertTokenizer"],
    ["c-radedit", tokenizer, { model_max_length: 1e30 }, "RadEdit 128), got 1e+30"],
    ["c-radedit", tokenizer, { model_max_length: null }, "RadEdit 128), got none"],
    ["c-radedit", tokenizer, { model_max_length: 65 }, "from 2 to 64"],
    ["c-radedit", tokenizer, { pad_token: "[LEFT]" }, 'no token "[LEFT]"'],
  ];
  for (const [name, file, change, message] of cases) {
    await withCopy(name, async (model) => {
      await Deno.remove(`${model}/tokenizer/special_tokens_map.json`);
      await edit(`${model}/${file}`, change);
      await assertRejects(() => open(model), SyntaxError, message);
    });
  }
});
