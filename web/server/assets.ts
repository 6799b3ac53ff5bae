/**
 * Serves the page's files by a fixed list of addresses; no address can name another file.
 *
 * @module
 */

import { type BundleOptions, bundleScript } from "../bundle.ts";
import { respond } from "./responses.ts";

/** Source of one file of the page; names for the bundler apply to a script. */
export interface AssetSource extends Pick<BundleOptions, "external" | "define"> {
  /** Address of the file on disk. */
  readonly file: URL;
  /** Whether the file is a module to bundle with its imports into one script. */
  readonly isScript?: boolean;
}

/** Sources of the page's files, by the path of the request's address. */
export type AssetList = ReadonlyMap<string, AssetSource>;

/** A file ready to send. */
interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes in gzip; only for text. */
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

/** Media types worth compressing; other files gain little, since the server is local. */
const IS_TEXT = /text|json|svg/;

/** Reads the page's files at their first request, and keeps them. */
export class Assets {
  readonly #list: AssetList;
  readonly #read = new Map<string, Promise<Asset>>();

  /**
   * @param list All files that the server may send.
   */
  constructor(list: AssetList) {
    this.#list = list;
  }

  /** Bundles the scripts, which takes a second or two. */
  async prepare(): Promise<void> {
    for (const [path, { isScript }] of this.#list) if (isScript) await this.#get(path);
  }

  /**
   * Answers a request for a file.
   *
   * @returns `undefined` if no file has the request's address.
   */
  async respond({ headers, url }: Request): Promise<Response | undefined> {
    const { pathname } = new URL(url);
    const source = this.#list.get(pathname);
    if (!source) return undefined;
    const { bytes, gzipped, etag } = await this.#get(pathname);
    const type = typeOf(source);
    // The browser asks each time; an unchanged file is answered by 304 without a body.
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

/**
 * Reads a file of the page, or bundles it.
 *
 * @param onFile Called with the address of each file that goes into it.
 */
export async function readSource(
  source: AssetSource,
  onFile?: (file: string) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, isScript } = source;
  if (isScript) return await bundleScript(file, { ...source, ...(onFile && { onFile }) });
  onFile?.(file.href);
  return await Deno.readFile(file);
}

async function readAsset(source: AssetSource): Promise<Asset> {
  const bytes = await readSource(source);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 16);
  const etag = `"${digest.toHex()}"`;
  if (!IS_TEXT.test(typeOf(source))) return { bytes, etag };
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return { bytes, etag, gzipped: await new Response(stream).bytes() };
}
