/**
 * The files of the page, by their addresses: nothing else is ever read for one.
 *
 * @module
 */

import { bundleScript } from "../bundle.ts";
import { respond } from "./responses.ts";

/** A file of the page. */
export interface AssetSource {
  /** Where it is. */
  readonly file: URL;
  /** Whether it is a module that is made into one script with all that it imports. */
  readonly isScript?: boolean;
  /** What such a script imports at run time, and where from. */
  readonly external?: Readonly<Record<string, string>>;
}

/** What the page asks for, by the path of its address. */
export type AssetList = ReadonlyMap<string, AssetSource>;

/** A file that can be sent. */
interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same in gzip, where that is much less. */
  readonly gzipped?: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
  png: "image/png",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
};

/** What is text and so shrinks; the rest is sent as it is, since nothing is far away. */
const IS_TEXT = /text|json|svg/;

/** The page's files, read when they are asked for and kept. */
export class Assets {
  readonly #list: AssetList;
  readonly #read = new Map<string, Promise<Asset>>();

  /**
   * @param list What there is.
   */
  constructor(list: AssetList) {
    this.#list = list;
  }

  /** Makes the scripts, which takes a second or two. */
  async prepare(): Promise<void> {
    for (const [path, { isScript }] of this.#list) if (isScript) await this.#get(path);
  }

  /**
   * Answers a request for a file.
   *
   * @returns `undefined` where there is none.
   */
  async respond({ headers, url }: Request): Promise<Response | undefined> {
    const { pathname } = new URL(url);
    const source = this.#list.get(pathname);
    if (!source) return undefined;
    const { bytes, gzipped, etag } = await this.#get(pathname);
    const type = typeOf(source);
    // Asked for each time, but sent only if it is another.
    const kept = { etag, "cache-control": "no-cache", "vary": "accept-encoding" };
    if (headers.get("if-none-match") === etag) return respond(null, kept, 304);
    const isZipped = gzipped && /\bgzip\b/.test(headers.get("accept-encoding") ?? "");
    return respond(isZipped ? gzipped : bytes, {
      ...kept,
      "content-type": type,
      ...(isZipped && { "content-encoding": "gzip" }),
    });
  }

  #get(path: string): Promise<Asset> {
    const known = this.#read.get(path);
    if (known) return known;
    const asset = readAsset(this.#list.get(path)!);
    this.#read.set(path, asset);
    asset.catch(() => this.#read.delete(path));
    return asset;
  }
}

function typeOf({ file, isScript }: AssetSource): string {
  const ending = isScript ? "js" : /\.([a-z]+)$/.exec(file.pathname)?.[1] ?? "";
  return TYPES[ending] ?? "application/octet-stream";
}

async function readAsset(source: AssetSource): Promise<Asset> {
  const { file, isScript, external = {} } = source;
  const bytes = isScript ? await bundleScript(file, { external }) : await Deno.readFile(file);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 16);
  const etag = `"${digest.toHex()}"`;
  if (!IS_TEXT.test(typeOf(source))) return { bytes, etag };
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return { bytes, etag, gzipped: await new Response(stream).bytes() };
}
