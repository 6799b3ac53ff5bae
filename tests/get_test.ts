import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { writeSafetensors } from "../models/checkpoint/mod.ts";
import { withSmallModel } from "../models/biovil/fixtures/small_model.ts";
import { CATALOG, type CatalogModel, findModel } from "../hub/catalog.ts";
import { DATASETS } from "../hub/datasets.ts";
import { fetchModel } from "../hub/fetch_model.ts";
import { drawPhantom } from "../mod.ts";
import { commandArguments, inFolder, runCommand } from "./support/command.ts";
import { brokenBody, FakeHub, sendRange } from "./support/hub.ts";
import { writeGray } from "./support/image.ts";
import { floats, readSafetensors } from "./support/safetensors.ts";

const TINY = new URL("../../shared/reference/ldm-tiny/", import.meta.url).pathname;
const MONAI = "MONAI/cxr_image_synthesis_latent_diffusion_model";
const CLIP = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K";

/** Puts a small model into the repositories of `ldm`; returns the files by their local paths. */
async function publishTiny(hub: FakeHub, folder: string): Promise<Map<string, Uint8Array>> {
  const config = JSON.parse(await Deno.readTextFile(`${TINY}config.json`));
  const monai = {
    autoencoder_def: config.autoencoder,
    diffusion_def: config.diffusion_model,
    scheduler: config.scheduler,
    noise: "$torch.randn((1, 3, 32, 32))",
  };
  const text = JSON.parse(await Deno.readTextFile(`${TINY}text_encoder/config.json`));
  const clip = { text_config: { ...text, num_hidden_layers: text.num_hidden_layers + 1 } };
  const tensors = await readSafetensors(`${TINY}text_encoder/model.safetensors`);
  // A whole CLIP model has one more layer and a vision tower.
  const more = [...tensors.keys()].filter((name) => name.includes(".layers.1."))
    .map((name) => [name, name.replace(".layers.1.", ".layers.2.")]);
  const named = [...[...tensors.keys()].map((name) => [name, name]), ...more];
  const whole = `${folder}/clip.safetensors`;
  await writeSafetensors(whole, [
    ...named.map(([from, name]) => ({
      ...{ name: name!, shape: tensors.get(from!)!.shape, data: () => floats(tensors, from!) },
    })),
    { name: "vision_model.a", shape: [9], data: () => new Float32Array(9) },
  ]);
  hub.add(`${MONAI}/configs/inference.json`, JSON.stringify(monai));
  for (const name of ["autoencoder", "diffusion_model"]) {
    hub.add(`${MONAI}/models/${name}.pt`, await Deno.readFile(`${TINY}${name}.pth`));
  }
  hub.add(`${CLIP}/config.json`, JSON.stringify(clip));
  for (const name of ["vocab.json", "merges.txt"]) {
    hub.add(`${CLIP}/${name}`, await Deno.readTextFile(`${TINY}tokenizer/${name}`));
  }
  hub.add(`${CLIP}/model.safetensors`, await Deno.readFile(whole));
  const { sources } = findModel("ldm")!;
  return new Map(
    sources.flatMap(({ repository, files }) =>
      files.map(({ path, to = path }) => [to, hub.files.get(`${repository}/${path}`)!.bytes])
    ),
  );
}

/** Arguments and variables with which `get` fetches from the hub of a test. */
function fromHub(hub: FakeHub, folder: string) {
  return {
    args: ["--mirror", hub.endpoint, "--cdn", hub.host("storage")],
    options: { env: { GROUNDRAY_MODELS: `${folder}/models` } },
  };
}

const QUICK = ["--image", "xray.png", "--phrase", "effusion", "--noise", "sample", "--steps", "10"];

