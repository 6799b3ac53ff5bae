/**
 * The key without which a run's results are not shown.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";

/** Random bytes of a key. */
const KEY_BYTES = 24;

function draw(): string {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** Compares in a time that tells nothing of where they differ. */
function isEqual(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => new TextEncoder().encode(text)) as [
    Uint8Array,
    Uint8Array,
  ];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * A server's key. The page keeps it and sends it with every request: a cookie would
 * go to every port of this machine, another user's among them.
 */
export class AccessKey {
  /** The key itself. */
  readonly token: string = draw();
  #ticket: string | undefined;

  /**
   * Makes what can be exchanged for the key once. It is for a command line, such as
   * that which opens a browser: other users of the machine can read it there.
   */
  issueTicket(): string {
    return this.#ticket = draw();
  }

  /** Whether it is the ticket; it is none afterwards. */
  takeTicket(ticket: string): boolean {
    const isTicket = this.#ticket !== undefined && isEqual(this.#ticket, ticket);
    if (isTicket) this.#ticket = undefined;
    return isTicket;
  }

  /**
   * Whether a request has the key: as `Authorization: Bearer`, or as `token` in its
   * address, where the page cannot set a header.
   */
  admits(request: Request): boolean {
    const header = /^Bearer (.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    const given = header ?? new URL(request.url).searchParams.get("token");
    return given !== null && isEqual(given, this.token);
  }
}
