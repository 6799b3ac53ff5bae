import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { COVID_SEGMENTATIONS } from "../datasets/layouts/covid_segmentations.ts";
import { ACCESS, CATALOG, findModel, methodsOf } from "./catalog.ts";
import { DATASETS } from "./datasets.ts";
import { GITHUB_SITE, RAW, RAW_HOSTS } from "./github.ts";
import { fileUrl, HUB, HUB_HOSTS, readFacts } from "./hub.ts";
import { fetchedFolder } from "./models_folder.ts";
import { localFiles, modelState, writeRecord } from "./record.ts";
import { isAllowed } from "./request.ts";
import { readSchedulerConfig } from "../models/scheduler_config.ts";

const SOURCE = { endpoint: HUB, hosts: HUB_HOSTS };

/** Tables of the models and of their files, and the sentences on each model. */
function catalogTables(): string {
  const models = table(
    ["name", "for", "size", "licence", "access"],
    CATALOG.map((model) => [
      `\`${model.name}\``,
      `${model.purpose.replace(/\.$/, "")} (\`--method ${methodsOf(model).join("`, `")}\`)`,
      `${(model.bytes / 1e9).toFixed(1)} GB`,
      [...new Set(model.sources.map(({ license }) => license))].join(", "),
      ACCESS[model.access],
    ]),
  );
  const files = table(
    ["model", "from (Hugging Face)", "revision", "files"],
    CATALOG.flatMap(({ name, sources, written = [] }) => [
      ...sources.map(({ repository, revision, files }) => [
        `\`${name}\``,
        `\`${repository}\``,
        revision,
        files.map(({ path, others = [], to, tensors }) =>
          [path, ...others].map((path) => `\`${path}\``).join(" or ") +
          (tensors ? ` (its \`${tensors}*\`)` : "") + (to ? ` as \`${to}\`` : "")
        ).join(", "),
      ]),
      ...(written.length > 0
        ? [[`\`${name}\``, "written by `get`", "", written.map(({ to }) => `\`${to}\``).join(", ")]]
        : []),
    ]),
  );
  const sentences = CATALOG.map(({ name, training, unknown, byHand }) =>
    `- \`${name}\`: trained on: ${training} Not known: ${unknown}` +
    (byHand ? ` By hand: ${byHand.how}` : "")
  );
  return [models, files, sentences.join("\n")].join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

Deno.test("docs/data.md has the tables of the catalog", () => {
  const page = Deno.readTextFileSync(new URL("../docs/data.md", import.meta.url));
  assertStringIncludes(page, catalogTables());
});

/** Tables of the datasets. */
function datasetTables(): string {
  return [
    table(
      ["name", "holds", "size", "licence"],
      DATASETS.map(({ name, purpose, bytes, license }) => [
        ...[`\`${name}\``, purpose.replace(/\.$/, ""), `${Math.round(bytes / 1e6)} MB`, license],
      ]),
    ),
    table(
      ["dataset", "from (GitHub)", "commit"],
      DATASETS.map(({ name, repository, commit }) =>
        [name, repository, commit].map((text) => `\`${text}\``)
      ),
    ),
  ].join("\n\n");
}

Deno.test("docs/data.md has the tables of the datasets, and every wording", () => {
  const page = Deno.readTextFileSync(new URL("../docs/data.md", import.meta.url));
  assertStringIncludes(page, datasetTables());
  for (const [name, phrases] of Object.entries(COVID_SEGMENTATIONS.wordings!)) {
    if (name !== "Right Lung") assertStringIncludes(page, phrases.join("; "));
  }
});

Deno.test("files of datasets come from GitHub's raw host alone, at their commit", () => {
  const [{ repository, commit }] = DATASETS as [typeof DATASETS[number]];
  const url = GITHUB_SITE.fileUrl(RAW, { repository, revision: commit, path: "images/a b.png" });
  assertEquals(url.href, `${RAW}/${repository}/${commit}/images/a%20b.png`);
  assert(isAllowed(url, { endpoint: RAW, hosts: RAW_HOSTS }));
  assert(!isAllowed(new URL("https://github.com/a"), { endpoint: RAW, hosts: RAW_HOSTS }));
  const names = [...CATALOG, ...DATASETS].map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("each model of the catalog has a name and files of its own", () => {
  assertEquals(new Set(CATALOG.map(({ name }) => name)).size, CATALOG.length);
  for (const model of CATALOG) {
    assertEquals(findModel(model.name), model);
    const files = localFiles(model);
    assertEquals(new Set(files).size, files.length);
    assert(files.every((file) => /^[\w-]+(\/[\w-]+)*\.(json|txt|pt|bin|safetensors)$/.test(file)));
    for (const { repository, revision, files } of model.sources) {
      for (const path of files.flatMap(({ path, others = [] }) => [path, ...others])) {
        const url = fileUrl(HUB, { repository, revision, path });
        assertEquals(url.href, `${HUB}/${repository}/resolve/${revision}/${path}`);
        assert(isAllowed(url, SOURCE));
      }
    }
  }
});

Deno.test("a diffusion model from several repositories has every part of a folder of diffusers", () => {
  const parts = ["generate-to-ground", "radedit"].map((name) =>
    localFiles(findModel(name)!).filter((file) => file.endsWith(".json")).sort()
  );
  const wanted = [
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer_config.json",
    "unet/config.json",
    "vae/config.json",
  ];
  assertEquals(parts, [wanted, wanted]);
  const [schedule] = findModel("radedit")!.written!.filter(({ to }) => to.startsWith("scheduler"));
  assertEquals(readSchedulerConfig(schedule!.json, "radedit"), {
    ...{ trainTimesteps: 1000, betaStart: 0.0001, betaEnd: 0.02, schedule: "linear_beta" },
    ...{ predictionType: "epsilon", spacing: "trailing", endsClean: true },
  });
});

Deno.test("only deno task get may reach the network", () => {
  const { get, serve, ...others } = manifest.permissions;
  assertEquals(get.net, true);
  // The page's server listens at this machine's own address.
  assertEquals(serve.net, ["127.0.0.1"]);
  assert(Object.values(others).every((set) => !("net" in set)));
  for (const { command } of Object.values(manifest.tasks)) {
    const net = /--allow-net(\S*)/.exec(command)?.[1] ?? "=127.0.0.1";
    assertEquals(net, "=127.0.0.1");
    assert(!/--allow-all|-A\b/.test(command));
  }
});

Deno.test("isAllowed() takes hosts by their whole names, and no http after https", () => {
  const allowed = ["https://huggingface.co/a", "https://us.aws.cdn.hf.co/a", "https://hf.co/a"];
  const others = [
    ...["https://hf.co.evil.example", "https://evilhf.co", "https://huggingface.co:8443"],
    ...["http://huggingface.co/a", "ftp://hf.co/a", "file:///etc/passwd"],
    ...["https://a.huggingface.co", "https://evil.example/hf.co", "https://hf.co@evil.example"],
  ];
  assert(allowed.every((url) => isAllowed(new URL(url), SOURCE)));
  assert(!others.some((url) => isAllowed(new URL(url), SOURCE)));
  const plain = { endpoint: "http://mirror.example:80", hosts: ["mirror.example"] };
  assert(isAllowed(new URL("http://mirror.example/a"), plain));
});

Deno.test("readFacts() reads the hub's headers, and takes nothing else for a hash", () => {
  const sha256 = "ab".repeat(32);
  const commit = "1".repeat(40);
  assertEquals(
    readFacts(
      new Headers({
        ...{ "x-linked-etag": `"${sha256}"`, "x-linked-size": "12", "x-repo-commit": commit },
        etag: '"abc"',
      }),
    ),
    { sha256, size: 12, commit, etag: '"abc"' },
  );
  const odd = {
    ...{ "x-linked-etag": '"d41d8cd98f00b204e9800998ecf8427e"', "x-linked-size": "-1" },
    ...{ "x-repo-commit": "../..", etag: 'W/"weak"' },
  };
  assertEquals(readFacts(new Headers(odd)), {});
});

Deno.test("fetchedFolder() follows the variables and the platform's convention", () => {
  const find = (os: typeof Deno.build.os, variables: Record<string, string>) =>
    fetchedFolder("models", (name) => variables[name], os);
  const home = { HOME: "/home/me" };
  assertEquals(find("linux", home), "/home/me/.cache/groundray/models");
  assertEquals(find("linux", { ...home, XDG_CACHE_HOME: "/c" }), "/c/groundray/models");
  assertEquals(
    find("linux", { ...home, XDG_CACHE_HOME: "c" }),
    "/home/me/.cache/groundray/models",
  );
  assertEquals(find("darwin", home), "/home/me/Library/Caches/groundray/models");
  assertEquals(
    find("windows", { ...home, LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local" }),
    "C:/Users/me/AppData/Local/groundray/models",
  );
  assertEquals(find("linux", { ...home, GROUNDRAY_MODELS: "here" }), "here");
  assertEquals(fetchedFolder("data", () => "/c", "linux"), "/c");
  const onlyHome = (name: string) => name === "HOME" ? "/home/me" : undefined;
  assertEquals(fetchedFolder("data", onlyHome, "linux"), "/home/me/.cache/groundray/data");
  assertThrows(() => find("linux", {}), Error, "set GROUNDRAY_MODELS");
});

Deno.test("modelState() calls a model whole only with the file that a person fetches", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const model = findModel("medrpg")!;
    await Deno.writeTextFile(`${folder}/vocab.txt`, "[PAD]");
    const files = { "vocab.txt": { bytes: 5, sha256: "ab".repeat(32) } };
    await writeRecord(folder, { commits: {}, files });
    assertEquals(modelState(model, folder), { kind: "partial" });
    await Deno.writeTextFile(`${folder}/${model.byHand!.files[0]}`, "weights");
    assertEquals(modelState(model, folder), { kind: "here", bytes: 12 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
