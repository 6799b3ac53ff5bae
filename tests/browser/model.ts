// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

import "../../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { cropRegion } from "../../images/preprocess.ts";
import { finishGrid } from "../../methods/grid_heatmap.ts";
import { openBiovil } from "../../models/biovil/biovil.ts";
import { withSmallModel } from "../../models/biovil/fixtures/small_model.ts";
import { type Bundle, loadBundle } from "../../models/ldm/bundle.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { groundImage } from "../../pipeline/ground.ts";
import type { ScoredPhrase } from "../../pipeline/metrics.ts";
import type { GroundSettings } from "../../pipeline/settings/settings.ts";
import type { ServerFacts } from "../../web/review_api.ts";
import { modelFiles, PAGE_FILES } from "../../web/server/page_files.ts";
import { startServer } from "../../web/server/server.ts";
import { inFolder } from "../support/command.ts";
import { copy } from "../support/copy.ts";
import { type PageOptions, withPage } from "../support/chromium.ts";
import {
  done,
  download,
  furthest,
  ground,
  openSettings,
  phantom,
  PHRASES,
  pick,
  pixels,
  unfold,
} from "../support/page.ts";

const ASSETS = new Map([...PAGE_FILES, ...modelFiles()]);

/** Runs a test on the page that runs the model itself, with the model and a phantom open. */
async function withModel(
  test: (page: Page, place: string) => Promise<void>,
  device: ServerFacts["device"] = "auto",
  options: PageOptions = {},
): Promise<void> {
  await using server = startServer({ port: 0, assets: ASSETS, device });
  await withPage(async (page) => {
    await page.goto(server.url);
    await opened(page);
    await drop(page, "phantom.png", await grayImage(phantom).encode());
    await page.locator("#xray", { hasText: "420 x 512 pixels" }).waitFor();
    await test(page, (await page.locator("#place").textContent())!);
  }, options);
}

/** Drops a file on the page. */
async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const script = `([name, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.fromBase64(text)], name));
    return transfer;
  }`;
  const dataTransfer = await page.evaluateHandle(
    `(${script})(${JSON.stringify([name, bytes.toBase64()])})`,
  );
  await page.dispatchEvent("#drop", "drop", { dataTransfer });
}