Deno.test("get fetches ldm, goes on after Ctrl-C, and ground finds it by its name", () =>
  inFolder(async (folder) => {
    await using hub = new FakeHub();
    const files = await publishTiny(hub, folder);
    const { args, options } = fromHub(hub, folder);
    const target = `${folder}/models/ldm/models/diffusion_model.pt`;
    const content = files.get("models/diffusion_model.pt")!;

    // The storage host stalls in the middle of the largest file; then comes Ctrl-C.
    hub.prank = ({ server, path, range }) =>
      server === "storage" && path.endsWith("diffusion_model.pt") && range !== "bytes=0-0"
        ? sendRange(
          content as Uint8Array<ArrayBuffer>,
          range,
          {},
          (part) => brokenBody(part, 200_000, "stall"),
        )
        : undefined;
    const child = new Deno.Command("deno", {
      args: commandArguments("get", ["ldm", ...args], options),
      env: { NO_COLOR: "1", INIT_CWD: "", ...options.env },
      cwd: folder,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    while ((await Deno.stat(`${target}.part`).catch(() => undefined))?.size !== 200_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGINT");
    const stopped = await child.output();
    assertEquals(stopped.code, 130);
    const said = new TextDecoder().decode(stopped.stderr);
    assertStringIncludes(said, "Stopped; the same command goes on where it was.");
    assert(!await Deno.stat(target).catch(() => undefined));
    hub.prank = () => undefined;

    await writeGray(`${folder}/xray.png`, drawPhantom({ seed: 2, width: 256, height: 256 }));
    const ground = (model: string, out: string) =>
      runCommand("ground", [...QUICK, "--model", model, "--out", out], folder, {
        env: options.env,
      });
    hub.seen.length = 0;
    const whole = await runCommand("get", ["ldm", ...args, "--progress", "json"], folder, options);
    assertEquals([whole.code, whole.stdout], [0, `ldm is here now: ${folder}/models/ldm\n`]);
    for (const line of whole.stderr.trim().split("\n")) JSON.parse(line);
    assertMatch(whole.stderr, /\{"done":33,"total":33,"failed":0,/);
    const resumed = hub.stored.find(({ path, range }) =>
      path.endsWith("diffusion_model.pt") && range !== "bytes=0-0"
    );
    assertEquals(resumed!.range, `bytes=200000-${content.length - 1}`);
    assert(!hub.seen.some(({ path }) => path.endsWith("autoencoder.pt")), "it was here already");
    assert(hub.seen.every(({ server }) => server !== "stranger"));

    // The same model from its whole files.
    for (const [name, bytes] of files) {
      const path = `${folder}/mine/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeFile(path, bytes);
      const got = await Deno.readFile(`${folder}/models/ldm/${name}`);
      if (name.endsWith(".safetensors")) assert(got.length < bytes.length);
      else assertEquals(got, bytes, name);
    }
    for (const [model, out] of [["ldm", "named"], ["mine", "whole"]] as const) {
      const { code, stderr } = await ground(model, out);
      assertEquals(code, 0, stderr);
    }
    const [named, own] = ["named", "whole"].map((out) =>
      Deno.readFileSync(`${folder}/${out}/heatmap.npy`)
    );
    assertEquals(named, own);
    const { model } = JSON.parse(await Deno.readTextFile(`${folder}/named/result.json`));
    assertEquals(model.path, `${folder}/models/ldm`);
  }));

Deno.test("eval finds BioViL by its name among the models that were fetched", () =>
  withSmallModel("biovil", async (small) =>
    await inFolder(async (folder) => {
      await using hub = new FakeHub();
      const row = findModel("biovil")!;
      const [{ repository, files }] = row.sources as [CatalogModel["sources"][0]];
      for (const { path } of files) {
        const from = path === "pytorch_model.bin" ? "model.safetensors" : path;
        hub.add(`${repository}/${path}`, await Deno.readFile(`${small}/${from}`));
      }
      const { args, options } = fromHub(hub, folder);
      const refused = await runCommand("get", ["biovil", ...args], folder, options);
      assertEquals(refused.code, 1);
      assertMatch(refused.stderr, /"biovil_image_resnet50_proj_size_128.pt" .* its md5 is /);
      // A row without the hash of the published file.
      const sources = row.sources.map((source) => ({
        ...source,
        files: files.map(({ path }) => ({ path })),
      }));
      await fetchModel({ ...row, sources }, `${folder}/models/biovil`, {
        source: { endpoint: hub.endpoint, hosts: [hub.host("hub"), hub.host("storage")] },
        freeBytes: () => Promise.resolve(1e12),
      });
      await writeGray(`${folder}/xray.png`, drawPhantom({ seed: 2, width: 256, height: 256 }));
      const csv = "image,phrase,x,y,w,h\nxray.png,effusion,100,100,50,50\n";
      await Deno.writeTextFile(`${folder}/set.csv`, csv);
      const { code, stderr } = await runCommand("eval", [
        ...["--method", "biovil", "--model", "biovil=biovil", "--models", "models"],
        ...["--dataset", "set.csv", "--out", "out", "--device", "cpu", "--no-report"],
      ], folder);
      assertEquals(code, 0, stderr);
      assertStringIncludes(await Deno.readTextFile(`${folder}/out/results.jsonl`), '"scored"');
    })));

Deno.test("get lists the models, and refuses wrong names, options and hosts in one sentence", () =>
  inFolder(async (folder) => {
    const env = {
      GROUNDRAY_MODELS: folder,
      GROUNDRAY_DATA: folder,
      HF_TOKEN: "hf_x",
      HF_ENDPOINT: "",
    };
    const get = (args: string[], more: Record<string, string> = {}) =>
      runCommand("get", args, folder, { env: { ...env, ...more } });
    const list = await get([]);
    assertEquals([list.code, list.stderr], [0, ""]);
    // The variable names a mirror of models, and a list or a dataset needs none.
    const unlisted = await get([], { HF_ENDPOINT: "ftp://x" });
    assertEquals([unlisted.code, unlisted.stdout], [0, list.stdout]);
    for (const { name, purpose, method, training, unknown } of CATALOG) {
      for (const text of [`\n${name} (not here, about `, purpose, method, training, unknown]) {
        assertStringIncludes(list.stdout, text);
      }
    }
    for (const { name, purpose, license } of DATASETS) {
      for (const text of [`\n${name} (not here, about `, purpose, license]) {
        assertStringIncludes(list.stdout, text);
      }
    }
    const [{ name: dataset, terms }] = DATASETS as [typeof DATASETS[number]];
    const unasked = await get([dataset]);
    assertStringIncludes(unasked.stdout, terms[0]!);
    const names = [...CATALOG, ...DATASETS].map(({ name }) => name);
    const cases: [args: string[], code: number, message: string, more?: Record<string, string>][] =
      [
        [["ldn"], 2, `NAME must be some of ${names.join(", ")}, got`],
        [["covid-segmentation"], 2, `got "covid-segmentation"; did you mean "${dataset}"?`],
        [["--list", "ldm"], 2, 'Option "--list" takes no NAME, got "ldm"'],
        [["ldm", dataset], 2, "there is no terminal; read them above and give --accept"],
        [[dataset], 2, "there is no terminal; read them above", { HF_ENDPOINT: "ftp://x" }],
        [["ldm", "--mirror", "mirror.example"], 2, "--mirror must be an address such as"],
        [["ldm"], 2, "HF_ENDPOINT must be an address such as", { HF_ENDPOINT: "ftp://x" }],
        ...["https://x/", "x:99999", "*.x..y"].map((host): [string[], number, string] => [
          ["ldm", "--cdn", host],
          2,
          `Option "--cdn" must be a host such as cdn.example, got "${host}"`,
        ]),
        [["ldm", "--cdn", "x.example"], 2, 'Option "--cdn" needs "--mirror"'],
        [["ldm", "--send-token"], 2, 'Option "--send-token" needs "--mirror"'],
        [
          ["ldm", "--mirror", "http://mirror.example", "--send-token"],
          2,
          "needs a mirror by https",
        ],
      ];
    for (const [args, code, message, more] of cases) {
      const result = await get(args, more);
      assertEquals(result.code, code, result.stderr);
      assertStringIncludes(result.stderr, message);
      assertEquals(result.stderr.trim().split("\n").length, 1, result.stderr);
    }
    assertEquals([...Deno.readDirSync(folder)], []);

    // The record of one model is damaged.
    await Deno.mkdir(`${folder}/ldm`);
    await Deno.writeTextFile(`${folder}/ldm/groundray.json`, "{");
    const { code, stdout } = await get([]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, `\nldm (damaged: Cannot read "${folder}/ldm/groundray.json": `);
    assertStringIncludes(stdout, "\nbiovil-t (not here");
  }));
