/// <reference lib="dom" />
/**
 * The page as static files, which need no server but a host of files.
 *
 * @module
 */

import { parseHTML } from "linkedom";
import manifest from "../../deno.json" with { type: "json" };
import type { ServerFacts } from "../review_api.ts";
import { type AssetList, type AssetSource, readSource } from "../server/assets.ts";
import { FOLDERS, modelFiles, PAGE_FILES } from "../server/page_files.ts";
import { POLICY } from "../server/responses.ts";
import { licensesOf } from "./licenses.ts";

/** Content of files by their paths below the site's folder. */
export type SiteFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Digits of a hash in a folder's name. */
const DIGITS = 12;

/**
 * Makes the files of the page that runs the model itself. All addresses in them are relative.
 *
 * Files lie in folders by how often they change. A folder's name holds a hash of its content, so a
 * browser may keep each file for good.
 *
 * @param page Sources of the page's own files.
 * @returns `index.html` and `sw.js` come last, because they name all others.
 */
export async function siteFiles(page: AssetList = PAGE_FILES): Promise<SiteFiles> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const used = new Set<string>();
  /** Adds files below a folder, and names the folder by their hash. */
  const addFolder = async (
    start: string,
    sources: readonly (readonly [path: string, source: AssetSource])[],
  ) => {
    const read = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const [path, source] of sources) {
      read.set(path, await readSource(source, (file) => used.add(file)));
    }
    const folder = `${start}-${await hashOf(read)}`;
    for (const [path, bytes] of read) files.set(`${folder}/${path}`, bytes);
    return folder;
  };
  const plain = modelFiles();
  const folders: Record<string, string> = {};
  for (const [name, start] of Object.entries(FOLDERS)) {
    const own = [...plain].flatMap(([path, source]): [string, AssetSource][] =>
      path.startsWith(`/${start}`) ? [[path.slice(start.length + 1), source]] : []
    );
    folders[name] = await addFolder(name, own);
  }
  // The scripts lie in a folder beside these folders.
  const beside = (name: keyof typeof FOLDERS) => `../${folders[name]}/`;
  const named = modelFiles({
    ort: beside("ort"),
    packages: beside("packages"),
    demo: beside("demo"),
  });
  const scripts = [...page, ["/worker.js", named.get("/worker.js")!] as const]
    .filter(([path]) => path !== "/")
    .map(([path, source]): [string, AssetSource] => [path.slice(1), source]);
  const app = await addFolder("app", scripts);

  const html = new TextDecoder().decode(await readSource(page.get("/")!));
  const encode = (text: string) => new TextEncoder().encode(text);
  files.set("LICENSES.txt", encode(await licensesOf(used)));
  files.set("index.html", encode(toStatic(html, app)));
  const within = (folder: string) => [...files.keys()].filter((path) => path.startsWith(folder));
  const service = {
    version: await hashOf(files),
    shell: ["", ...within(`${app}/`)],
    rest: [...within(`${folders.packages}/`), ...within(`${folders.demo}/`)],
    runtimes: within(`${folders.ort}/`),
    policy: POLICY,
  };
  const file = new URL("service_worker.ts", import.meta.url);
  const define = { SITE: JSON.stringify(service) };
  return files.set("sw.js", await readSource({ file, isScript: true, define }));
}

/** Hash over paths and contents, in hexadecimal digits. */
async function hashOf(files: SiteFiles): Promise<string> {
  const hashes = await Promise.all(
    [...files].map(async ([path, bytes]) => `${await sha256(bytes)} ${path}\n`),
  );
  return (await sha256(new TextEncoder().encode(hashes.join("")))).slice(0, DIGITS);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Points the page to its files, and adds the policy and the facts that a server would send. */
function toStatic(html: string, app: string): string {
  const { document } = parseHTML(html);
  for (const name of ["href", "src"]) {
    for (const element of document.querySelectorAll(`head [${name}]`)) {
      const address: string = element.getAttribute(name)!;
      if (!address.includes(":")) element.setAttribute(name, `${app}/${address}`);
    }
  }
  const facts: ServerFacts = {
    version: manifest.version,
    on: "page",
    device: "auto",
    results: false,
    token: false,
  };
  const policy = document.createElement("meta");
  policy.setAttribute("http-equiv", "content-security-policy");
  policy.setAttribute("content", POLICY);
  const own = document.createElement("meta");
  own.setAttribute("name", "groundray");
  own.setAttribute("content", JSON.stringify(facts));
  document.querySelector("meta[charset]")!.after(policy, own);
  return document.toString();
}
