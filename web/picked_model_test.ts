import { assertEquals, assertThrows } from "@std/assert";
import { InputTypeError } from "../base/errors.ts";
import { findModel } from "./picked_model.ts";

/** Returns files of a picked folder, by their paths. */
const picked = (...paths: string[]) => paths.map((path) => ({ path, file: new File([], path) }));

const MONAI = ["configs/inference.json", "models/autoencoder.pth", "models/diffusion_model.pth"];
const FLAT = ["config.json", "autoencoder.pth", "diffusion_model.pth"];
const TEXT = ["text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/vocab.json"];

const below = (folder: string, paths: readonly string[]) =>
  paths.map((path) => `${folder}/${path}`);

Deno.test("findModel() takes the folder that was picked, with the text encoder in it or not", () => {
  const flat = picked(...below("cxr", [...FLAT, ...TEXT]));
  assertEquals(findModel({ files: flat }), { path: "model/cxr" });
  // An earlier model's text encoder, which a user cannot unpick in a browser.
  const other = picked(...below("sd21", TEXT));
  assertEquals(findModel({ files: flat, textEncoder: other }), { path: "model/cxr" });
  const monai = picked(...below("cxr", MONAI));
  assertEquals(findModel({ files: monai }), { path: "model/cxr" });
  const textEncoder = picked(...below("sd21", TEXT));
  assertEquals(findModel({ files: monai, textEncoder }), {
    path: "model/cxr",
    textEncoder: "text encoder/sd21",
  });
});

Deno.test("findModel() finds model and text encoder in a folder that both were downloaded to", () => {
  const files = picked(
    ...below("all/sd21", TEXT),
    "all/sd21/unet/config.json",
    ...below("all/cxr", MONAI),
  );
  assertEquals(findModel({ files }), { path: "model/all/cxr", textEncoder: "model/all/sd21" });
  const deeper = picked("all/a/text_encoder/config.json", ...below("all", TEXT));
  const { textEncoder } = findModel({ files, textEncoder: deeper });
  assertEquals(textEncoder, "text encoder/all");
});

Deno.test("findModel() takes text files side by side, and leaves other folders to be refused later", () => {
  const textEncoder = picked("clip/config.json", "clip/model.safetensors", "clip/vocab.json");
  const files = picked(...below("cxr", FLAT));
  assertEquals(findModel({ files, textEncoder }), {
    path: "model/cxr",
    textEncoder: "text encoder/clip",
  });
  assertEquals(findModel({ files: picked("photos/a.jpg") }), { path: "model/photos" });
  assertEquals(findModel({ files: [] }), { path: "model/" });
});

Deno.test("findModel() finds a diffusers model, and lets picked parts replace its own", () => {
  const files = picked(...below("all/sd", ["model_index.json", "unet/config.json", ...TEXT]));
  assertEquals(findModel({ files }), { path: "model/all/sd" });
  const textEncoder = picked("bert/config.json", "bert/vocab.txt");
  const parts = { unet: picked("ema/config.json"), vae: [], scheduler: picked("s/x/y.json") };
  assertEquals(findModel({ files, textEncoder, parts }), {
    path: "model/all/sd",
    textEncoder: "text encoder/bert",
    unet: "unet/ema",
    scheduler: "scheduler/s",
  });
  const alone = { files: [], parts: { ...parts, vae: picked("kl/config.json") } };
  assertEquals(findModel({ ...alone, textEncoder }), {
    path: "unet/ema",
    unet: "unet/ema",
    vae: "vae/kl",
    scheduler: "scheduler/s",
    textEncoder: "text encoder/bert",
  });
  const checkpoint = picked("run/unet_ema/config.json", "run/vae/config.json");
  assertEquals(findModel({ files: checkpoint }), { path: "model/run" });
});

Deno.test("findModel() finds a baseline by its image encoder, and two of them by the method", () => {
  const biovil = ["biovil_image_resnet50_proj_size_128.pt", "text/config.json", "text/vocab.txt"];
  const biovilT = ["biovil_t_image_model_proj_size_128.safetensors", "config.json"];
  const one = picked(...below("all/biovil", biovil));
  assertEquals(findModel({ files: one }), { path: "model/all/biovil", baseline: "biovil" });
  const other = picked(...below("BiomedVLP-BioViL-T", biovilT));
  assertEquals(findModel({ files: other }), {
    path: "model/BiomedVLP-BioViL-T",
    baseline: "biovil-t",
  });
  const both = [...one, ...picked(...below("all/biovil-t", biovilT))];
  assertThrows(() => findModel({ files: both }), InputTypeError, "choose the method beside");
  assertEquals(findModel({ files: both, method: "biovil-t" }), {
    path: "model/all/biovil-t",
    baseline: "biovil-t",
  });
  // A diffusion model comes first without a choice, and a chosen baseline may be missing.
  const ldm = picked(...below("all/cxr", FLAT));
  assertEquals(findModel({ files: [...both, ...ldm] }), { path: "model/all/cxr" });
  assertEquals(findModel({ files: both, method: "ldm" }), { path: "model/all" });
  assertEquals(findModel({ files: ldm, method: "biovil" }), {
    path: "model/all",
    baseline: "biovil",
  });
});
