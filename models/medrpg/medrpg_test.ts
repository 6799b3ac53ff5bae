import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decodeImage } from "../../pipeline/decode.ts";
import { furthest } from "../../tests/support/gpu.ts";
import { floats, readSafetensors } from "../../tests/support/safetensors.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { loadMedrpg } from "./bundle.ts";
import { openMedrpg } from "./medrpg.ts";
import { placeImage, preprocess, toImageBox } from "./preprocess.ts";

const ROOT = new URL("../../../shared/reference/", import.meta.url).pathname;
const SHAPES = ["portrait", "landscape"] as const;

async function readJson(path: string) {
  return JSON.parse(await Deno.readTextFile(`${ROOT}${path}`));
}

Deno.test("preprocess() gives the original's pixels and placement", async () => {
  for (const shape of SHAPES) {
    const { placement, model } = await readJson(`medrpg_${shape}/expected.json`);
    const { imsize: side } = model.args;
    const image = await decodeImage(`${ROOT}medrpg_${shape}/image.png`);
    const tensors = await readSafetensors(`${ROOT}medrpg_${shape}/expected.safetensors`);
    assertEquals(placeImage(image, side), placement);
    const off = furthest(preprocess(image, side), floats(tensors, "image"));
    assert(off < 1e-6, `${shape}: ${off}`);
  }
});

Deno.test("placeImage() rounds halves to even, and puts an odd rest to the right and the bottom", () => {
  assertEquals(placeImage({ width: 640, height: 640 }, 640), {
    ...{ ratio: 1, width: 640, height: 640, left: 0, top: 0 },
  });
  // 512 * 100.5 / 512: the half goes to 100, not to 101.
  assertEquals(placeImage({ width: 1024, height: 201 }, 512), {
    ...{ ratio: 0.5, width: 512, height: 100, left: 0, top: 206 },
  });
  assertEquals(placeImage({ width: 10, height: 7 }, 10), {
    ...{ ratio: 1, width: 10, height: 7, left: 0, top: 1 },
  });
  assertThrows(() => placeImage({ width: 2, height: 4000 }, 640), RangeError, "too thin");
});

Deno.test("toImageBox() cuts a box at the edges of square and image", () => {
  const image = { width: 100, height: 200 };
  const placement = placeImage(image, 400);
  assertEquals(toImageBox([0.5, 0.5, 0.25, 0.5], placement, 400, image), [25, 50, 50, 100]);
  assertEquals(toImageBox([0.5, 0.9, 2, 0.4], placement, 400, image), [0, 140, 100, 60]);
  assertEquals(toImageBox([0.1, 0.5, 0.1, 0.25], placement, 400, image), [0, 75, 0, 50]);
});

Deno.test("openMedrpg() repeats the deviations of the paper's loader on demand", async () => {
  for (const shape of SHAPES) {
    const { phrases } = await readJson(`medrpg_${shape}/as_evaluated.json`);
    const folder = `${ROOT}medrpg_${shape}`;
    const image = await decodeImage(`${folder}/image.png`);
    const runtime = await openRuntime("native");
    const model = await openMedrpg(await loadMedrpg(folder), runtime, "paper");
    for (const { phrase, cxcywh } of phrases) {
      const off = furthest(await model.answer(image, phrase), Float32Array.from(cxcywh));
      assert(off < 2e-5, `${shape}, ${phrase}: ${off}`);
    }
    await model.close();
  }
});

Deno.test("loadMedrpg() refuses other architectures and missing files in a sentence", async () => {
  const folder = await Deno.makeTempDir();
  const load = () => loadMedrpg(folder);
  const from = `${ROOT}medrpg_portrait`;
  try {
    await assertRejects(load, Deno.errors.NotFound, "the checkpoint of MedRPG");
    const other = `${ROOT}omnifm_landscape/OmniFM-DR.pth`;
    await Deno.copyFile(other, `${folder}/MedMPG_MS_CXR.pth`);
    await assertRejects(load, RangeError, 'as MedRPG: it has no tensor "');
    await Deno.copyFile(`${from}/MedMPG_MS_CXR.pth`, `${folder}/MedMPG_MS_CXR.pth`);
    await assertRejects(load, Deno.errors.NotFound, "the vocabulary of MedRPG");
    await Deno.writeTextFile(`${folder}/vocab.txt`, "[PAD]\n[UNK]\n");
    await assertRejects(load, SyntaxError, 'it has no token "[CLS]"');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("encode() cuts long phrases, and refuses a phrase without a token", async () => {
  const { encode } = await loadMedrpg(`${ROOT}medrpg_portrait`);
  const { ids, length, cut } = encode("edema ".repeat(30));
  assertEquals([ids.length, length, cut], [20, 20, 12]);
  // The tokenizer reads a special token in lower case as text, between brackets.
  assertEquals(encode("edema [SEP]").length > encode("edema").length + 2, true);
  assertThrows(() => encode("\u200b"), SyntaxError, "it comes to no token");
});
