/**
 * Script of the service worker of the page as static files. It isolates the page from other sites
 * where the host does not, since WebAssembly's threads need that. It keeps the files for use offline.
 *
 * Names of files hold hashes, so a file of a name never changes. The page itself comes from the
 * network if there is one: a new version shows at once. The new version's service worker waits while
 * a page of the old version is open. Then it removes the old files.
 *
 * @module
 */

/** Facts that the bundler sets. */
declare const SITE: {
  /** Hash of all files. */
  readonly version: string;
  /** The page and its scripts, which the first visit keeps before it starts. */
  readonly shell: readonly string[];
  /** Further files that every visit needs. */
  readonly rest: readonly string[];
  /** Builds of the runtime; a browser keeps the builds that it uses. */
  readonly runtimes: readonly string[];
  /** The content security policy, for responses that become workers. */
  readonly policy: string;
};

/** An event whose work the browser waits for. */
interface WaitingEvent {
  waitUntil(work: Promise<unknown>): void;
}

/** A request of a page or its workers. */
interface FetchEvent {
  readonly request: Request & { readonly mode: string };
  respondWith(response: Promise<Response>): void;
}

/** The part of the service worker's global scope that this script uses. */
interface Scope {
  readonly registration: { readonly scope: string; readonly active: unknown };
  readonly clients: { claim(): Promise<void> };
  oninstall: (event: WaitingEvent) => void;
  onactivate: (event: WaitingEvent) => void;
  onmessage: (event: WaitingEvent) => void;
  onfetch: (event: FetchEvent) => void;
}

const scope = globalThis as unknown as Scope;

/** Address of the page; the addresses of all files begin with it. */
const ROOT = scope.registration.scope;

/** Begins the names of the caches of every version at this address, and of no other page's. */
const CACHES = `groundray ${ROOT} `;
const CACHE = CACHES + SITE.version;

/** Files that this version keeps. */
const OWN = new Set([...SITE.shell, ...SITE.rest, ...SITE.runtimes]);

/** Headers of isolation: a page with both has threads. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

scope.oninstall = (event) => event.waitUntil(install());
scope.onactivate = (event) => event.waitUntil(removeOld().then(() => scope.clients.claim()));
// The page asks for the rest after its start, which must not wait for the rest.
scope.onmessage = (event) => event.waitUntil(keepAll(SITE.rest));
scope.onfetch = (event) => {
  const { request } = event;
  const address = request.url.replace(/[?#].*$/, "");
  if (request.method !== "GET" || !address.startsWith(ROOT)) return;
  const name = address.slice(ROOT.length);
  const isPage = name === "" || name === "index.html";
  event.respondWith((isPage ? openPage(request) : open(request, name)).then(isolate));
};

async function install(): Promise<void> {
  const isFirst = !scope.registration.active;
  await keepAll(isFirst ? SITE.shell : [...SITE.shell, ...SITE.rest, ...await usedRuntimes()]);
}

/** Lists the builds of the runtime that an earlier version used: an offline page needs the same. */
async function usedRuntimes(): Promise<string[]> {
  const last = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const used = new Set<string>();
  for (const name of await ownCaches()) {
    for (const { url } of await (await caches.open(name)).keys()) used.add(last(url));
  }
  return SITE.runtimes.filter((name) => used.has(last(name)));
}

async function ownCaches(): Promise<string[]> {
  return (await caches.keys()).filter((name) => name.startsWith(CACHES));
}

async function removeOld(): Promise<void> {
  for (const name of await ownCaches()) if (name !== CACHE) await caches.delete(name);
}

/** Files on their way into the cache: a page and {@linkcode keepAll} may want the same file. */
const pending = new Map<string, Promise<void>>();

async function keepAll(names: readonly string[]): Promise<void> {
  for (const name of names) await keep(name);
}

function keep(name: string): Promise<void> {
  const known = pending.get(name);
  if (known) return known;
  const work = fetchFile(name).finally(() => pending.delete(name));
  pending.set(name, work);
  return work;
}

/** @throws {Error} If the host does not give the file, or the browser does not keep it. */
async function fetchFile(name: string): Promise<void> {
  const url = ROOT + name;
  const cache = await caches.open(CACHE);
  if (await cache.match(url)) return;
  // Another version's file of the same name is the same file; the page alone has no hash.
  const isHashed = name.includes("/");
  const response = isHashed && await caches.match(url) ||
    await fetch(url, { cache: isHashed ? "default" : "no-cache" });
  if (!response.ok) throw new Error(`Cannot keep "${name}": the host says ${response.status}`);
  await cache.put(url, response);
}

/** Answers for a file, of any version. */
async function open(request: Request, name: string): Promise<Response> {
  // A browser without space for the file gets it from the network below.
  if (OWN.has(name)) await keep(name).catch(() => {});
  return await caches.match(ROOT + name) ?? await fetch(request);
}

/** Answers for the page: from the network, or without one from the cache. */
async function openPage(request: Request): Promise<Response> {
  const kept = async () => await (await caches.open(CACHE)).match(ROOT);
  try {
    const response = await fetch(request);
    return response.status < 500 ? response : await kept() ?? response;
  } catch (error) {
    const page = await kept();
    if (!page) throw error;
    return page;
  }
}

/** Adds the headers that isolate the page, and the policy of its workers. */
function isolate(response: Response): Response {
  // A redirection that the browser follows itself can carry no headers.
  if (response.status === 0) return response;
  const { status, statusText } = response;
  const headers = new Headers({ ...Object.fromEntries(response.headers), ...ISOLATION });
  headers.append("content-security-policy", SITE.policy);
  return new Response(response.body, { status, statusText, headers });
}
