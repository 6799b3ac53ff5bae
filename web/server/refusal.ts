/**
 * Which requests the server does not answer, whatever they ask for.
 *
 * @module
 */

/** A request that is not answered. */
export interface Refusal {
  /** HTTP status. */
  readonly status: 403 | 405 | 414;
  /** Why, in a sentence. */
  readonly message: string;
}

/** Most characters of a request's address. */
const MAX_ADDRESS = 2048;

/**
 * Tells whether a request may come from the server's own page, or from somebody at
 * this machine. A name of another's that leads to this machine (DNS rebinding) shows
 * in `Host`; another page shows in `Origin` or `Sec-Fetch-Site`, which no page can
 * choose, one of another port of this machine too.
 *
 * @param request The request.
 * @param port The server's port.
 * @returns `undefined` if it may be answered.
 */
export function refusal({ method, url, headers }: Request, port: number): Refusal | undefined {
  if (url.length > MAX_ADDRESS) {
    return { status: 414, message: `The address is longer than ${MAX_ADDRESS} characters` };
  }
  const origins = ["127.0.0.1", "localhost"].map((name) => new URL(`http://${name}:${port}`));
  const host = headers.get("host")?.toLowerCase();
  const target = URL.parse(url)?.host;
  const own = origins.find((origin) => origin.host === host);
  if (!own || target !== own.host) {
    const names = origins.map((origin) => origin.host).join(" or ");
    return { status: 403, message: `Only requests to ${names} are answered` };
  }
  const isUpgrade = headers.has("upgrade");
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site");
  const isForeign = origin !== null ? origin !== own.origin : isUpgrade;
  if (isForeign || site !== null && site !== "same-origin" && site !== "none") {
    return { status: 403, message: "Only this server's own page is answered, not another site's" };
  }
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, message: "Only GET and HEAD are answered" };
  }
  return undefined;
}
