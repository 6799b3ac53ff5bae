// Callbacks that run in the page need the types of the DOM.
/// <reference lib="dom" />

import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { grayImage } from "../../images/gray_image.ts";
import { PAGE_FILES } from "../../web/server/page_files.ts";
import { siteFiles } from "../../web/site/site_files.ts";
import { writeSite } from "../../web/site/write_site.ts";
import { withPage } from "../support/chromium.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { done, ground, phantom, PHRASES, pick } from "../support/page.ts";

/** Path of the site on its host. */
const PLACE = "/a/b/";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  wasm: "application/wasm",
  json: "application/json",
};

/** A host of files, as any on the web: it knows nothing of the page. */
interface Host extends AsyncDisposable {
  readonly url: string;
  /** Paths that it was asked for, below the site's. */
  readonly asked: string[];
  /** Ends the host; browsers are offline then. */
  end(): Promise<void>;
}

/** Serves a folder below {@linkcode PLACE}, and nothing else. */
function serveFolder(folder: string, headers: Record<string, string> = {}): Host {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
    const { pathname } = new URL(url);
    const name = pathname.startsWith(PLACE) ? pathname.slice(PLACE.length) : "outside";
    asked.push(name);
    try {
      const path = name === "" ? "index.html" : name;
      const type = TYPES[/[a-z]+$/.exec(path)![0]] ?? "application/octet-stream";
      return new Response(await Deno.readFile(`${folder}/${path}`), {
        headers: { "content-type": type, ...headers },
      });
    } catch {
      return new Response("nothing here", { status: 404 });
    }
  });
  let isUp = true;
  const end = async () => {
    if (isUp) await server.shutdown();
    isUp = false;
  };
  const url = `http://127.0.0.1:${server.addr.port}${PLACE}`;
  return { url, asked, end, [Symbol.asyncDispose]: end };
}

/** Runs a test in the folder of a site that the command wrote. */
function withSite(test: (site: string) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const { code, stdout, stderr } = await runCommand("site", ["--out", "site"], folder);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^site: \d+ files, \d+\.\d MB\n$/);
    const licenses = await Deno.readTextFile(`${folder}/site/LICENSES.txt`);
    assertMatch(licenses, /^Groundray\s+Apache License/);
    for (
      const name of ["onnxruntime-web 1", "imagescript 1", "dcmjs-codecs 0", "@noble/hashes 2"]
    ) {
      assert(licenses.includes(`\n${name}`), name);
    }
    await test(`${folder}/site`);
  });
}

/** Waits for an open model; a page that still has its X-ray says no more of it. */
const opened = (page: Page) =>
  page.locator("#place", { hasText: "Running on" }).waitFor({ state: "attached" });
const place = async (page: Page) => (await page.locator("#place").textContent())!;
const isIsolated = (page: Page) => page.evaluate(() => globalThis.crossOriginIsolated);

/** Names of the caches, and the paths of the files in them. */
const kept = (page: Page) =>
  page.evaluate(async () => {
    const names = await caches.keys();
    const files = await Promise.all(
      names.map(async (name) => await (await caches.open(name)).keys()),
    );
    return { names, files: files.flat().map(({ url }) => new URL(url).pathname) };
  });

/** Waits until the service worker keeps all files that every visit needs. */
async function untilKept(page: Page): Promise<void> {
  for (;;) {
    const { files } = await kept(page);
    if (/tokenizer\/vocab/.test(files.join()) && /native-codecs/.test(files.join())) return;
    await page.waitForTimeout(100);
  }
}

/** Grounds a phrase in an X-ray of the visitor's own. */
async function groundOwn(page: Page): Promise<void> {
  await pick(page, "own.png", await grayImage(phantom).encode());
  await page.locator("#xray", { hasText: "420 x 512 pixels" }).waitFor();
  await ground(page, PHRASES.slice(0, 1));
  await done(page);
}

/** Bytes of files in gzip. */
async function gzipped(site: string, names: Iterable<string>): Promise<number> {
  let sum = 0;
  for (const name of names) {
    const bytes = await Deno.readFile(`${site}/${name || "index.html"}`);
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
    sum += (await new Response(stream).bytes()).length;
  }
  return sum;
}

