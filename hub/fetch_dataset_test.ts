import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { covidCredits, covidFiles } from "../datasets/layouts/covid_segmentations.ts";
import { inFolder } from "../tests/support/command.ts";
import { digest } from "../tests/support/hub.ts";
import type { CatalogDataset } from "./datasets.ts";
import { accept, fetchDataset, hasAccepted } from "./fetch_dataset.ts";
import { GITHUB_SITE } from "./github.ts";
import { datasetState, readRecord } from "./record.ts";

const COMMIT = "a".repeat(40);

const FILES: Readonly<Record<string, string>> = {
  "structure.csv": "Class,Filename,Mask,Resolution,Top,Left,Width,Height\n" +
    "COVID-19 Airways,a b.png,masks/1.png,1x1,0,0,1,1\nCOVID-19 Airways,c.png,,1x1,0,0,1,1\n",
  "metadata.csv": "filename,license,url\na b.png,CC BY-NC-SA,https://a.example\nc.png,,\n",
  "images/a b.png": "A",
  "images/c.png": "CC",
  "masks/1.png": "M1",
};

const hashOf = (text: string) => digest(new TextEncoder().encode(text), "sha256");

const TINY: CatalogDataset = {
  name: "tiny",
  purpose: "Tests.",
  bytes: Object.values(FILES).join("").length,
  repository: "lab/set",
  commit: COMMIT,
  license: "CC BY 4.0",
  terms: ["Masks: CC BY 4.0."],
  attribution: "Masks by A. and B.",
  tables: [
    { path: "structure.csv", digest: `sha256:${hashOf(FILES["structure.csv"]!)}` },
    { path: "metadata.csv" },
  ],
  filesOf: covidFiles,
  creditsOf: covidCredits,
  sha256: hashOf(
    Object.keys(FILES).sort().map((path) => `${hashOf(FILES[path]!)}  ${path}\n`).join(""),
  ),
};

/** Serves files below `/lab/set/COMMIT/`; a test may change them. */
async function withSite(
  test: (
    site: { files: Record<string, string>; asked: string[]; get: Get },
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  await inFolder(async (parent) => {
    const files = { ...FILES };
    const asked: string[] = [];
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const path = decodeURIComponent(new URL(request.url).pathname).slice(1);
        asked.push(path);
        const text = files[path.replace(`lab/set/${COMMIT}/`, "")];
        return new Response(text ?? "none", { status: text === undefined ? 404 : 200 });
      },
    );
    const host = `127.0.0.1:${server.addr.port}`;
    const folder = `${parent}/tiny`;
    const get: Get = (more = {}) =>
      fetchDataset(TINY, folder, {
        source: { endpoint: `http://${host}`, hosts: [host], site: GITHUB_SITE },
        pauses: [0],
        // A real disk needs a permission that tests do not have.
        freeBytes: () => Promise.resolve(1e9),
        ...more,
      });
    await test({ files, asked, get }, folder);
  });
}

type Get = (more?: Partial<Parameters<typeof fetchDataset>[2]>) => Promise<boolean>;

Deno.test("fetchDataset() fetches each file once, with attribution, and keeps the consent", () =>
  withSite(async ({ asked, get }, folder) => {
    assert(!hasAccepted(TINY, folder));
    await accept(TINY, folder);
    const sizes: number[][] = [];
    assertEquals(datasetState(folder), { kind: "absent" });
    assert(await get({ onBegin: (...both) => sizes.push(both) }));
    assertEquals(sizes, [[TINY.bytes, 0]]);
    assertEquals(
      asked,
      ["structure.csv", "metadata.csv", "images/a b.png", "masks/1.png", "images/c.png"]
        .map((path) => `lab/set/${COMMIT}/${path}`),
    );
    for (const [path, text] of Object.entries(FILES)) {
      assertEquals(await Deno.readTextFile(`${folder}/${path}`), text);
    }
    const credits = await Deno.readTextFile(`${folder}/ATTRIBUTION.md`);
    for (
      const text of [
        "Masks by A. and B.",
        `at commit ${COMMIT}`,
        "| images/a b.png | CC BY-NC-SA | its licence forbids commercial use | https://a.example |",
        "| images/c.png | not stated | its licence is not stated |  |",
      ]
    ) assertStringIncludes(credits, text);
    assertEquals(datasetState(folder), { kind: "here", bytes: TINY.bytes });
    assert(hasAccepted(TINY, folder));
    asked.length = 0;
    assert(!await get());
    assertEquals(asked, []);
    // A damaged file is fetched again, and no other.
    await Deno.writeTextFile(`${folder}/images/c.png`, "XX");
    assert(await get());
    assertEquals(asked, [`lab/set/${COMMIT}/images/c.png`]);
  }));

Deno.test("fetchDataset() goes on after a refusal, and refuses files of another commit", () =>
  withSite(async ({ files, asked, get }, folder) => {
    delete files["masks/1.png"];
    await assertRejects(
      () => get(),
      Error,
      `Cannot fetch "masks/1.png" of lab/set: 127.0.0.1:`,
    );
    assertEquals(datasetState(folder).kind, "partial");
    files["masks/1.png"] = "M2";
    asked.length = 0;
    await assertRejects(
      () => get(),
      Error,
      `Cannot use tiny as fetched: its files are not those of commit ${COMMIT}; remove "${folder}"`,
    );
    assertEquals(asked.length, 2);
    assertEquals(readRecord(folder).isWhole, undefined);
  }));

Deno.test("fetchDataset() refuses another table, and a disk without space, before other files", () =>
  withSite(async ({ files, asked, get }) => {
    await assertRejects(
      () => get({ freeBytes: () => Promise.resolve(3) }),
      Error,
      "Cannot fetch tiny: ",
    );
    files["structure.csv"] += "\n";
    await assertRejects(
      () => get({ freeBytes: () => Promise.resolve(1e9) }),
      Error,
      'Cannot use "structure.csv" of lab/set as fetched: its sha256 is ',
    );
    assertEquals(asked.length, 1);
  }));
