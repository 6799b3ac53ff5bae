/**
 * Requests for parts of files: hosts that are allowed, redirects, tokens and stalls.
 *
 * @module
 */

import { printable } from "../base/text.ts";
import { type FileFacts, HUB_SITE, type HubFile, lacksFile, readFacts, type Site } from "./hub.ts";

/** Source of the files, and the conditions of a request. */
export interface Source {
  /** Address of the hub or of a mirror, without a slash at the end. */
  readonly endpoint: string;
  /** Hosts that may be asked, with their ports unless standard; `*.` stands for a host and all below. */
  readonly hosts: readonly string[];
  /** Token that the endpoint gets if it refuses a request without one. */
  readonly token?: string;
  /** Reason why a token in `HF_TOKEN` is not sent, and how to send it; absent if nothing is withheld. */
  readonly withheld?: string;
  /**
   * Milliseconds without any byte after which a connection counts as broken.
   *
   * @default {30_000}
   */
  readonly stall?: number;
  /**
   * The site whose paths the endpoint has.
   *
   * @default {The Hugging Face hub}
   */
  readonly site?: Site;
}

/** A connection that broke, or a server that is overloaded: another try may succeed. */
export class Interruption extends Error {
  override name = "Interruption";
  /** Milliseconds to wait before another try, if the server states them. */
  readonly wait: number | undefined;

  /**
   * @param message Reason in words.
   * @param wait Milliseconds to wait, if the server states them.
   */
  constructor(message: string, wait?: number) {
    super(message);
    this.wait = wait;
  }
}

/** An answer with the bytes of a file from one position on. */
export interface RangeAnswer {
  /** Facts about the whole file. */
  readonly facts: FileFacts;
  /** Position of the first byte; 0 if the server sends the whole file. */
  readonly begin: number;
  /** Bytes of the whole file, if known. */
  readonly size: number | undefined;
  /** Yields the bytes. Throws {@linkcode Interruption} if the connection breaks or stalls. */
  readonly bytes: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Ends the answer. */
  cancel(): void;
}

/** Most redirects that are followed; the hub needs two. */
const MAX_REDIRECTS = 5;

/** Milliseconds without any byte after which a connection counts as broken. */
const STALL = 30_000;

/** Longest wait in milliseconds that a server may ask for. */
const LONGEST_WAIT = 120_000;

/**
 * An address is allowed if its host is named. A source by https must not lead to http, which would
 * show the address and the file to everyone between.
 */
export function isAllowed(
  url: URL,
  { endpoint, hosts }: Pick<Source, "endpoint" | "hosts">,
): boolean {
  const isSecure = url.protocol === "https:" ||
    url.protocol === "http:" && endpoint.startsWith("http:");
  return isSecure &&
    hosts.some((host) =>
      host.startsWith("*.")
        ? url.host === host.slice(2) || url.host.endsWith(host.slice(1))
        : url.host === host
    );
}

/**
 * Asks for a range of a file.
 *
 * @param begin First byte.
 * @param end Byte after the last; the end of the file if absent.
 * @returns `undefined` if the range begins after the end of the file.
 * @throws {Interruption} If another try may succeed.
 * @throws {Error} If the file is refused, or a redirect leads to a host that is not allowed.
 */
export async function requestRange(
  source: Source,
  file: HubFile,
  begin: number,
  end: number | undefined,
  signal: AbortSignal,
): Promise<RangeAnswer | undefined> {
  const connection = new Connection(signal, source.stall ?? STALL);
  try {
    let hadToken = false;
    let { response, facts } = await follow(source, file, begin, end, connection, hadToken);
    if ((response.status === 401 || response.status === 403) && source.token) {
      await response.body?.cancel();
      hadToken = true;
      ({ response, facts } = await follow(source, file, begin, end, connection, hadToken));
    }
    if (response.status === 200 || response.status === 206) {
      return answer(response, facts, file, connection);
    }
    const { status, headers } = response;
    connection.close();
    if (status === 416) return undefined;
    const { host } = new URL(response.url);
    if (status === 429 || status === 408 || status >= 500) {
      throw new Interruption(`${host} answered ${status}`, waitOf(headers));
    }
    const { endpoint, withheld } = source;
    const isEndpoint = new URL(response.url).origin === new URL(endpoint).origin;
    const context = { host, isEndpoint, hadToken, ...(withheld && { withheld }) };
    const { site = HUB_SITE } = source;
    const Refusal = isEndpoint && lacksFile(status, headers) ? AbsentFile : Error;
    throw new Refusal(site.describeRefusal(status, headers, file, context));
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The repository exists and lacks a file: another path may have it. */
export class AbsentFile extends Error {
  override name = "AbsentFile";
}

/** Milliseconds that a server asks to wait. */
function waitOf(headers: Headers): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? NaN);
  return seconds >= 0 ? Math.min(seconds * 1000, LONGEST_WAIT) : undefined;
}

