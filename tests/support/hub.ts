/**
 * Plays the Hugging Face hub on this machine: one server for the hub, one for its storage host,
 * and a third one that nobody may ask.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** A request that a server got. */
export interface SeenRequest {
  /** Server that got the request. */
  readonly server: "hub" | "storage" | "stranger";
  /** Path of the address. */
  readonly path: string;
  /** Range that was asked for. */
  readonly range: string | null;
  /** Header with the token. */
  readonly authorization: string | null;
}

/** A file in a repository. */
export interface HubFileContent {
  bytes: Uint8Array<ArrayBuffer>;
  /** Large files are on the storage host, and the hub states their SHA-256. */
  isLarge: boolean;
}

/** Answers a request in place of a server, or returns nothing to leave it to the server. */
export type Prank = (request: SeenRequest) => Response | undefined;

/** Commit that every revision stands for. */
export const COMMIT = "c0ffee".padEnd(40, "0");

/** The servers. */
export class FakeHub implements AsyncDisposable {
  /** Files by `owner/name/path`. */
  readonly files = new Map<string, HubFileContent>();
  /** All requests in order. */
  readonly seen: SeenRequest[] = [];
  /** Answers requests in place of the servers. */
  prank: Prank = () => undefined;
  /** Server to which the hub redirects. */
  redirectsTo: "storage" | "stranger" = "storage";
  readonly #servers: Record<SeenRequest["server"], Deno.HttpServer<Deno.NetAddr>>;

  constructor() {
    const start = (server: SeenRequest["server"]) =>
      Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {}, onError }, (request) => {
        const seen = {
          server,
          path: decodeURIComponent(new URL(request.url).pathname),
          range: request.headers.get("range"),
          authorization: request.headers.get("authorization"),
        };
        this.seen.push(seen);
        return this.prank(seen) ?? this.#answer(seen);
      });
    const onError = () => new Response(null, { status: 500 });
    this.#servers = { hub: start("hub"), storage: start("storage"), stranger: start("stranger") };
  }

  /** Adds a file; with a text, a small file. */
  add(name: string, content: string | Uint8Array<ArrayBuffer>): void {
    const isLarge = typeof content !== "string";
    this.files.set(name, { bytes: isLarge ? content : new TextEncoder().encode(content), isLarge });
  }

  /** Host and port of a server. */
  host(server: SeenRequest["server"]): string {
    return `127.0.0.1:${this.#servers[server].addr.port}`;
  }

  /** Address of the hub. */
  get endpoint(): string {
    return `http://${this.host("hub")}`;
  }

  /** Requests to the storage host. */
  get stored(): SeenRequest[] {
    return this.seen.filter(({ server }) => server === "storage");
  }

  #answer({ server, path, range }: SeenRequest): Response {
    const [, owner, name, kind, , ...rest] = path.split("/");
    if (server !== "hub") return sendRange(this.files.get(path.slice(1))!.bytes, range);
    const file = this.files.get([owner, name, ...rest].join("/"));
    if (kind !== "resolve" || !file) {
      return new Response(null, { status: 404, headers: { "x-error-code": "EntryNotFound" } });
    }
    const { bytes, isLarge } = file;
    const headers = { "x-repo-commit": COMMIT, "x-linked-size": `${bytes.length}` };
    if (!isLarge) {
      return sendRange(bytes, range, { ...headers, etag: `"${digest(bytes, "sha1")}"` });
    }
    const location = `http://${this.host(this.redirectsTo)}/${owner}/${name}/${
      rest.join("/")
    }?signed`;
    const etag = `"${digest(bytes, "sha256")}"`;
    return new Response(null, {
      status: 302,
      headers: { ...headers, location, "x-linked-etag": etag },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Object.values(this.#servers).map((server) => server.shutdown()));
  }
}

/** Sends a range of bytes as a storage host does. */
export function sendRange(
  bytes: Uint8Array<ArrayBuffer>,
  range: string | null,
  headers: Record<string, string> = {},
  body: (part: Uint8Array<ArrayBuffer>) => BodyInit = (part) => part,
): Response {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "bytes=0-")!;
  const begin = Number(first);
  if (begin >= bytes.length) return new Response(null, { status: 416 });
  const end = Math.min(bytes.length, last ? Number(last) + 1 : bytes.length);
  return new Response(body(bytes.slice(begin, end)), {
    status: 206,
    headers: {
      etag: '"of-the-storage-host"',
      ...headers,
      "content-length": `${end - begin}`,
      "content-range": `bytes ${begin}-${end - 1}/${bytes.length}`,
    },
  });
}

/** A body that ends with a broken connection, or never ends, after some of its bytes. */
export function brokenBody(
  part: Uint8Array<ArrayBuffer>,
  count: number,
  end: "break" | "stall" = "break",
): ReadableStream<Uint8Array> {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (!isSent) controller.enqueue(part.slice(0, count));
      else if (end === "break") controller.error(new Error("broken on purpose"));
      else return new Promise(() => {});
      isSent = true;
    },
  });
}

/** Hash in hexadecimal. */
export function digest(bytes: Uint8Array, algorithm: "sha1" | "sha256" | "md5"): string {
  return createHash(algorithm).update(bytes).digest("hex");
}

/** Bytes that do not repeat. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (state * 48271) % 0x7fffffff) & 0xff);
}
