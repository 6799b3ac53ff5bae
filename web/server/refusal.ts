/**
 * Decides which requests the server refuses before it looks at their path.
 *
 * @module
 */

/** Reason to refuse a request. */
export interface Refusal {
  /** HTTP status. */
  readonly status: 403 | 405 | 414;
  /** Reason, as a sentence for the user. */
  readonly message: string;
}

/** Maximum number of characters of a request's address. */
const MAX_ADDRESS = 2048;

/**
 * Refuses a request unless it may come from the server's own page or a user of this machine.
 *
 * - `Host` reveals a foreign name that resolves to this machine (DNS rebinding).
 * - `Origin` and `Sec-Fetch-Site` reveal a foreign page, even one on another port of this
 *   machine; no page can set these headers.
 *
 * @param request A request at the server's port.
 * @param port The server's port.
 * @returns The reason to refuse; `undefined` if the server may answer.
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