/** Follows redirects. Only the endpoint's own origin gets the token. */
async function follow(
  source: Source,
  file: HubFile,
  begin: number,
  end: number | undefined,
  connection: Connection,
  hasToken: boolean,
): Promise<{ response: Response; facts: FileFacts }> {
  const { origin } = new URL(source.endpoint);
  let url = (source.site ?? HUB_SITE).fileUrl(source.endpoint, file);
  let stated: FileFacts = {};
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    requireAllowed(url, source, file);
    const response = await connection.fetch(url, {
      range: `bytes=${begin}-${end === undefined ? "" : end - 1}`,
      // Ranges count stored bytes, not compressed ones.
      "accept-encoding": "identity",
      ...(hasToken && url.origin === origin && { authorization: `Bearer ${source.token}` }),
    });
    const own = readFacts(response.headers);
    const location = response.headers.get("location");
    const isRedirect = response.status >= 300 && response.status < 400 && location !== null;
    const { sha256, size, commit } = own;
    // Only the endpoint knows the file's hash and commit; a redirect's own tag is another thing.
    if (url.origin === origin) {
      stated = {
        ...stated,
        ...(sha256 && { sha256 }),
        ...(size !== undefined && { size }),
        ...(commit && { commit }),
      };
    }
    if (!isRedirect) {
      return { response, facts: { ...stated, ...(own.etag && { etag: own.etag }) } };
    }
    await response.body?.cancel();
    const next = URL.parse(location, url);
    if (!next) throw new Error(`Cannot fetch "${file.path}": ${url.host} redirects to no address`);
    url = next;
  }
  throw new Error(
    `Cannot fetch "${file.path}": ${url.host} redirects more than ${MAX_REDIRECTS} times`,
  );
}

function requireAllowed(url: URL, source: Source, file: HubFile): void {
  if (isAllowed(url, source)) return;
  const { endpoint, hosts, site = HUB_SITE } = source;
  throw new Error(
    `Cannot fetch "${file.path}" of ${file.repository}: ${new URL(endpoint).host} sends on to ` +
      `${printable(url.origin)}, which is not among the hosts that were named (${
        hosts.join(", ")
      })` +
      (endpoint === site.home ? "" : "; if the mirror's files are there, name it with --cdn"),
  );
}

/** Reads the range and the size of an answer. */
function answer(
  response: Response,
  facts: FileFacts,
  { path }: HubFile,
  connection: Connection,
): RangeAnswer {
  const range = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/
    .exec(response.headers.get("content-range") ?? "");
  const { host } = new URL(response.url);
  const encoding = response.headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    throw new Error(
      `Cannot fetch "${path}": ${host} sends it compressed, although the request forbids it; ` +
        "another --mirror may do better",
    );
  }
  // No file of a model is a web page. A page of errors or for a login has its length and hash too.
  if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
    throw new Error(
      `Cannot fetch "${path}": ${host} sends a web page in its place; does this network want a login?`,
    );
  }
  if (response.status === 206 && !range) {
    throw new Error(`Cannot fetch "${path}": ${host} sends a part, and does not say which`);
  }
  const length = response.headers.get("content-length");
  const text = range ? range[2]! : length ?? "*";
  const size = /^\d{1,15}$/.test(text) ? Number(text) : facts.size;
  if (size !== undefined && facts.size !== undefined && size !== facts.size) {
    throw new Error(
      `Cannot fetch "${path}": ${host} has ${size} bytes, but the repository says ${facts.size}`,
    );
  }
  return {
    facts,
    begin: range ? Number(range[1]) : 0,
    size,
    bytes: connection.read(response),
    cancel: () => connection.close(),
  };
}

/** One connection, which ends when it stalls or the caller's signal aborts. */
class Connection {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal;
  readonly #stall: number;
  readonly #onAbort: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStalled = false;

  constructor(caller: AbortSignal, stall: number) {
    [this.#caller, this.#stall] = [caller, stall];
    this.#onAbort = () => this.#controller.abort();
    caller.addEventListener("abort", this.#onAbort);
    if (caller.aborted) this.#onAbort();
    this.#watch();
  }

  async fetch(url: URL, headers: Record<string, string>): Promise<Response> {
    this.#watch();
    const { signal } = this.#controller;
    try {
      return await fetch(url, { headers, redirect: "manual", signal });
    } catch (error) {
      throw this.#reason(error, url.host);
    }
  }

  async *read(response: Response): AsyncIterable<Uint8Array<ArrayBuffer>> {
    const { host } = new URL(response.url);
    try {
      this.#watch();
      for await (const bytes of response.body ?? []) {
        this.#watch();
        yield bytes;
        this.#watch();
      }
    } catch (error) {
      throw this.#reason(error, host);
    } finally {
      this.close();
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isStalled = true;
      this.#controller.abort();
    }, this.#stall);
  }

  /** Puts a failure of the network in words. */
  #reason(error: unknown, host: string): unknown {
    if (this.#caller.aborted) return this.#caller.reason;
    if (this.#isStalled) {
      return new Interruption(`${host} sent nothing for ${Math.round(this.#stall / 1000)} s`);
    }
    // `fetch` and the body throw a TypeError if the network fails; its cause has the details.
    if (!(error instanceof TypeError)) return error;
    const details = `${error.message} ${(error.cause as Error | undefined)?.message}`;
    if (/certificate/i.test(details)) {
      return new Error(
        `Cannot fetch from ${host}: its certificate is not trusted; for a proxy whose certificate ` +
          "this machine trusts set DENO_TLS_CA_STORE=system",
      );
    }
    return new Interruption(
      /dns error|failed to lookup/i.test(details)
        ? `the address of ${host} cannot be looked up, as on a machine without a network`
        : /\(Connect\)/.test(details)
        ? `${host} cannot be reached`
        : `the connection to ${host} broke`,
    );
  }
}