/** A plain host below a path: threads, few bytes, offline, and a clean update. */
async function onPlainHost(site: string): Promise<void> {
  await using host = serveFolder(site);
  await withPage(async (page) => {
    await page.goto(host.url);
    await opened(page);
    assertEquals(await isIsolated(page), true);
    assertMatch(await place(page), /WebAssembly with \d+ threads? runs the model\.( |$)/);
    await groundOwn(page);
    await untilKept(page);
    // The page is loaded twice, and each of the large files once.
    const large = host.asked.filter((name) => /^(ort|packages|demo)-/.test(name));
    assertEquals(large.length, new Set(large).size);
    const visit = new Set(host.asked);
    assert(!visit.has("outside"));
    const isModel = (name: string) => name.startsWith("demo-");
    const bytes = await gzipped(site, [...visit].filter((name) => !isModel(name)));
    assert(bytes > 4e6 && bytes < 12e6, `a first visit takes ${bytes} bytes`);
    // Every other build of the runtime keeps the visit below the limit too.
    const own = [...visit].filter((name) => !name.startsWith("ort-") && !isModel(name));
    const builds = (await Array.fromAsync(Deno.readDir(site)))
      .filter(({ name }) => name.startsWith("ort-"));
    const runtime = builds[0]!.name;
    const largest = ["ort.webgpu.js", "ort-wasm-simd-threaded.asyncify.wasm"];
    const most = await gzipped(site, [...own, ...largest.map((name) => `${runtime}/${name}`)]);
    assert(most < 12e6, `a first visit takes up to ${most} bytes`);

    // Warm: the host is asked for the page, and for a newer service worker.
    host.asked.length = 0;
    await page.reload();
    await opened(page);
    assertEquals(await isIsolated(page), true);
    assertEquals(host.asked.filter((name) => !/^(sw\.js)?$/.test(name)), []);

    // A new version shows at the next visit, still isolated, and removes the old one's files.
    const style = new URL(`file://${site}/../style.css`);
    await Deno.writeTextFile(style, "h1 { letter-spacing: 3px; }");
    const changed = new Map([...PAGE_FILES, ["/style.css", { file: style }] as const]);
    const before = (await kept(page)).names;
    await writeSite(site, await siteFiles(changed));
    await page.reload();
    await opened(page);
    const spacing = () =>
      page.locator("h1").evaluate((title) => getComputedStyle(title).letterSpacing);
    assertEquals([await spacing(), await isIsolated(page)], ["3px", true]);
    // The old version's service worker leaves with its last page. A page beside the site shows when.
    await page.goto(new URL("/", host.url).href);
    while (await page.evaluate(async (old) => await caches.has(old), before[0]!)) {
      await page.waitForTimeout(100);
    }
    await page.goto(host.url);
    await opened(page);
    await untilKept(page);
    const { names, files } = await kept(page);
    assertEquals(names.length, 1);
    const apps = new Set(files.flatMap((path) => /\/app-\w+/.exec(path) ?? []));
    assertEquals(apps.size, 1);

    // Offline, also by another address of the page.
    await host.end();
    await page.reload();
    await opened(page);
    assertEquals([await spacing(), await isIsolated(page)], ["3px", true]);
    await groundOwn(page);
    await page.goto("about:blank");
    await page.goto(`${host.url}index.html?from=link`);
    await opened(page);
  }, { expected: ["ERR_CONNECTION_REFUSED", "fetching the script", "404"] });
}

/** A host that isolates the page: the page loads once. */
async function onIsolatingHost(site: string): Promise<void> {
  const isolation = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  await using isolating = serveFolder(site, isolation);
  await withPage(async (page) => {
    let loads = 0;
    page.on("framenavigated", () => loads++);
    await page.goto(isolating.url);
    await opened(page);
    assertEquals([loads, await isIsolated(page)], [1, true]);
    await untilKept(page);
    const large = isolating.asked.filter((name) => /^(ort|packages|demo)-/.test(name));
    assertEquals(large.length, new Set(large).size);
  });
}

/** A browser without service workers: one thread, and the reason. */
async function withoutServiceWorker(site: string): Promise<void> {
  await using plain = serveFolder(site);
  await withPage(async (page) => {
    await page.goto(plain.url);
    await opened(page);
    assertEquals(await isIsolated(page), false);
    assertMatch(
      await place(page),
      /with 1 thread runs the model, since the browser does not isolate this page from other sites\.( |$)/,
    );
    await groundOwn(page);
  }, { serviceWorkers: "block", expected: ["registration blocked by Playwright"] });
}

Deno.test("deno task site writes a page for any host: isolated or not, offline, and updated", (t) =>
  withSite(async (site) => {
    for (const test of [onIsolatingHost, withoutServiceWorker, onPlainHost]) {
      await t.step(test.name, () => test(site));
    }
  }));