/** Inserts code at the start of one of the page's scripts. */
async function beforeScript(page: Page, name: string, code: string): Promise<void> {
  await page.route(`**/${name}`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${code}\n${await response.text()}` });
  });
}

const opened = (page: Page) => page.locator("#status", { hasText: "Ready." }).waitFor();

/** Returns the result of `deno task ground` on the native runtime. */
async function expected(settings: GroundSettings = {}, model?: Bundle): Promise<ScoredPhrase> {
  const bundle = model ?? await loadBundle("models/demo");
  const runtime = await openRuntime("native");
  const [result] = await groundImage(phantom, [PHRASES[0]!], { bundle, runtime, ...settings });
  return result!;
}

Deno.test("page grounds by itself on WebAssembly, as deno task ground does, and says why", () =>
  withModel(async (page, place) => {
    assertMatch(
      place,
      /^Running on the processor .*wasm.*swiftshader, is software, and slower; WebAssembly with \d+ threads? runs/,
    );
    await ground(page);
    await done(page);
    const passes = () => page.locator("#progress").getAttribute("max").then(Number);
    const first = await passes();
    assertEquals(await page.locator("figcaption b").allTextContents(), PHRASES);
    const result = await expected();
    assertAlmostEquals(await furthest(page, result), 0, 2e-3);
    const json = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
    assertEquals(json.box, result.originalBox);
    assertEquals(json.model.sha256, await (await loadBundle("models/demo")).hash());
    const { groundray, runtime } = json.versions;
    assertMatch(`${groundray} on ${runtime}`, /^\d+\.\d+\.\d+ on onnxruntime-web \S+ \(wasm\)$/);

    // When the number of steps changes, the chosen steps keep their share of the trajectory.
    await openSettings(page, "Layers and steps");
    const field = (label: string) => page.getByLabel(label);
    await field("Steps of the trajectory").fill("10");
    await field("Steps of the trajectory").press("Tab");
    assertEquals(await field("First step").inputValue(), "3");
    await field("Noise").selectOption("sample");
    await ground(page);
    await done(page);
    const quick = await expected({ steps: 10, noise: "sample" });
    assertAlmostEquals(await furthest(page, quick), 0, 2e-3);
    await field("Steps of the trajectory").fill("50");
    await field("Steps of the trajectory").press("Tab");
    await field("Noise").selectOption("inversion");
    await ground(page, ["the first phrase"]);
    await done(page);

    await ground(page, ["another phrase"]);
    await page.locator("figcaption b", { hasText: "another phrase" }).waitFor();
    await page.locator("figcaption", { hasText: "finished" }).waitFor();
    assertEquals([await passes() < first, await passes()], [true, 15]);
  }));

Deno.test("page runs without WebGPU, cancels, reloads, and keeps its words on a wrong file", () =>
  withModel(
    async (page, place) => {
      assertMatch(
        place,
        /: this browser has no WebGPU adapter; WebAssembly with \d+ threads? runs/,
      );
      await ground(page);
      await page.keyboard.press("Escape");
      await page.locator("#status", { hasText: "Cancelled" }).waitFor();
      const text = (content: string) => new TextEncoder().encode(content);
      await pick(page, "notes.png", text("no picture"));
      await page.getByRole("alert").filter({ hasText: "not a PNG, JPEG or DICOM" }).waitFor();
      await pick(page, "cut.png", (await grayImage(phantom).encode()).subarray(0, 5000));
      await page.getByRole("alert").filter({ hasText: "truncated or corrupt" }).waitFor();
      await openSettings(page, "Model");
      await openSettings(page, "Layers and steps");
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
      await page.getByLabel("Runs on").selectOption("webgpu");
      await page.getByRole("alert").filter({ hasText: "Cannot run on WebGPU" }).waitFor();
      await page.getByLabel("Runs on").selectOption("wasm");
      await opened(page);
      await page.reload();
      await opened(page);
      await unfold(page);
      await page.getByRole("button", { name: /^Phantom 4/ }).click();
      await done(page);
      assertEquals(await page.getByRole("alert").isHidden(), true);
    },
    "auto",
    // Chromium itself warns that it has no WebGPU adapter.
    {
      ...{ webgpu: false, expected: ["No available adapters"] },
      viewport: { width: 360, height: 740 },
    },
  ));

Deno.test("page grounds by itself on WebGPU, as deno task ground does", () =>
  withModel(async (page, place) => {
    assertMatch(place, /^Running on .*swiftshader with onnxruntime-web .* \(webgpu\): chosen/);
    // A software driver takes seconds per pass: ground with the first step alone.
    await openSettings(page, "Layers and steps");
    await page.getByLabel("First step").fill("0");
    await page.getByLabel("Last step").fill("0");
    page.setDefaultTimeout(240_000);
    await ground(page, PHRASES.slice(0, 1));
    await done(page);
    const select = { kind: "indices", start: 0, end: 1 } as const;
    assertAlmostEquals(await furthest(page, await expected({ select })), 0, 2e-3);
  }, "gpu"));

Deno.test("page runs on WebGPU where the browser cannot suspend WebAssembly by JSPI", async () => {
  await using server = startServer({ port: 0, assets: ASSETS, device: "gpu" });
  await withPage(async (page) => {
    const builds: string[] = [];
    page.on("request", (request) => {
      builds.push(...new URL(request.url()).pathname.match(/threaded.*\.wasm$/) ?? []);
    });
    await beforeScript(page, "worker.js", "delete WebAssembly.Suspending;");
    await page.goto(server.url);
    await opened(page);
    assertMatch((await page.locator("#place").textContent())!, /\(webgpu\): chosen/);
    assertEquals(builds, ["threaded.asyncify.wasm"]);
  });
});

Deno.test("page grounds where the browser has no symbol for disposal, as WebKit", async () => {
  await using server = startServer({ port: 0, assets: ASSETS });
  // The browser's own symbols cannot be deleted, so give the scripts another `Symbol`.
  const withoutSymbols = `const Symbol = (() => {
    const own = globalThis.Symbol;
    const other = (text) => own(text);
    for (const name of Reflect.ownKeys(own)) {
      if (/^(length|name|prototype|dispose|asyncDispose)$/.test(name)) continue;
      Object.defineProperty(other, name, Object.getOwnPropertyDescriptor(own, name));
    }
    return other;
  })();`;
  await withPage(async (page) => {
    for (const name of ["main.js", "worker.js"]) await beforeScript(page, name, withoutSymbols);
    await page.goto(server.url);
    await opened(page);
    await unfold(page);
    await page.getByRole("button", { name: /^Phantom 4/ }).click();
    await done(page);
  });
});

Deno.test("page opens a model from a picked folder, and names the fault of another", () =>
  inFolder((folder) =>
    withModel(async (page) => {
      const before = await pixels(page);
      await openSettings(page, "Model");
      const open = page.getByRole("button", { name: "Open the folder" });
      assert(await open.isDisabled());
      const choose = async (path: string) => {
        await page.getByLabel("Model's folder").setInputFiles(path);
        await open.click();
      };
      await Deno.mkdir(`${folder}/other`);
      await Deno.writeTextFile(`${folder}/other/notes.txt`, "no model");
      await choose(`${folder}/other`);
      await page.getByRole("alert").filter({
        hasText: 'Cannot find the configuration of model "model/other"',
      }).waitFor();
      // The earlier model stays open, and "Runs on" applies to it.
      assertMatch((await page.locator("#place").textContent())!, /\(wasm\): chosen/);
      await ground(page, ["the first phrase"]);
      await done(page);
      await page.getByLabel("Runs on").selectOption("auto");
      await opened(page);
      assertMatch((await page.locator("#place").textContent())!, /\(wasm\): the only WebGPU/);

      await copy("models/demo", `${folder}/cut`);
      await Deno.truncate(`${folder}/cut/diffusion_model.safetensors`, 100_000);
      await choose(`${folder}/cut`);
      await page.getByRole("alert").filter({
        hasText: /Cannot read "model\/cut\/diffusion_model.safetensors": it is truncated/,
      }).waitFor();

      await copy("models/demo", `${folder}/whole`);
      await choose(`${folder}/whole`);
      await opened(page);
      await ground(page, PHRASES.slice(0, 1));
      await done(page);
      assert(await pixels(page) !== before);
      assertAlmostEquals(await furthest(page, await expected()), 0, 2e-3);

      // After a failed choice, the open model can still read its own files.
      await choose(`${folder}/other`);
      await page.getByRole("alert").filter({ hasText: "Cannot find the configuration" }).waitFor();
      const json = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
      assertEquals(json.model.sha256, await (await loadBundle("models/demo")).hash());
      await openSettings(page, "Layers and steps");
      await page.getByLabel("8 (16 x 16)").check();
      await ground(page, PHRASES.slice(0, 1));
      await done(page);
    }, "cpu")
  ));

const DIFFUSERS = new URL("../../../shared/reference/diffusers/", import.meta.url).pathname;

Deno.test("page opens a diffusers model with text encoder and autoencoder from other folders", () =>
  inFolder((folder) =>
    withModel(async (page) => {
      const [model, vae, text] = ["sd", "kl", "bert"].map((name) => `${folder}/${name}`);
      await copy(`${DIFFUSERS}c-radedit/model`, model!);
      await Deno.rename(`${model}/vae`, vae!);
      await Deno.mkdir(text!);
      for (const part of ["text_encoder", "tokenizer"]) {
        await Deno.rename(`${model}/${part}`, `${text}/${part}`);
      }
      await openSettings(page, "Model");
      await page.getByText("Parts of a diffusers model").click();
      await page.getByLabel("Model's folder").setInputFiles(model!);
      await page.getByLabel("Text encoder's folder").setInputFiles(text!);
      const open = page.getByRole("button", { name: "Open the folder" });
      await open.click();
      await page.getByRole("alert").filter({ hasText: "Cannot find the autoencoder" }).waitFor();
      await page.getByLabel("Autoencoder").setInputFiles(vae!);
      await open.click();
      await opened(page);
      await openSettings(page, "Layers and steps");
      await page.getByLabel("Steps of the trajectory").fill("10");
      await page.getByLabel("Steps of the trajectory").press("Tab");
      await page.getByLabel("Noise").selectOption("sample");
      await ground(page, PHRASES.slice(0, 1));
      await done(page);
      const bundle = await loadBundle(model!, { vae: vae!, textEncoder: text! });
      const quick = await expected({ steps: 10, noise: "sample" }, bundle);
      assertAlmostEquals(await furthest(page, quick), 0, 2e-3);
      await page.getByRole("button", { name: "Forget the parts" }).click();
      await open.click();
      await page.getByRole("alert").filter({ hasText: "Cannot find the autoencoder" }).waitFor();

      // After a new start no model's folder is picked, and the parts are a model by themselves.
      await page.reload();
      await opened(page);
      await openSettings(page, "Model");
      await page.getByText("Parts of a diffusers model").click();
      const parts = {
        "U-Net": `${model}/unet`,
        "Autoencoder": vae!,
        "Tokenizer": `${text}/tokenizer`,
        "Scheduler": `${model}/scheduler`,
        "Text encoder's folder": `${text}/text_encoder`,
      };
      for (const [label, path] of Object.entries(parts)) {
        await page.getByLabel(label).setInputFiles(path);
      }
      await open.click();
      await opened(page);
      assertEquals(await page.getByRole("alert").isHidden(), true);

      // Of two models chosen at once the page takes the later model alone into use.
      await page.evaluate(`globalThis.places = [];
        const place = document.getElementById("place");
        new MutationObserver(() => places.push(place.textContent)).observe(place, { childList: true });
        for (const id of ["open-demo", "open-folder"]) document.getElementById(id).click();`);
      await opened(page);
      assertEquals(await page.evaluate("places.filter(Boolean).length"), 1);
    }, "cpu")
  ));

Deno.test("page opens BioViL-T from a picked folder, as deno task ground does, and goes back", () =>
  withSmallModel("biovil-t", (folder) =>
    withModel(async (page) => {
      const explore = page.getByRole("button", { name: "Show all for the first phrase" });
      await openSettings(page, "Model");
      await openSettings(page, "Layers and steps");
      await page.getByLabel("Model's folder").setInputFiles(folder);
      await page.getByRole("button", { name: "Open the folder" }).click();
      await page.locator("#status", { hasText: "Ready." }).waitFor();
      await page.waitForFunction(() => !document.querySelector("#layers input"));
      await ground(page);
      await done(page);
      assert(await explore.isDisabled());
      assertMatch((await page.locator("figcaption").first().textContent())!, /BioViL-T/);
      const model = await openBiovil(folder, await openRuntime("native"), "biovil-t");
      const [grid] = await model.ground(phantom, PHRASES);
      assertAlmostEquals(await furthest(page, finishGrid(grid!)), 0, 1e-4);
      const json = JSON.parse(new TextDecoder().decode(await download(page, "result.json")));
      const { width, height } = phantom;
      assertEquals([json.method, json.view, json.settings], ["biovil-t", model.view, undefined]);
      assertEquals(json.crop, cropRegion(width, height, model.view));
      assertEquals(json.model.sha256, await model.hash());
      await model.close();

      // A chosen method that the folder does not hold is named, and the open model stays.
      await page.getByLabel("Method").selectOption("biovil");
      await page.getByRole("button", { name: "Open the folder" }).click();
      await page.getByRole("alert").filter({ hasText: "the image encoder of biovil" }).waitFor();
      await ground(page, ["cardiomegaly"]);
      await done(page);

      await page.getByRole("button", { name: "Open the bundled model" }).click();
      await page.locator("#layers input").first().waitFor();
      await ground(page, PHRASES.slice(0, 1));
      await done(page);
      assertAlmostEquals(await furthest(page, await expected()), 0, 2e-3);
      assert(await explore.isEnabled());
    }, "cpu")));
